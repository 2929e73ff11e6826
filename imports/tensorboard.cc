// TensorBoard runs: an event file, or a folder of runs with one or more event files each.
//
// A folder's event files are one run, read in the order of their names (which begin with their
// time), so that a later file's value for the same step counts. Its subfolders are runs of their
// own, named by their path.
#include <algorithm>

#include "imports/log_formats.h"
#include "imports/tensorboard_events.h"
#include "imports/tensorboard_folder.h"

namespace isoflop {
namespace {

void add_events(TensorBoardEvents events, const std::string& path, TrackerRun& run,
                RunImport& read) {
  for (auto& [tag, values] : events.scalars) {
    auto& series = run.metrics[tag];
    series.insert(series.end(), values.begin(), values.end());
  }
  for (auto& [name, text] : events.hparams) run.facts[name] = text;
  if (events.torn_at) {
    read.notes.push_back(path + ": the last record, at byte " + std::to_string(*events.torn_at) +
                         ", is not complete and was left out: the file was still being written");
  }
}

void say_tracked(TrackerRun& run) {
  for (const auto& [name, text] : run.facts) run.said["hparams"][name] = text;
  Json tags = Json::array();
  for (const auto& [tag, values] : run.metrics) tags.push_back(tag);
  run.said["tags"] = std::move(tags);
}

bool recognises_tensorboard(const ImportSource& source) { return begins_with_record(source.bytes); }

RunImport read_tensorboard(const ImportSource& source, const ImportOptions& options) {
  return read_tensorboard_files({{.run = run_name_of(source.path), .source = source}}, source.path,
                                options);
}

}  // namespace

RunImport read_tensorboard_files(const std::vector<TensorBoardPart>& parts, const std::string& path,
                                 const ImportOptions& options) {
  RunImport read;
  std::vector<TrackerRun> runs;
  for (const TensorBoardPart& part : parts) {
    if (runs.empty() || runs.back().source_id != part.run) runs.push_back({.source_id = part.run});
    add_events(read_tensorboard_events(part.source.bytes, part.source.path), part.source.path,
               runs.back(), read);
  }
  for (TrackerRun& run : runs) say_tracked(run);
  const bool empty = std::all_of(runs.begin(), runs.end(),
                                 [](const TrackerRun& run) { return run.metrics.empty(); });
  if (empty) {
    throw usage_error(path +
                      ": its event files hold no scalars; name the folder that TensorBoard is "
                      "given as --logdir");
  }
  add_tracker_runs(read, std::move(runs), {.path = path}, options);
  return read;
}

ImportFormat tensorboard_format() {
  return {"tensorboard", "TensorBoard's event files, or a folder of them", recognises_tensorboard,
          read_tensorboard};
}

}  // namespace isoflop
