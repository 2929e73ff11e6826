#include "sweep/bracket.h"

#include <map>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {

std::vector<PlannedTrial> bracket_trials(std::span<const PlannedTrial> grid, double factor) {
  if (!(factor > 1)) {
    throw usage_error("grid: bracket: " + exact_number(factor) +
                      " is not above 1; 2 tries half and twice the rate");
  }
  std::map<double, const PlannedTrial*> cheapest;  // by N
  for (const PlannedTrial& planned : grid) {
    if (planned.trial.trainer == "tabular") {
      throw usage_error("grid: bracket: the tabular learner has no rate; leave [bracket] out");
    }
    const auto [found, is_new] = cheapest.emplace(params_of(planned.trial), &planned);
    if (planned.trial.train.tokens < found->second->trial.train.tokens) found->second = &planned;
  }
  std::vector<PlannedTrial> trials;
  for (const auto& [params, planned] : cheapest) {
    for (const double times : {1 / factor, factor}) {
      PlannedTrial beside = *planned;
      beside.trial.train.rate *= times;
      beside.role = TrialRole::kBracket;
      trials.push_back(beside);
    }
  }
  return trials;
}

}  // namespace isoflop
