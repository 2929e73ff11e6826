// JSON Lines of trackers.
//   Levanter's tracker_metrics.jsonl, a line for the whole run:
//     {"config": {...}, "summary": {"_step": 999, "eval/loss": 3.1, "parameter_count": ...}}
//   Levanter's JSON logger, a line an event, on stdout behind other words or in a file:
//     {"tracker": "...", "event": "log", "step": 10, "metrics": {"train/loss": 3.4}}
//   or a line a step with everything in it:
//     {"step": 10, "loss": 3.4, "val_loss": 3.5}
//
// A summary gives one point, at "_step". Lines that are no JSON are other programs' and are passed
// over; a file without a usable line is an error. Values that are objects are looked into as
// "outer/inner", not deeper than kDeepestLine.
#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "imports/log_formats.h"
#include "imports/log_lines.h"
#include "imports/python_json.h"
#include "imports/tracker_run.h"

namespace isoflop {
namespace {

constexpr int kDeepestLine = 4;
constexpr std::ptrdiff_t kMostKeys = 2000;
constexpr std::size_t kMostSaid = 2000;

std::optional<Json> json_line(std::string_view text) {
  const std::size_t brace = text.find('{');
  if (brace == std::string_view::npos) return std::nullopt;
  // An object's keys are looked up one by one: with 100,000 of them that takes minutes.
  if (std::count(text.begin(), text.end(), ':') > kMostKeys) return std::nullopt;
  try {
    Json json = parse_python_json(text.substr(brace), "");
    if (json.is_object()) return json;
  } catch (const Error&) {
    // Somebody else's braces.
  }
  return std::nullopt;
}

bool has_object(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object();
}

std::optional<std::int64_t> line_step(const Json& json) {
  for (const char* key : {"step", "_step", "global_step", "iteration"}) {
    const auto step = python_field(json, key);
    if (step && *step >= 0 && *step < 9e15) return static_cast<std::int64_t>(*step);
  }
  return std::nullopt;
}

void add_numbers(const Json& object, const std::string& prefix, std::int64_t step, int depth,
                 TrackerRun& run) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix + key;
    if (const auto number = python_number(value)) {
      run.metrics[name].push_back({.step = step, .value = *number});
    } else if (value.is_object() && depth < kDeepestLine) {
      add_numbers(value, name + "/", step, depth + 1, run);
    }
  }
}

void add_said(const Json& object, const std::string& prefix, int depth, TrackerRun& run) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix + key;
    if (value.is_object() && depth < kDeepestLine) {
      add_said(value, name + ".", depth + 1, run);
    } else if (value.is_primitive() && run.said.size() < kMostSaid) {
      run.said[name] = value;
      if (const auto number = python_number(value)) run.facts[key] = exact_number(*number);
    }
  }
}

// Whether the line says something of a run.
bool add_tracker_line(const Json& json, TrackerRun& run) {
  if (has_object(json, "config")) add_json_facts(json["config"], run);
  if (has_object(json, "hparams")) add_json_facts(json["hparams"], run);
  const bool summary = has_object(json, "summary");
  const Json& numbers = summary                       ? json["summary"]
                        : has_object(json, "metrics") ? json["metrics"]
                                                      : json;
  const auto own_step = line_step(json);
  const auto step = own_step ? own_step : line_step(numbers);
  if (!step && !summary) return has_object(json, "config");
  add_numbers(numbers, "", step.value_or(0), 0, run);
  return true;
}

bool names_a_loss(const Json& json) {
  const Json& numbers = has_object(json, "metrics") ? json["metrics"] : json;
  return std::any_of(numbers.items().begin(), numbers.items().end(), [](const auto& item) {
    return is_usual_train_loss(item.key()) || is_usual_heldout_loss(item.key());
  });
}

bool recognises_tracker_lines(const ImportSource& source) {
  LogLines lines(source.bytes);
  for (int seen = 0; seen < 50 && lines.next(); ++seen) {
    const auto json = json_line(lines.text());
    if (!json) continue;
    if (has_object(*json, "summary") && has_object(*json, "config")) return true;
    if (has_object(*json, "metrics") && json->contains("tracker")) return true;
    // A row a run names its size; a row a step has a step.
    const bool of_a_run = json->contains("params") || json->contains("run") ||
                          json->contains("N") || json->contains("n_params");
    if (line_step(*json) && !of_a_run && names_a_loss(*json)) return true;
  }
  return false;
}

RunImport read_tracker_lines(const ImportSource& source, const ImportOptions& options) {
  TrackerRun run;
  for (LogLines lines(source.bytes); lines.next();) {
    const auto json = json_line(lines.text());
    if (json && add_tracker_line(*json, run) && run.line == 0) run.line = lines.number();
  }
  if (run.metrics.empty()) {
    throw no_usable_line(source, "a tracker's JSON Lines",
                         "{\"step\": 10, \"metrics\": {\"train/loss\": 3.4}}");
  }
  RunImport read;
  std::vector<TrackerRun> runs;
  runs.push_back(std::move(run));
  add_tracker_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

void add_json_facts(const Json& object, TrackerRun& run) { add_said(object, "", 0, run); }

ImportFormat tracker_lines_format() {
  return {"tracker-jsonl",
          "JSON Lines of trackers: Levanter's tracker_metrics.jsonl, a line a step",
          recognises_tracker_lines, read_tracker_lines};
}

}  // namespace isoflop
