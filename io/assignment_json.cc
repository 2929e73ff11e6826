#include "io/assignment_json.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

constexpr std::int64_t kAssignmentFormat = 1;

std::string assignment_path(const std::string& folder) {
  return folder + "/" + kAssignmentFileName;
}

Json corpora_json(const std::vector<AssignedCorpus>& corpora) {
  Json json = Json::array();
  for (const AssignedCorpus& corpus : corpora) {
    json.push_back({{"hash", corpus.hash}, {"name", corpus.name}, {"dir", corpus.dir}});
  }
  return json;
}

double written_of(const Assignment& assignment) {
  if (assignment.written > 0) return assignment.written;
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Json assignment_header(const Assignment& assignment) {
  return {{"isoflop", "assignment"},
          {"format", kAssignmentFormat},
          {"version", assignment.version},
          {"recipe", kRecipeVersion},
          {"written", finite(written_of(assignment), "written")},
          {"study", assignment.study},
          {"tasks", assignment.tasks.size()},
          {"policy", {{"bugs", assignment.policy.bugs}, {"kills", assignment.policy.kills}}},
          {"device", assignment.device},
          {"checkpoint_seconds", finite(assignment.checkpoint_seconds, "checkpoint_seconds")},
          {"peak_flops", finite(assignment.peak_flops, "peak_flops")},
          {"corpora", corpora_json(assignment.corpora)}};
}

Json task_json(const Task& task) {
  Json trials = Json::array();
  for (const AssignedTrial& trial : task.trials) {
    trials.push_back({{"identity", trial.identity},
                      {"micro_batch", trial.micro_batch},
                      {"seconds", finite(trial.seconds, "seconds")},
                      {"spec", Json::parse(canonical_json(trial.trial))}});
  }
  return {{"task", task.index},
          {"seconds", finite(task.seconds, "seconds")},
          {"trials", std::move(trials)}};
}

Trial trial_of(const Json& spec) {
  Trial trial;
  for (const auto& [key, value] : spec.items()) {
    set_key(trial, key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return trial;
}

AssignedTrial read_assigned(const JsonReader& reader, const Json& spec) {
  AssignedTrial assigned{.identity = reader.text("identity"),
                         .micro_batch = reader.whole("micro_batch"),
                         .seconds = reader.number("seconds")};
  std::string why;
  try {
    assigned.trial = trial_of(spec);
    if (identity(assigned.trial) == assigned.identity) return assigned;
    why = "its fields are not those of its identity";
  } catch (const Error& error) {
    why = error.what();
  }
  reader.fail("spec",
              why + "; it was assigned by another version of isoflop: run it with that one");
}

Task read_task_line(const Json& line, const std::string& file) {
  const JsonReader reader(line, file);
  Task task{.index = reader.whole("task"), .seconds = reader.number("seconds")};
  const auto trials = reader.objects("trials");
  for (std::size_t i = 0; i < trials.size(); ++i) {
    (void)trials[i].object("spec");  // says so where it is missing
    task.trials.push_back(read_assigned(trials[i], line["trials"][i]["spec"]));
  }
  return task;
}

// How many tasks follow.
std::int64_t read_header_line(const Json& line, const std::string& file, Assignment& assignment) {
  const JsonReader reader(line, file);
  if (reader.text_or("isoflop", "") != "assignment") {
    reader.fail("isoflop", "is not \"assignment\": give the folder that sweep slurm wrote");
  }
  if (reader.whole("format") != kAssignmentFormat || reader.whole("recipe") != kRecipeVersion) {
    reader.fail("format", "was written by isoflop " + reader.text_or("version", "?") +
                              ", whose trials are others: run it with that version");
  }
  const JsonReader policy = reader.object("policy");
  assignment.study = reader.text("study");
  assignment.version = reader.text("version");
  assignment.written = reader.number("written");
  assignment.policy = {.bugs = static_cast<int>(policy.whole("bugs")),
                       .kills = static_cast<int>(policy.whole("kills"))};
  assignment.device = reader.text("device");
  assignment.checkpoint_seconds = reader.number("checkpoint_seconds");
  assignment.peak_flops = reader.number("peak_flops");
  for (const JsonReader& corpus : reader.objects("corpora")) {
    assignment.corpora.push_back(
        {.hash = corpus.text("hash"), .name = corpus.text("name"), .dir = corpus.text("dir")});
  }
  return reader.whole("tasks");
}

// Parses the header and those task lines that `wanted` names by their number.
Assignment read_lines(const std::string& folder, const std::function<bool(std::int64_t)>& wanted) {
  const std::string path = assignment_path(folder);
  const std::string text = read_whole_file(path);
  Assignment assignment;
  std::int64_t tasks = 0, line = 0;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = std::string_view(text).substr(begin, end - begin);
    const std::string where = path + ": line " + std::to_string(line + 1);
    if (line == 0) {
      tasks = read_header_line(parse_json(content, where), where, assignment);
    } else if (wanted(line - 1)) {
      assignment.tasks.push_back(read_task_line(parse_json(content, where), where));
    }
    begin = end + 1;
  }
  if (line != tasks + 1) throw usage_error(path + ": was cut: copy the folder again");
  return assignment;
}

}  // namespace

std::string assignment_jsonl(const Assignment& assignment) {
  std::string text = assignment_header(assignment).dump() + "\n";
  for (const Task& task : assignment.tasks) text += task_json(task).dump() + "\n";
  return text;
}

void write_assignment(const std::string& folder, const Assignment& assignment) {
  const std::string path = assignment_path(folder);
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    throw usage_error("assignment: " + path + " is there already; name another folder");
  }
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw failure("assignment: " + folder + ": cannot be made: " + error.message() +
                  "; name a folder that this host and those of the tasks can write to");
  }
  write_file_atomically(path, assignment_jsonl(assignment));
}

Assignment read_assignment(const std::string& folder) {
  return read_lines(folder, [](std::int64_t) { return true; });
}

Assignment read_assignment_header(const std::string& folder) {
  return read_lines(folder, [](std::int64_t) { return false; });
}

Assignment read_task(const std::string& folder, std::int64_t index) {
  Assignment assignment = read_lines(folder, [&](std::int64_t line) { return line == index; });
  if (assignment.tasks.size() == 1 && assignment.tasks.front().index == index) return assignment;
  const std::string path = assignment_path(folder);
  throw usage_error("--index: " + std::to_string(index) + ": " + path +
                    " has no such task; they count from 0 (--base says otherwise)");
}

}  // namespace isoflop
