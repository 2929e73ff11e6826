// The file assignment.jsonl of a folder that tasks share: one header line, then one line a task.
//
//   {"isoflop": "assignment", "format": 1, "version", "recipe", "written", "study", "tasks": how
//   many,
//    "policy": {"bugs", "kills"}, "device", "checkpoint_seconds", "peak_flops",
//    "corpora": [{"hash", "name", "dir"}]}
//   {"task": 0, "seconds", "trials": [{"identity", "micro_batch", "seconds", "spec": {...}}]}
//
// `spec` is the trial's canonical JSON. Written once, all or nothing; a reader checks every trial
// against its identity, because another version of isoflop may describe it otherwise.
//
// Errors: Error(kUsage) naming the file, the line and what to do.
#ifndef ISOFLOP_IO_ASSIGNMENT_JSON_H_
#define ISOFLOP_IO_ASSIGNMENT_JSON_H_

#include <cstdint>
#include <string>

#include "core/assignment.h"

namespace isoflop {

inline constexpr const char* kAssignmentFileName = "assignment.jsonl";

std::string assignment_jsonl(const Assignment& assignment);

// FOLDER/assignment.jsonl; makes the folder. Throws Error(kUsage) when there is one already.
void write_assignment(const std::string& folder, const Assignment& assignment);

Assignment read_assignment(const std::string& folder);
// The same without its tasks.
Assignment read_assignment_header(const std::string& folder);

// The same with that one task only; the others are not parsed.
Assignment read_task(const std::string& folder, std::int64_t index);

}  // namespace isoflop

#endif  // ISOFLOP_IO_ASSIGNMENT_JSON_H_
