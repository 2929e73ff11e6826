#include "sweep/bracket.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {

namespace {

void check_factor(double factor, const char* what) {
  if (factor > 1) return;
  throw usage_error(std::string("grid: bracket: ") + exact_number(factor) +
                    " is not above 1; 2 tries half and twice the " + what);
}

// By N; the first of the grid where several have as few tokens.
std::map<double, const PlannedTrial*> cheapest_cells(std::span<const PlannedTrial> grid) {
  std::map<double, const PlannedTrial*> cheapest;
  for (const PlannedTrial& planned : grid) {
    if (planned.trial.trainer == "tabular") {
      throw usage_error("grid: bracket: the tabular learner has no rate; leave [bracket] out");
    }
    const auto [found, is_new] = cheapest.emplace(params_of(planned.trial), &planned);
    if (planned.trial.train.tokens < found->second->trial.train.tokens) found->second = &planned;
  }
  return cheapest;
}

void add_rates(const PlannedTrial& planned, double factor, std::vector<PlannedTrial>& trials) {
  for (const double times : {1 / factor, factor}) {
    PlannedTrial beside = planned;
    beside.trial.train.rate *= times;
    beside.role = TrialRole::kBracket;
    trials.push_back(beside);
  }
}

void add_batches(const PlannedTrial& planned, double factor, std::vector<PlannedTrial>& trials) {
  const TrainSpec& train = planned.trial.train;
  const auto context = static_cast<double>(planned.trial.model.context);
  for (const double times : {1 / factor, factor}) {
    PlannedTrial beside = planned;
    const auto batch = static_cast<std::int64_t>(
        std::llround(std::max(1.0, static_cast<double>(train.batch) * times)));
    if (batch == train.batch) continue;
    const double step = static_cast<double>(batch) * context;
    beside.trial.train.batch = batch;
    beside.trial.train.tokens = std::floor(train.tokens / step) * step;
    beside.role = TrialRole::kBracket;
    if (beside.trial.train.tokens > 0) trials.push_back(beside);
  }
}

}  // namespace

std::vector<PlannedTrial> bracket_trials(std::span<const PlannedTrial> grid, double rate_factor,
                                         double batch_factor) {
  if (rate_factor != 0 || batch_factor == 0) check_factor(rate_factor, "rate");
  if (batch_factor != 0) check_factor(batch_factor, "batch");
  std::vector<PlannedTrial> trials;
  for (const auto& [params, planned] : cheapest_cells(grid)) {
    if (rate_factor > 0) add_rates(*planned, rate_factor, trials);
    if (batch_factor > 0) add_batches(*planned, batch_factor, trials);
  }
  return trials;
}

}  // namespace isoflop
