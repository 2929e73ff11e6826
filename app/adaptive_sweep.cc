#include "app/adaptive_sweep.h"

#include <algorithm>
#include <utility>

#include "app/study_flops.h"
#include "core/error.h"
#include "core/schedule.h"
#include "core/units.h"
#include "io/fit_json.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

bool has_axis(const GridSpec& spec, const std::string& key) {
  return std::any_of(spec.axes.begin(), spec.axes.end(),
                     [&](const auto& axis) { return axis.first == key; });
}

// Two trials of one N and D are repeats of one cell for the law that is sought.
void refuse_other_axes(const GridSpec& spec) {
  for (const auto& [key, values] : spec.axes) {
    if (key == "seed" || values.size() < 2) continue;
    throw usage_error("sweep: grid \"" + spec.name + "\" has an axis of " + key +
                      ", and --until looks for a law of N and D alone: take the axis out of the "
                      "grid, or run the grid without --until");
  }
}

CandidateCell cell_of(const Trial& trial, FlopConvention convention, std::int64_t id) {
  return {.id = id,
          .params = params_of(trial),
          .tokens = trial.train.tokens,
          .flops_per_token = flops_per_token(trial, convention),
          .seed = trial.seed,
          .trunk = trunk_identity(trial),
          .branch_tokens = branch_tokens(trial)};
}

// Beyond these tokens per parameter one law did not hold from end to end, and intervals were too
// narrow (docs/adaptive.md).
constexpr double kLeastRatio = 1;
constexpr double kMostRatio = 700;

bool is_usable(const Trial& trial) {
  const double ratio = trial.train.tokens / params_of(trial);
  return kLeastRatio <= ratio && ratio <= kMostRatio;
}

CellState state_of(const std::string& state) {
  if (state == "done") return CellState::kDone;
  if (state == "planned" || state == "leased" || state == "running") return CellState::kRunning;
  return CellState::kLost;
}

}  // namespace

AdaptiveSweep::AdaptiveSweep(const LoadedGrid& loaded, const std::string& db,
                             const UntilOptions& options,
                             std::function<void(const std::string&)> said)
    : study_(loaded.spec.name),
      db_(db),
      convention_(loaded.spec.convention),
      said_(std::move(said)) {
  refuse_other_axes(loaded.spec);
  const int seeds = has_axis(loaded.spec, "seed") ? 1 : options.seeds;
  std::vector<Trial> trials;
  int left_out = 0;
  for (const PlannedTrial& planned : loaded.grid.trials) {
    if (planned.role != TrialRole::kGrid) continue;
    if (!is_usable(planned.trial)) {
      ++left_out;
      continue;
    }
    for (int more = 0; more < seeds; ++more) {
      PlannedTrial candidate = planned;
      candidate.trial.seed += more;
      const auto id = static_cast<std::int64_t>(candidates_.size());
      if (!place_.emplace(identity(candidate.trial), candidates_.size()).second) continue;
      cells_.push_back(cell_of(candidate.trial, convention_, id));
      candidates_.push_back(candidate);
      trials.push_back(candidate.trial);
    }
  }
  if (left_out > 0) {
    said_("note: " + std::to_string(left_out) +
          " cells of the grid have less than 1 or more than 700 tokens per parameter and are left "
          "out (docs/adaptive.md)");
  }
  planned_.resize(candidates_.size());
  std::vector<CandidateCell> whole;
  for (const CandidateCell& cell : cells_) {
    const auto& trial = candidates_[static_cast<std::size_t>(cell.id)].trial;
    const bool own = seeds == 1 || trial.seed == loaded.grid.trials.front().trial.seed;
    if (own) whole.push_back(cell);
  }
  for (CandidateCell& cell : whole) cell.state = CellState::kDone;
  whole_grid_flops_ = spent_flops(whole);
  options_ = {.target_flops = options.target_flops,
              .until = options.width,
              .batch = options.batch,
              .flops = flops_of(trials, convention_)};
}

void AdaptiveSweep::take_states(const std::vector<TrialRow>& rows) {
  for (const TrialRow& row : rows) {
    const auto found = place_.find(row.identity);
    if (found == place_.end()) continue;
    cells_[found->second].state = state_of(row.state);
    planned_[found->second] = true;
  }
}

void AdaptiveSweep::plan(Store& store, const std::vector<std::int64_t>& chosen) {
  for (const std::int64_t id : chosen) planned_[static_cast<std::size_t>(id)] = true;
  std::vector<PlannedTrial> trials;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (planned_[i]) trials.push_back(candidates_[i]);
  }
  store.add_trials(study_, trials);
}

void AdaptiveSweep::refill() {
  Store store(db_);
  take_states(store.trials(study_));
  auto observations = store.results(study_, convention_);
  largest_flops_ = 0;
  for (Observation& row : observations) {
    const auto found = place_.find(row.trial);
    if (found != place_.end()) row.run = cells_[found->second].trunk;
    largest_flops_ = std::max(largest_flops_, row.flops);
  }
  step_ = next_batch(cells_, observations, options_, step_.memory);
  if (step_.why != said_last_) said_(step_.why);
  said_last_ = step_.why;
  if (step_.stop && step_.has_law) {
    step_.fit.version = program_version();
    step_.fit.source = store.path() + ", study " + study_;
    store.save_fit(study_, fit_json(step_.fit));
  }
  if (!step_.next.empty()) plan(store, step_.next);
}

void AdaptiveSweep::watch(const SweepStatus& status) {
  if (step_.stop || status.planned > 0 || status.ended() == ended_) return;
  ended_ = status.ended();
  refill();
}

std::string AdaptiveSweep::answer() const {
  if (!step_.has_law) return step_.why;
  std::string text = "N* " + interval_text(step_.params, format_quantity) + " at " +
                     format_flops(options_.target_flops) + " FLOP (" +
                     std::string(name_of(convention_)) + "), " + level_text(options_.level) +
                     ", high / low " + format_quantity(step_.width) + ", from " +
                     std::to_string(step_.fit.observations) + " trials; " +
                     factor_text(options_.target_flops / largest_flops_) + " beyond the largest\n";
  text += "spent " + format_flops(step_.spent_flops) + " FLOP; the whole grid costs " +
          format_flops(whole_grid_flops_) + "; " + step_.why;
  return text;
}

}  // namespace isoflop
