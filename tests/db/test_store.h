// A folder that goes away, and small trials to put into a store.
#ifndef ISOFLOP_TESTS_DB_TEST_STORE_H_
#define ISOFLOP_TESTS_DB_TEST_STORE_H_

#include <filesystem>
#include <stdlib.h>
#include <string>
#include <vector>

#include "db/store.h"

namespace isoflop {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "isoflop-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline Trial tabular_trial(double params, double tokens, std::int64_t seed = 1) {
  Trial trial;
  trial.trainer = "tabular";
  trial.data.source = "zipf";
  trial.tabular_params = params;
  trial.train.tokens = tokens;
  trial.seed = seed;
  return trial;
}

// `count` different trials, cheapest first.
inline std::vector<PlannedTrial> tabular_trials(int count, std::optional<double> budget = {}) {
  std::vector<PlannedTrial> trials;
  for (int i = 0; i < count; ++i) {
    trials.push_back({.trial = tabular_trial(1000 + i, 1e6), .budget = budget});
  }
  return trials;
}

// A trial of a trunk: `steps` steps of 512 tokens, the last fifth of them its cooldown. Trials of
// the same size and seed share their trunk.
inline Trial trunk_trial(double params, int steps, std::int64_t seed = 1) {
  Trial trial = tabular_trial(params, 512.0 * steps, seed);
  trial.train.schedule = "cooldown";
  trial.train.warmup_tokens = 512;
  return trial;
}

inline Outcome done_with(double loss) {
  return {.status = OutcomeStatus::kDone,
          .reason = "",
          .evaluations = {{.loss = loss, .standard_error = 0.01, .tokens = 4096}},
          .steps = 10,
          .tokens = 1e6,
          .seconds = 0.5};
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_DB_TEST_STORE_H_
