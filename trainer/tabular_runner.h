// Runs trials whose trainer is "tabular": the exact loss of data/tabular_learner.h, no training.
//
// N = trial.tabular_params, D = trial.train.tokens; the world's facts are the trial's data.zipf_*.
// The curve has 8 points at D/128, D/64, ..., D tokens, each the exact loss there. The evaluation
// has loss, excess = loss - E, and no error bar: the loss is an expectation. Neither rate, batch
// nor seed matters to it. A trial of another trainer is an outcome kFailed.
#ifndef ISOFLOP_TRAINER_TABULAR_RUNNER_H_
#define ISOFLOP_TRAINER_TABULAR_RUNNER_H_

#include <span>
#include <vector>

#include "core/trial_runner.h"

namespace isoflop {

class TabularRunner : public TrialRunner {
 public:
  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_TABULAR_RUNNER_H_
