// Attempt files of a shared folder into the store.
#ifndef ISOFLOP_APP_COLLECT_H_
#define ISOFLOP_APP_COLLECT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "db/store.h"

namespace isoflop {

// A task's folder:  FOLDER/assignment.jsonl  attempts/*.jsonl  checkpoints/
std::string attempts_folder(const std::string& folder);
std::string checkpoints_folder(const std::string& folder);

struct Collected {
  std::int64_t files = 0;
  std::int64_t results = 0;               // trials that have one now, and had none
  std::int64_t ended = 0;                 // attempts that ended without
  std::int64_t progress = 0;              // attempts that go on, with something new
  std::int64_t known = 0;                 // with nothing new
  std::int64_t duplicates = 0;            // new ones, the same to the bit
  std::int64_t conflicts = 0;             // new ones, another loss; see Store::conflicts
  std::vector<std::string> unknown = {};  // files of trials that the store does not have
  std::vector<std::string> damaged = {};  // what was wrong with which file; what was read counts
};

// Takes in whatever is new; calling it again changes nothing, and tasks may be writing meanwhile.
Collected collect_attempts(Store& store, const std::string& folder, const RetryPolicy& policy = {});

// Plans again what holders of the study have whose job is gone; call it after collect_attempts.
// `is_gone` answers for one holder ("slurm 1234"); what it cannot tell is not gone.
std::int64_t release_gone(Store& store, const std::string& study,
                          const std::function<bool(const std::string& holder)>& is_gone);

}  // namespace isoflop

#endif  // ISOFLOP_APP_COLLECT_H_
