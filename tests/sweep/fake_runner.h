// A trainer that takes as long as it is told and whose losses are known.
#ifndef ISOFLOP_TESTS_SWEEP_FAKE_RUNNER_H_
#define ISOFLOP_TESTS_SWEEP_FAKE_RUNNER_H_

#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "core/trial_runner.h"

namespace isoflop {

inline constexpr int kFakeSteps = 10;

inline double fake_loss(const Trial& trial) {
  return 1.5 + 400 / std::pow(params_of(trial), 0.35) + 400 / std::pow(trial.train.tokens, 0.35) +
         1e-3 * static_cast<double>(trial.seed);
}

class FakeRunner : public TrialRunner {
 public:
  explicit FakeRunner(std::chrono::microseconds step_time = {}) : step_time_(step_time) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    std::vector<Outcome> outcomes;
    for (const Trial& trial : pack) outcomes.push_back(run_one(trial, context));
    return outcomes;
  }

 private:
  Outcome run_one(const Trial& trial, RunContext& context) const {
    const double loss = fake_loss(trial);
    for (int step = 1; step <= kFakeSteps; ++step) {
      std::this_thread::sleep_for(step_time_);
      const double tokens = trial.train.tokens * step / kFakeSteps;
      const CurvePoint point{.step = step, .tokens = tokens, .train_loss = loss + 1.0 / step};
      context.record_curve({&point, 1});
      if (context.should_stop(tokens)) {
        return {.status = OutcomeStatus::kInterrupted, .reason = "stopped", .tokens = tokens};
      }
    }
    return {.status = OutcomeStatus::kDone,
            .reason = "",
            .evaluations = {{.loss = loss, .tokens = 100}},
            .steps = kFakeSteps,
            .tokens = trial.train.tokens,
            .seconds = 0.01};
  }

  std::chrono::microseconds step_time_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_SWEEP_FAKE_RUNNER_H_
