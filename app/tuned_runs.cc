#include "app/tuned_runs.h"

#include <cmath>
#include <limits>

#include "core/rate_rule.h"

namespace isoflop {
namespace {

// How often the data are seen. An axis of epochs has unique_tokens = D / epochs in whole windows
// (sweep/grid.h), another number at each D; the recipe is the epochs.
double passes_of(const Trial& trial) {
  const double passes = trial.train.tokens / trial.data.unique_tokens;
  const double epochs = trial.data.epochs;
  const auto window = static_cast<double>(trial.model.context);
  const bool axis = std::abs(trial.data.unique_tokens - trial.train.tokens / epochs) <= window;
  return axis ? epochs : passes;
}

// What is left when everything is taken away that follows from N and D or is varied beside them.
std::string recipe_of(Trial trial) {
  const ModelConfig plain;
  ModelConfig& m = trial.model;
  m.layers = plain.layers;
  m.width = plain.width;
  m.heads = plain.heads;
  m.head_size = plain.head_size;
  m.hidden = plain.hidden;
  if (trial.data.unique_tokens > 0) trial.data.unique_tokens = passes_of(trial);
  trial.train.tokens = 0;
  trial.train.rate = 0;
  trial.train.batch = 0;
  trial.train.warmup_tokens = 0;
  trial.seed = 0;
  return canonical_json(trial);
}

TunedRun tuned_run_of(const TrialRow& row) {
  const TrainSpec& train = row.trial.train;
  const std::int64_t context = row.trial.model.context;
  const RateAndBatch rule =
      rate_rule(active_params_of(row.trial), row.tokens, context, train.schedule);
  return {.params = active_params_of(row.trial),
          .tokens = row.tokens,
          .rate = train.rate,
          .batch = static_cast<double>(train.batch * context),
          .loss = row.loss.value_or(std::numeric_limits<double>::infinity()),
          .group = recipe_of(row.trial),
          .rule_rate = rule.rate,
          .rule_batch = static_cast<double>(rule.batch * context)};
}

}  // namespace

std::vector<TunedRun> tuned_runs_of(const Store& store, const std::string& study,
                                    const std::string& heldout) {
  std::vector<TunedRun> runs;
  for (const TrialRow& row : store.trials(study, heldout)) {
    const bool ended = row.state == "diverged" || (row.state == "done" && row.loss);
    if (ended && row.trial.trainer != "tabular") runs.push_back(tuned_run_of(row));
  }
  return runs;
}

}  // namespace isoflop
