#include "sweep/bracket.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
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
    validate(beside.trial);
    trials.push_back(beside);
  }
}

void add_batches(const PlannedTrial& planned, double factor, std::vector<PlannedTrial>& trials) {
  const TrainSpec& train = planned.trial.train;
  const auto context = static_cast<double>(planned.trial.model.context);
  const double sequences = train.tokens / context;
  const BatchBracket bracket = batches_beside(train.batch, factor, sequences);
  if (std::fmod(sequences, static_cast<double>(bracket.common)) != 0) {
    throw usage_error("grid: bracket: " + format_quantity(train.tokens) +
                      " tokens are not whole batches of " + std::to_string(bracket.common) +
                      " sequences, which all of the bracket's batches divide");
  }
  for (const std::int64_t batch : bracket.beside) {
    PlannedTrial beside = planned;
    beside.trial.train.batch = batch;
    beside.role = TrialRole::kBracket;
    validate(beside.trial);
    trials.push_back(beside);
  }
}

// Near `target`, the divisor-like one: of the least common multiple with `batch`, then the nearest.
std::int64_t smaller_batch(std::int64_t batch, double target) {
  constexpr double kNear = 1.2;
  constexpr std::int64_t kMostTried = 20000;
  const auto middle = std::max<std::int64_t>(1, std::llround(target));
  std::int64_t best = middle;
  const auto consider = [&](std::int64_t candidate) {
    const auto ratio = static_cast<double>(candidate) / target;
    const bool near = candidate >= 1 && candidate < batch && ratio < kNear && ratio > 1 / kNear;
    if (near && std::lcm(candidate, batch) < std::lcm(best, batch)) best = candidate;
  };
  for (std::int64_t off = 1; off < kMostTried && static_cast<double>(off) < target; ++off) {
    consider(middle - off);
    consider(middle + off);
  }
  return best;
}

}  // namespace

BatchBracket batches_beside(std::int64_t batch, double factor, double sequences) {
  check_factor(factor, "batch");
  const double least = static_cast<double>(batch) * factor;
  const auto refuse = [&](double all) {
    throw usage_error("grid: bracket: batch = " + exact_number(factor) + ": batches of " +
                      std::to_string(batch) + " and " + format_quantity(least) +
                      " sequences need D in multiples of " + format_quantity(all) +
                      " sequences, and D has " + format_quantity(sequences) +
                      ": give a smaller factor or a train.batch of few prime factors, such as 8");
  };
  constexpr double kMost = 1e9;  // so that no product leaves 64 bits
  if (batch < 1 || !(least <= std::min(sequences, kMost))) refuse(least);
  const std::int64_t high = std::llround(least);
  const std::int64_t low = smaller_batch(batch, static_cast<double>(batch) / factor);
  BatchBracket out{.beside = {}, .common = std::lcm(low, batch)};
  const double all =
      static_cast<double>(out.common / std::gcd(out.common, high)) * static_cast<double>(high);
  if (!(all <= std::min(sequences, kMost * kMost))) refuse(all);
  out.common = std::lcm(out.common, high);
  if (low < batch) out.beside.push_back(low);
  if (high > batch) out.beside.push_back(high);
  return out;
}

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
