// A trainer that takes as long as it is told and whose losses are known.
#ifndef ISOFLOP_TESTS_SWEEP_FAKE_RUNNER_H_
#define ISOFLOP_TESTS_SWEEP_FAKE_RUNNER_H_

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/schedule.h"
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

// A trainer of trunks: goes on from its own branch, or from where the trunk was left at or before
// it, leaves both there, and notes every step of a trunk in <checkpoint_dir>/steps as "identity
// trunk step pid".
class TrunkRunner : public TrialRunner {
 public:
  explicit TrunkRunner(std::chrono::microseconds step_time = {}) : step_time_(step_time) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    std::vector<Outcome> outcomes;
    for (const Trial& trial : pack) outcomes.push_back(run_one(trial, context));
    return outcomes;
  }

 private:
  Outcome run_one(const Trial& trial, RunContext& context) const {
    const Schedule schedule = schedule_of(trial);
    const double a_step = trial.train.tokens / static_cast<double>(schedule.steps);
    const std::string trunk = context.checkpoint_dir + "/" + trunk_identity(trial).substr(0, 12);
    const std::string own = context.checkpoint_dir + "/" + identity(trial);
    const std::int64_t left = step_in(trunk);
    const std::int64_t first = std::max(step_in(own), left <= schedule.branch_step ? left : 0);
    std::ofstream steps(context.checkpoint_dir + "/steps", std::ios::app);
    for (std::int64_t step = first; step < schedule.steps; ++step) {
      if (step == schedule.branch_step) {
        leave(own, step);
        if (step_in(trunk) < step) leave(trunk, step);
      }
      const auto tokens = static_cast<double>(step) * a_step;
      if (context.should_stop(tokens)) {
        return {.status = OutcomeStatus::kInterrupted, .reason = "stopped", .tokens = tokens};
      }
      std::this_thread::sleep_for(step_time_);
      if (step >= schedule.branch_step) continue;
      steps << identity(trial) + " " + trunk_identity(trial).substr(0, 12) + " " +
                   std::to_string(step) + " " + std::to_string(::getpid()) + "\n"
            << std::flush;
    }
    return {.status = OutcomeStatus::kDone,
            .reason = "",
            .evaluations = {{.loss = fake_loss(trial), .tokens = 100}},
            .steps = schedule.steps,
            .tokens = trial.train.tokens,
            .seconds = 0.01,
            .flops = flops_per_token(trial, FlopConvention::kExact) * a_step *
                     static_cast<double>(schedule.steps - first),
            .resumed_at = first};
  }

  static std::int64_t step_in(const std::string& file) {
    std::int64_t step = 0;
    std::ifstream(file) >> step;
    return step;
  }
  static void leave(const std::string& trunk, std::int64_t step) {
    const std::string draft = trunk + "." + std::to_string(::getpid());
    std::ofstream(draft) << step;
    std::filesystem::rename(draft, trunk);
  }

  std::chrono::microseconds step_time_;
};

// Trains trials that differ in their seed only, in lock step; `room` of them at a time.
class StackingRunner : public FakeRunner {
 public:
  explicit StackingRunner(std::chrono::microseconds step_time = {}, std::size_t room = 1000)
      : FakeRunner(step_time), stack_step_(step_time), room_(room) {}

  std::string stack_key(const Trial& trial) const override {
    Trial key = trial;
    key.seed = 0;
    return canonical_json(key);
  }
  std::vector<Outcome> run_stack(std::span<const Trial> trials,
                                 std::span<RunContext* const> contexts) override {
    stacks.push_back(trials.size());
    if (trials.size() > room_) throw std::bad_alloc();
    std::vector<Outcome> outcomes(trials.size());
    std::vector<bool> ended(trials.size(), false);
    for (int step = 1; step <= kFakeSteps; ++step) {
      std::this_thread::sleep_for(stack_step_);
      for (std::size_t k = 0; k < trials.size(); ++k) {
        if (ended[k]) continue;
        outcomes[k] = take_step(trials[k], *contexts[k], step);
        ended[k] = outcomes[k].status != OutcomeStatus::kFailed;
        if (ended[k]) contexts[k]->ended(outcomes[k]);
      }
    }
    return outcomes;
  }

  std::vector<std::size_t> stacks;  // that were begun

 protected:
  // kFailed: it goes on.
  virtual Outcome take_step(const Trial& trial, RunContext& context, int step) {
    const double tokens = trial.train.tokens * step / kFakeSteps;
    const CurvePoint point{.step = step, .tokens = tokens, .train_loss = 1.0 / step};
    context.record_curve({&point, 1});
    if (context.should_stop(tokens)) {
      return {.status = OutcomeStatus::kInterrupted, .reason = "stopped", .tokens = tokens};
    }
    if (step < kFakeSteps) return {};
    return {.status = OutcomeStatus::kDone,
            .reason = "",
            .evaluations = {{.loss = fake_loss(trial), .tokens = 100}},
            .steps = kFakeSteps,
            .tokens = trial.train.tokens,
            .seconds = 0.01};
  }

 private:
  std::chrono::microseconds stack_step_;
  std::size_t room_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_SWEEP_FAKE_RUNNER_H_
