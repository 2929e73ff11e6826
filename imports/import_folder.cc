#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "imports/import_runs.h"
#include "imports/log_formats.h"
#include "imports/logged_run.h"
#include "imports/tensorboard_folder.h"
#include "io/atomic_file.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 1'000'000;

struct FolderFile {
  std::string path;
  std::string name_in_folder;  // "a/b/main.log"
  std::string bytes = {};
};

bool is_event_file(const fs::path& path) {
  return path.filename().string().find("tfevents") != std::string::npos;
}

// Others (weights, token files) are not even opened.
bool may_be_a_log(const fs::path& path) {
  static constexpr std::array<std::string_view, 11> kEndings = {
      "",     ".log", ".txt",   ".out",    ".json",   ".jsonl",
      ".csv", ".db",  ".wandb", ".sqlite", ".sqlite3"};
  const std::string ending = path.extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

std::vector<FolderFile> files_below(const std::string& folder) {
  std::vector<FolderFile> out;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error), end;
  for (; !error && entry != end && out.size() < kMostFiles; entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    const fs::path& path = entry->path();
    if (!is_event_file(path) && !may_be_a_log(path)) continue;
    out.push_back({path.string(), path.lexically_relative(folder).generic_string()});
  }
  if (error) throw failure(folder + ": cannot be listed: " + error.message());
  // By folder, then by name: what is of one run stands together.
  std::sort(out.begin(), out.end(), [](const FolderFile& a, const FolderFile& b) {
    const fs::path one(a.name_in_folder), other(b.name_in_folder);
    return std::pair(one.parent_path(), one.filename()) <
           std::pair(other.parent_path(), other.filename());
  });
  return out;
}

std::string sha256_of(const std::vector<FolderFile>& files) {
  Sha256 hash;
  for (const FolderFile& file : files) hash.update(file.bytes);
  return hash.hex();
}

std::string name_of_folder(const std::string& folder) {
  fs::path path = fs::path(folder).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

RunImport import_event_files(std::vector<FolderFile> files, const std::string& folder,
                             const ImportOptions& options) {
  std::vector<TensorBoardPart> parts;
  for (FolderFile& file : files) {
    file.bytes = read_whole_file(file.path);
    const std::string run = fs::path(file.name_in_folder).parent_path().generic_string();
    parts.push_back({run.empty() ? name_of_folder(folder) : run, {file.path, file.bytes}});
  }
  RunImport read = read_tensorboard_files(parts, folder, options);
  read.format = "tensorboard";
  read.path = folder;
  read.sha256 = sha256_of(files);
  return read;
}

const ImportFormat* log_format_of(const ImportSource& source, const ImportOptions& options) {
  const auto formats = options.format.empty() ? log_formats() : import_formats();
  for (const ImportFormat& format : formats) {
    const bool wanted = options.format.empty() || format.name == options.format;
    if (wanted && format.recognises(source)) return &format;
  }
  return nullptr;
}

// What a run is called within the folder: "a/b" of "a/b/main.log", of
// "a/b/checkpoint-500/trainer_state.json" and of "a/b.log".
std::string run_in_folder(const FolderFile& file, const std::string& folder) {
  const fs::path inside(file.name_in_folder);
  fs::path parent = inside.parent_path();
  if (!is_same_for_all_runs(inside.string())) return (parent / inside.stem()).generic_string();
  if (parent.filename().string().starts_with("checkpoint-")) parent = parent.parent_path();
  return parent.empty() ? name_of_folder(folder) : parent.generic_string();
}

void add_unique(std::vector<std::string>& notes, const std::vector<std::string>& more) {
  for (const std::string& note : more) {
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }
}

// Adds one file's runs; of runs with the same name the one with the most tokens stays.
void add_file(RunImport read, const FolderFile& file, const std::string& folder, RunImport& all) {
  for (ImportedRun& run : read.runs) {
    if (read.runs.size() == 1) {
      if (run.observation.trial == run.source_id) run.observation.trial.clear();
      run.source_id = run_in_folder(file, folder);
      if (run.observation.trial.empty()) run.observation.trial = run.source_id;
    }
    const auto same = std::find_if(all.runs.begin(), all.runs.end(), [&](const ImportedRun& other) {
      return other.source_id == run.source_id;
    });
    if (same == all.runs.end()) {
      all.runs.push_back(std::move(run));
      continue;
    }
    if (run.observation.tokens >= same->observation.tokens) std::swap(*same, run);
    all.dropped.push_back({run.line, run.source_id + ": an earlier state of the same run"});
  }
  for (DroppedRow& row : read.dropped) {
    row.why = file.name_in_folder + ": " + row.why;
    all.dropped.push_back(std::move(row));
  }
  add_unique(all.notes, read.notes);
  if (all.fields.empty()) all.fields = std::move(read.fields);
}

void require_one_format(const RunImport& all, const RunImport& read, const FolderFile& file,
                        const std::string& folder) {
  if (all.format == read.format && all.loss_unit == read.loss_unit) return;
  throw usage_error(folder + ": has logs of format " + all.format + " and, in " +
                    file.name_in_folder + ", " + read.format +
                    ": choose one with --format, or import its files one by one");
}

// The label is for a folder with a single run.
void finish_logs(RunImport& all, const std::string& folder, const std::string& label) {
  for (std::size_t i = 0; i < all.runs.size(); ++i) {
    all.runs[i].observation.row = static_cast<std::int64_t>(i);
  }
  if (all.runs.size() == 1 && !label.empty()) all.runs[0].observation.trial = label;
  all.path = folder;
}

RunImport import_logs(std::vector<FolderFile> files, const std::string& folder,
                      ImportOptions options) {
  const std::string label = std::exchange(options.label, "");
  RunImport all;
  Sha256 hash;
  for (FolderFile& file : files) {
    file.bytes = read_whole_file(file.path);
    const ImportSource source{file.path, file.bytes};
    const ImportFormat* format = log_format_of(source, options);
    if (format != nullptr) {
      RunImport read = format->read(source, options);
      read.format = format->name;
      if (all.format.empty()) {
        all.format = read.format;
        all.loss_unit = read.loss_unit;
        all.convention = read.convention;
      }
      require_one_format(all, read, file, folder);
      hash.update(file.bytes);
      add_file(std::move(read), file, folder, all);
    }
    file.bytes = {};
  }
  if (all.format.empty()) {
    throw usage_error(folder +
                      ": no log of a known format is in it: see isoflop import --help for the "
                      "formats, or name a file");
  }
  finish_logs(all, folder, label);
  all.sha256 = hash.hex();
  return all;
}

}  // namespace

RunImport import_path(const std::string& path, const ImportOptions& options) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return import_file(path, options);
  std::vector<FolderFile> files = files_below(path);
  std::vector<FolderFile> events;
  for (const FolderFile& file : files) {
    if (is_event_file(file.path)) events.push_back(file);
  }
  const bool wants_events = options.format.empty() || options.format == "tensorboard";
  if (!events.empty() && wants_events) return import_event_files(std::move(events), path, options);
  std::erase_if(files, [](const FolderFile& file) { return is_event_file(file.path); });
  return import_logs(std::move(files), path, options);
}

}  // namespace isoflop
