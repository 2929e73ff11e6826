#include "trainer/tabular_runner.h"

#include <cmath>

#include "core/error.h"
#include "core/stopwatch.h"
#include "data/tabular_learner.h"

namespace isoflop {
namespace {

constexpr int kCurvePoints = 8;

Outcome failed(const std::string& reason) {
  Outcome outcome;
  outcome.reason = reason;
  return outcome;
}

CurvePoint curve_point(const Trial& trial, const TabularLearner& learner, int step) {
  CurvePoint point;
  point.step = step;
  point.tokens = std::ldexp(trial.train.tokens, step - kCurvePoints);
  point.flops = flops_per_token(trial, FlopConvention::kExact) * point.tokens;
  point.train_loss = learner.loss(trial.tabular_params, point.tokens);
  point.heldout_loss = point.train_loss;
  return point;
}

Outcome run_one(const Trial& trial, RunContext& context) {
  if (trial.trainer != "tabular") {
    return failed("trainer \"" + trial.trainer + "\" is not tabular");
  }
  const Stopwatch watch;
  validate(trial);
  const TabularLearner learner(trial.data);
  Outcome outcome;
  for (int step = 1; step <= kCurvePoints; ++step) {
    if (context.should_stop(outcome.tokens)) {
      outcome.status = OutcomeStatus::kInterrupted;
      outcome.reason = "stopped";
      outcome.seconds = watch.seconds();
      return outcome;
    }
    CurvePoint point = curve_point(trial, learner, step);
    point.seconds = watch.seconds();
    context.record_curve({&point, 1});
    outcome.steps = point.step;
    outcome.tokens = point.tokens;
    outcome.flops = point.flops;
  }
  const double excess = learner.excess(trial.tabular_params, trial.train.tokens);
  const double unique = trial.data.unique_tokens;
  outcome.unique_tokens = learner.distinct_tokens(trial.train.tokens);
  outcome.epochs = unique > 0 ? trial.train.tokens / unique : 0;
  outcome.status = OutcomeStatus::kDone;
  outcome.reason.clear();
  Evaluation& evaluation = outcome.evaluations.emplace_back();
  evaluation.loss = learner.entropy_rate() + excess;
  evaluation.excess = excess;
  evaluation.excess_error = 0;
  outcome.seconds = watch.seconds();
  return outcome;
}

}  // namespace

std::vector<Outcome> TabularRunner::run(std::span<const Trial> pack, RunContext& context) {
  std::vector<Outcome> outcomes;
  for (const Trial& trial : pack) {
    try {
      outcomes.push_back(run_one(trial, context));
    } catch (const Error& error) {
      outcomes.push_back(failed(error.what()));
    }
  }
  return outcomes;
}

}  // namespace isoflop
