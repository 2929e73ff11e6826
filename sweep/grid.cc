#include "sweep/grid.h"

#include <map>

#include "core/units.h"
#include "sweep/bracket.h"
#include "sweep/grid_rates.h"
#include "sweep/grid_trial.h"

namespace isoflop {
namespace {

void add_bracket(const GridSpec& spec, Grid& grid) {
  if (spec.bracket > 0 && names_key(spec, "train.rate") && !has_key(spec.fixed, "train.rate")) {
    throw grid_error("bracket", "and the axis train.rate both vary the rate; keep one of the two");
  }
  if (spec.batch_bracket > 0 && names_key(spec, "train.batch") &&
      !has_key(spec.fixed, "train.batch")) {
    throw grid_error("bracket",
                     "and the axis train.batch both vary the batch; keep one of the two");
  }
  const auto trials = bracket_trials(grid.trials, spec.bracket, spec.batch_bracket);
  grid.trials.insert(grid.trials.end(), trials.begin(), trials.end());
}

// Laws are used wherever a grid asks; where they were not measured, it says so once.
void note_outside(const GridSpec& spec, Grid& grid) {
  const auto free = [&](const auto& term, const char* key) {
    return term.has_value() && !names_key(spec, key);
  };
  const HyperLaw& law = *spec.rates;
  if (!free(law.rate, "train.rate") && !free(law.batch, "train.batch")) return;
  int outside = 0;
  std::string first;
  for (const auto& [trial, budget, role] : grid.trials) {
    if (trial.trainer == "tabular") continue;
    const auto how = outside_of(law, grid_point(trial, trial.train.tokens));
    if (how.empty() || outside++ > 0) continue;
    for (const std::string& one : how) first += (first.empty() ? "" : ", ") + one;
  }
  if (outside == 0) return;
  grid.notes.push_back("rates: " + std::to_string(outside) + " of " +
                       std::to_string(grid.trials.size()) + " trials lie beyond what " + law.name +
                       " was measured at (the first: " + first +
                       "); [bracket] shows whether it holds there");
}

Keys joined(const Keys& fixed, const Keys& axes) {
  Keys all = fixed;
  all.insert(all.end(), axes.begin(), axes.end());
  return all;
}

}  // namespace

Grid expand(const GridSpec& spec, const GridContext& context) {
  check_keys(spec);
  Grid grid;
  std::map<std::string, std::string> seen;  // merge_key -> the cell that was first
  for (const Cell& cell : cells_of(spec)) {
    for (const Keys& axes : combinations(spec)) {
      const CellTrial made = trial_of(cell, joined(spec.fixed, axes), spec, context);
      const std::string where = describe(cell, axes);
      const auto [first, is_new] = seen.emplace(merge_key(made), where);
      if (is_new) {
        note_rounding(made, where, grid.notes);
        grid.trials.push_back({.trial = made.trial, .budget = cell.budget});
      } else {
        grid.notes.push_back(where + " is the same trial as " + first->second +
                             " after rounding, and is run once");
      }
    }
  }
  if (spec.rates) note_outside(spec, grid);
  if (spec.bracket > 0 || spec.batch_bracket > 0) add_bracket(spec, grid);
  return grid;
}

}  // namespace isoflop
