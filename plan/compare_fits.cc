#include "plan/compare_fits.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/interval.h"
#include "core/loss_unit.h"
#include "core/units.h"
#include "law/optimum.h"
#include "plan/compute_for_loss.h"

namespace isoflop {
namespace {

constexpr int kCrossingGrid = 60;  // steps of ln C in the search for crossovers
constexpr double kCrossingReach = 1000;

// One of the two, ready to be asked.
struct FitSide {
  std::string name;
  LawParameters law;
  std::vector<LawParameters> draws;  // the law itself where the fit has none
  bool certain = false;              // the fit has no draws
  FlopsPerToken f = FlopsPerToken::six_n();
  double scale = 1;  // from nats per token to the unit compared
  double flops_low = 0, flops_high = 0;
};

struct SideAtBudget {
  Optimum value;
  std::vector<Optimum> draws;
};

using DrawPairs = std::vector<std::pair<std::size_t, std::size_t>>;

struct FitPair {
  FitSide a, b;
  DrawPairs pairs;
  double level = 0.9;

  bool certain() const { return a.certain && b.certain; }
};

SideAtBudget side_at(const FitSide& side, double flops) {
  SideAtBudget at{.value = compute_optimum(side.law, side.f, flops)};
  at.draws.reserve(side.draws.size());
  for (const LawParameters& draw : side.draws) {
    at.draws.push_back(compute_optimum(draw, side.f, flops));
  }
  return at;
}

// Fisher and Yates by hand: std::shuffle differs between standard libraries.
std::vector<std::size_t> shuffled(std::size_t size, std::mt19937_64& random) {
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

DrawPairs pair_draws(const FitSide& a, const FitSide& b, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto order_a = shuffled(a.draws.size(), random);
  const auto order_b = shuffled(b.draws.size(), random);
  DrawPairs pairs;
  const std::size_t count = std::max(order_a.size(), order_b.size());
  for (std::size_t i = 0; i < count; ++i) {
    pairs.emplace_back(order_a[i % order_a.size()], order_b[i % order_b.size()]);
  }
  return pairs;
}

// Of all pairs of a draw of A and one of B, the share in which A's is lower; ties count half.
double share_a_lower(const SideAtBudget& a, double scale_a, const SideAtBudget& b, double scale_b) {
  std::vector<double> losses;
  for (const Optimum& draw : b.draws) losses.push_back(scale_b * draw.loss);
  std::sort(losses.begin(), losses.end());
  double better = 0;
  for (const Optimum& draw : a.draws) {
    const auto [first, last] = std::equal_range(losses.begin(), losses.end(), scale_a * draw.loss);
    better += static_cast<double>(losses.end() - last) + 0.5 * static_cast<double>(last - first);
  }
  return better / (static_cast<double>(a.draws.size()) * static_cast<double>(losses.size()));
}

template <typename Of>
Interval side_interval(const FitSide& side, const SideAtBudget& at, double level, Of of) {
  std::vector<double> values;
  if (!side.certain) {
    for (const Optimum& draw : at.draws) values.push_back(of(draw));
  }
  return interval_over(of(at.value), std::move(values), level);
}

Interval loss_difference(const FitPair& pair, const SideAtBudget& a, const SideAtBudget& b) {
  const auto difference = [&](const Optimum& x, const Optimum& y) {
    return pair.a.scale * x.loss - pair.b.scale * y.loss;
  };
  std::vector<double> values;
  if (!pair.certain()) {
    for (const auto& [i, j] : pair.pairs) values.push_back(difference(a.draws[i], b.draws[j]));
  }
  return interval_over(difference(a.value, b.value), std::move(values), pair.level);
}

// An end of the interval that lies at "never" is not a number and left out.
void drop_infinite_ends(Interval& interval) {
  if (interval.low && !std::isfinite(*interval.low)) interval.low.reset();
  if (interval.high && !std::isfinite(*interval.high)) interval.high.reset();
}

void set_multiplier(const FitPair& pair, const SideAtBudget& a, FitsAtBudget& result) {
  const double to_b = pair.a.scale / pair.b.scale;
  const auto multiple = [&](const LawParameters& law, double loss) {
    return compute_for_loss(law, pair.b.f, loss * to_b, result.flops) / result.flops;
  };
  std::vector<double> values;
  if (!pair.certain()) {
    for (const auto& [i, j] : pair.pairs) {
      values.push_back(multiple(pair.b.draws[j], a.draws[i].loss));
    }
    const auto never = std::count_if(values.begin(), values.end(),
                                     [](double value) { return !std::isfinite(value); });
    result.never_share = static_cast<double>(never) / static_cast<double>(values.size());
  }
  const double value = multiple(pair.b.law, a.value.loss);
  if (!std::isfinite(value)) return;
  result.multiplier = interval_over(value, std::move(values), pair.level);
  drop_infinite_ends(*result.multiplier);
}

FitsAtBudget compare_at(const FitPair& pair, double flops) {
  const SideAtBudget a = side_at(pair.a, flops);
  const SideAtBudget b = side_at(pair.b, flops);
  const auto of_a = [&](auto of) { return side_interval(pair.a, a, pair.level, of); };
  const auto of_b = [&](auto of) { return side_interval(pair.b, b, pair.level, of); };
  const auto params = [](const Optimum& best) { return best.params; };
  const auto tokens = [](const Optimum& best) { return best.tokens; };
  FitsAtBudget result{.flops = flops,
                      .loss_a = of_a([&](const Optimum& best) { return pair.a.scale * best.loss; }),
                      .loss_b = of_b([&](const Optimum& best) { return pair.b.scale * best.loss; }),
                      .difference = loss_difference(pair, a, b),
                      .params_a = of_a(params),
                      .params_b = of_b(params),
                      .tokens_a = of_a(tokens),
                      .tokens_b = of_b(tokens)};
  if (!pair.certain()) result.a_better = share_a_lower(a, pair.a.scale, b, pair.b.scale);
  set_multiplier(pair, a, result);
  return result;
}

// --- Crossovers.

struct Crossing {
  double log_flops = 0;
  bool a_wins_above = false;
};

// Where a row of differences over a grid changes its sign, by a straight line within the step.
std::vector<Crossing> crossings_of(const std::vector<double>& grid,
                                   const std::vector<double>& differences) {
  std::vector<Crossing> found;
  for (std::size_t k = 1; k < grid.size(); ++k) {
    const double before = differences[k - 1];
    const double after = differences[k];
    if (!(before * after < 0)) continue;
    const double x = grid[k - 1] + before / (before - after) * (grid[k] - grid[k - 1]);
    found.push_back({x, before > 0});
  }
  return found;
}

double value_difference(const FitPair& pair, double log_flops) {
  const double flops = std::exp(log_flops);
  return pair.a.scale * compute_optimum(pair.a.law, pair.a.f, flops).loss -
         pair.b.scale * compute_optimum(pair.b.law, pair.b.f, flops).loss;
}

double refine_crossing(const FitPair& pair, double low, double high) {
  const bool positive = value_difference(pair, low) > 0;
  for (int i = 0; i < 100 && high - low > 1e-13 * std::abs(high); ++i) {
    const double middle = (low + high) / 2;
    ((value_difference(pair, middle) > 0) == positive ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::vector<double> log_grid(double low, double high) {
  std::vector<double> grid;
  for (int k = 0; k <= kCrossingGrid; ++k) {
    grid.push_back(std::log(low) + k * std::log(high / low) / kCrossingGrid);
  }
  return grid;
}

// losses[k][draw], in the unit compared.
std::vector<std::vector<double>> draw_losses(const FitSide& side, const std::vector<double>& grid) {
  std::vector<std::vector<double>> losses;
  for (const double x : grid) {
    losses.emplace_back();
    for (const Optimum& draw : side_at(side, std::exp(x)).draws) {
      losses.back().push_back(side.scale * draw.loss);
    }
  }
  return losses;
}

// Every pair's crossings.
std::vector<std::vector<Crossing>> pair_crossings(const FitPair& pair,
                                                  const std::vector<double>& grid) {
  const auto a = draw_losses(pair.a, grid);
  const auto b = draw_losses(pair.b, grid);
  std::vector<std::vector<Crossing>> all;
  std::vector<double> differences(grid.size());
  for (const auto& [i, j] : pair.pairs) {
    for (std::size_t k = 0; k < grid.size(); ++k) differences[k] = a[k][i] - b[k][j];
    all.push_back(crossings_of(grid, differences));
  }
  return all;
}

// Of each pair's crossings in the same direction, the nearest.
Crossover crossover_from(const Crossing& value, const std::vector<std::vector<Crossing>>& draws,
                         double level) {
  std::vector<double> flops;
  for (const auto& crossings : draws) {
    const Crossing* nearest = nullptr;
    for (const Crossing& crossing : crossings) {
      if (crossing.a_wins_above != value.a_wins_above) continue;
      if (!nearest || std::abs(crossing.log_flops - value.log_flops) <
                          std::abs(nearest->log_flops - value.log_flops)) {
        nearest = &crossing;
      }
    }
    if (nearest) flops.push_back(std::exp(nearest->log_flops));
  }
  Crossover crossover{.a_wins_above = value.a_wins_above};
  if (!draws.empty()) {
    crossover.share = static_cast<double>(flops.size()) / static_cast<double>(draws.size());
  }
  crossover.flops = interval_over(std::exp(value.log_flops), std::move(flops), level);
  return crossover;
}

void find_crossovers(const FitPair& pair, FitComparison& result) {
  const std::vector<double> grid = log_grid(result.crossing_low, result.crossing_high);
  std::vector<double> differences;
  for (const double x : grid) differences.push_back(value_difference(pair, x));
  const auto draws =
      pair.certain() ? std::vector<std::vector<Crossing>>{} : pair_crossings(pair, grid);
  for (const auto& crossings : draws) {
    result.crossing_share += (crossings.empty() ? 0.0 : 1.0) / static_cast<double>(draws.size());
  }
  const double step = grid[1] - grid[0];
  for (Crossing crossing : crossings_of(grid, differences)) {
    const double left = grid[0] + std::floor((crossing.log_flops - grid[0]) / step) * step;
    crossing.log_flops = refine_crossing(pair, left, left + step);
    result.crossovers.push_back(crossover_from(crossing, draws, pair.level));
  }
}

// --- Preparing the two sides.

void check_comparable_form(const LawFit& fit, const std::string& name) {
  if (!fit.form) return;
  throw refusal(
      "other_form",
      fmt::format("compare: {}: is not of the form E + A / N^alpha + B / D^beta; fit that "
                  "form with `isoflop fit` to compare it",
                  name));
}

double scale_from(const std::optional<double>& bytes_per_token, const std::string& name) {
  if (!bytes_per_token) return 1;
  if (*bytes_per_token > 0 && std::isfinite(*bytes_per_token)) {
    return 1 / (*bytes_per_token * std::log(2.0));
  }
  throw usage_error(
      fmt::format("bytes per token of {}: {}: must be positive, e.g. 4.2", name, *bytes_per_token));
}

// C of the fit's optimal model of `flops`, counted by 6 N D.
double in_six_nd(const LawFit& fit, double flops) {
  if (!(flops > 0)) return 0;
  const Optimum best = compute_optimum(fit.parameters, fit.flops, flops);
  return 6 * best.params * best.tokens;
}

FitSide side_of(const LawFit& fit, const std::string& name,
                const std::optional<double>& bytes_per_token, bool six_nd) {
  check_comparable_form(fit, name);
  FitSide side{.name = name,
               .law = fit.parameters,
               .draws = fit.draws,
               .certain = fit.draws.empty(),
               .f = six_nd ? FlopsPerToken::six_n() : fit.flops,
               .scale = scale_from(bytes_per_token, name),
               .flops_low = six_nd ? in_six_nd(fit, fit.flops_low) : fit.flops_low,
               .flops_high = six_nd ? in_six_nd(fit, fit.flops_high) : fit.flops_high};
  if (side.certain) side.draws = {fit.parameters};
  return side;
}

double budget_of(const FitPair& pair, const std::optional<double>& asked) {
  const double flops = asked.value_or(std::max(pair.a.flops_high, pair.b.flops_high));
  if (flops > 0 && std::isfinite(flops)) return flops;
  if (asked) {
    throw usage_error(fmt::format(
        "compare: --flops {}: must be positive and finite; write it like 5.76e23", *asked));
  }
  throw usage_error("compare: neither fit knows the range of its data: give --flops, e.g. 5.76e23");
}

void set_range(const FitPair& pair, double flops, FitComparison& result) {
  double low = flops;
  for (const double known : {pair.a.flops_low, pair.b.flops_low}) {
    if (known > 0) low = std::min(low, known);
  }
  const double high = std::max({pair.a.flops_high, pair.b.flops_high, flops});
  result.crossing_low = low < high ? low : high / kCrossingReach;
  result.crossing_high = high * kCrossingReach;
}

std::vector<double> budgets_around(double flops) {
  std::vector<double> budgets;
  for (const double factor : {0.01, 0.1, 1.0, 10.0, 100.0, 1000.0}) {
    budgets.push_back(flops * factor);
  }
  return budgets;
}

void warn_of_side(const FitSide& side, double flops, std::vector<Warning>& warnings) {
  if (side.certain) {
    warnings.push_back(
        {"no_uncertainty", fmt::format("{} has no draws and counts as certain", side.name)});
  }
  if (side.flops_high > 0 && flops > 1.001 * side.flops_high) {
    warnings.push_back(
        {"extrapolation", fmt::format("{} FLOP is {:.3g} times the largest that {} was fitted on",
                                      format_flops(flops), flops / side.flops_high, side.name)});
  }
}

// `unit`: the losses compared are counted in, core/loss_unit.h.
void warn_of_data(const LawFit& a, const LawFit& b, const std::string& unit,
                  std::vector<Warning>& warnings) {
  if (!a.data_sha256.empty() && a.data_sha256 == b.data_sha256) return;
  std::string same = loss_unit_words(unit) + " compare only where held-out text, vocabulary" +
                     (unit == kNatsPerMaskedToken ? ", tokenizer and masking" : " and tokenizer") +
                     " are the same";
  if (unit == kBitsPerByte) same = "their losses compare only where the held-out text is the same";
  if (unit == kNatsPerToken) {
    same += "; with other tokenizers give --bytes-per-token A,B to compare bits per byte";
  }
  warnings.push_back({"different_data", "the fits are of different runs: " + same});
}

void note_conventions(const LawFit& a, const LawFit& b, FitComparison& result) {
  if (a.flops.convention() == b.flops.convention()) return;
  result.warnings.push_back(
      {"mixed_conventions",
       fmt::format("{} counts compute by {}, {} by {}: both are compared by 6 N D, every budget "
                   "here included",
                   result.name_a, a.flops.convention(), result.name_b, b.flops.convention())});
}

void require_one_unit(const LawFit& a, const LawFit& b, const CompareFitsOptions& options) {
  if (a.loss_unit != b.loss_unit) {
    throw refusal("mixed_units", "compare: the losses of " + options.name_a + " are " +
                                     loss_unit_words(a.loss_unit) + ", those of " + options.name_b +
                                     " " + loss_unit_words(b.loss_unit) +
                                     ": compare fits whose losses are counted alike");
  }
  if (options.bytes_per_token_a && a.loss_unit != kNatsPerToken) {
    throw usage_error(
        "compare: --bytes-per-token turns nats per token into bits per byte, and these "
        "fits' losses are " +
        loss_unit_words(a.loss_unit) + ": leave it out");
  }
}

}  // namespace

FitComparison compare_fits(const LawFit& a, const LawFit& b, const CompareFitsOptions& options) {
  if (options.bytes_per_token_a.has_value() != options.bytes_per_token_b.has_value()) {
    throw usage_error("compare: bytes per token are needed for both fits or for none");
  }
  require_one_unit(a, b, options);
  const std::string unit = options.bytes_per_token_a ? kBitsPerByte : a.loss_unit;
  const bool six_nd = a.flops.convention() != b.flops.convention();
  FitPair pair{.a = side_of(a, options.name_a, options.bytes_per_token_a, six_nd),
               .b = side_of(b, options.name_b, options.bytes_per_token_b, six_nd),
               .level = a.interval_level};
  pair.pairs = pair_draws(pair.a, pair.b, options.seed);
  const double flops = budget_of(pair, options.flops);
  FitComparison result{.name_a = options.name_a,
                       .name_b = options.name_b,
                       .convention = pair.a.f.convention(),
                       .unit = loss_unit_words(unit),
                       .interval_level = pair.level,
                       .at = compare_at(pair, flops)};
  for (const double budget : budgets_around(flops)) {
    result.budgets.push_back(budget == flops ? result.at : compare_at(pair, budget));
  }
  set_range(pair, flops, result);
  find_crossovers(pair, result);
  note_conventions(a, b, result);
  warn_of_data(a, b, unit, result.warnings);
  warn_of_side(pair.a, flops, result.warnings);
  warn_of_side(pair.b, flops, result.warnings);
  return result;
}

}  // namespace isoflop
