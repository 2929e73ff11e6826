#include "fit/check_observations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "core/units.h"
#include "fit/mixed_units.h"
#include "fit/points.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestPoints = 6;  // one more than parameters
constexpr std::size_t kFewPoints = 10;
constexpr double kFlopsTolerance = 0.02;
constexpr double kSameSize = 1e-9;  // relative
constexpr double kOneBudget = 1.5;  // factor that C must span
constexpr double kOneRatio = 1.5;   // factor that D / N must span
constexpr double kRisingT = 4;

std::string label_of_row(const Observation& row) {
  return fmt::format("data row {}{}", row.row,
                     row.trial.empty() ? "" : fmt::format(" ({})", row.trial));
}

[[noreturn]] void bad_value(std::string_view source, const Observation& row,
                            std::string_view column, double value) {
  throw usage_error(
      fmt::format("{}: {}: {} = {}: must be positive and finite; mend or leave out the row", source,
                  label_of_row(row), column, exact_number(value)));
}

void check_value(std::string_view source, const Observation& row, std::string_view column,
                 double value) {
  if (!(value > 0) || !std::isfinite(value)) bad_value(source, row, column, value);
}

bool has_flops(std::span<const Observation> rows) {
  return std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.flops != 0; });
}

void check_values(std::span<const Observation> rows, std::string_view source) {
  const bool flops = has_flops(rows);
  for (const Observation& row : rows) {
    check_value(source, row, "params", row.params);
    check_value(source, row, "tokens", row.tokens);
    check_value(source, row, "loss", row.loss);
    if (flops) check_value(source, row, "flops", row.flops);
    if (row.budget) check_value(source, row, "budget", *row.budget);
  }
}

std::size_t distinct(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto end = std::unique(values.begin(), values.end(), [](double a, double b) {
    return std::abs(b - a) <= kSameSize * std::abs(a);
  });
  return static_cast<std::size_t>(end - values.begin());
}

std::vector<double> column(std::span<const Observation> rows, double Observation::*member) {
  std::vector<double> out;
  for (const Observation& row : rows) out.push_back(row.*member);
  return out;
}

std::size_t distinct_points(std::span<const Observation> rows) {
  std::set<std::pair<double, double>> points;
  for (const Observation& row : rows) points.emplace(row.params, row.tokens);
  return points.size();
}

// With two values the term has one known difference for its two parameters, and E takes up the
// rest.
void refuse_few_values(std::string_view source, std::string_view name, std::string_view exponent,
                       std::string_view what, std::size_t values,
                       const std::array<const char*, 2>& codes) {
  if (values >= kFewestValues) return;
  throw refusal(codes[values < 2 ? 0 : 1],
                fmt::format("{}: {} takes {} value{}: {} cannot be known; add runs of other {}",
                            source, name, values, values == 1 ? "" : "s", exponent, what));
}

double flops_of_row(const Observation& row) {
  return row.flops > 0 ? row.flops : 6 * row.params * row.tokens;
}

void refuse_one_budget(std::span<const Observation> rows, std::string_view source) {
  double low = flops_of_row(rows.front());
  double high = low;
  for (const Observation& row : rows) {
    low = std::min(low, flops_of_row(row));
    high = std::max(high, flops_of_row(row));
  }
  if (high > kOneBudget * low) return;
  throw refusal("one_budget",
                fmt::format("{}: C spans {} to {} FLOP, one budget: how N* grows with C cannot be "
                            "known; add runs of other budgets",
                            source, format_flops(low), format_flops(high)));
}

// A ladder: A / N^alpha and B / D^beta are then powers of the same number, and one can do for both.
void refuse_one_ratio(std::span<const Observation> rows, std::string_view source) {
  double low = rows.front().tokens / rows.front().params;
  double high = low;
  for (const Observation& row : rows) {
    low = std::min(low, row.tokens / row.params);
    high = std::max(high, row.tokens / row.params);
  }
  if (high > kOneRatio * low) return;
  throw refusal(
      "one_ratio",
      fmt::format("{}: every run has {:.3g} to {:.3g} tokens a parameter: what is due to N "
                  "and what to D cannot be told apart; add runs of the same sizes with "
                  "other D, or fit the loss against C alone (--law power)",
                  source, low, high));
}

void refuse_unanswerable(std::span<const Observation> rows, std::string_view source) {
  const std::size_t points = distinct_points(rows);
  if (points < kFewestPoints) {
    throw refusal("too_few_rows",
                  fmt::format("{}: {} distinct points (params, tokens): a law of five parameters "
                              "needs at least {}; add runs",
                              source, points, kFewestPoints));
  }
  refuse_few_values(source, "params", "alpha", "sizes",
                    distinct(column(rows, &Observation::params)), {"one_size", "two_sizes"});
  refuse_few_values(source, "tokens", "beta", "lengths",
                    distinct(column(rows, &Observation::tokens)),
                    {"one_token_count", "two_token_counts"});
  if (distinct(column(rows, &Observation::loss)) < 2) {
    throw refusal("constant_loss",
                  fmt::format("{}: every row has the same loss: there is nothing to fit; check the "
                              "loss column",
                              source));
  }
  refuse_one_budget(rows, source);
  refuse_one_ratio(rows, source);
}

// The same run under the same name is a slip of the pen; under two names it may be one run
// evaluated twice (the OLMo ladder has such), and counts twice.
std::vector<Warning> check_repeats(std::span<const Observation> rows, std::string_view source) {
  using Point = std::tuple<double, double, std::int64_t, double, std::map<std::string, double>>;
  std::map<Point, const Observation*> seen;
  int again = 0;
  const Observation* first = nullptr;
  for (const Observation& row : rows) {
    const auto [found, is_new] =
        seen.emplace(Point(row.params, row.tokens, row.seed, row.loss, row.extra), &row);
    if (is_new) continue;
    const Observation& before = *found->second;
    if (before.trial == row.trial && before.run == row.run) {
      throw usage_error(fmt::format(
          "{}: {} repeats data row {}: same params, tokens, seed and loss ({}): it would count "
          "twice; remove it, or leave it out with --exclude {} --because \"duplicate\"",
          source, label_of_row(row), before.row, exact_number(row.loss), row.row));
    }
    if (again++ == 0) first = &row;
  }
  if (again == 0) return {};
  return {
      {.code = "duplicate_rows",
       .message = fmt::format("{} rows have an earlier row's params, tokens, seed and loss under "
                              "another name (first: {}); they count twice",
                              again, label_of_row(*first))}};
}

void refuse_swapped(std::span<const Observation> rows, std::string_view source,
                    const CheckOptions& options) {
  if (options.allow_few_tokens) return;
  std::vector<double> ratios;
  for (const Observation& row : rows) ratios.push_back(row.tokens / row.params);
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  if (*middle >= 1) return;
  throw refusal(
      "swapped_columns",
      fmt::format(
          "{}: half of the rows have fewer tokens than parameters (median of tokens / params "
          "{:.3g}; first {}: params {}, tokens {}): are the two columns swapped? Map them "
          "the other way round, or, if the runs are like that, pass --few-tokens",
          source, *middle, label_of_row(rows.front()), exact_number(rows.front().params),
          exact_number(rows.front().tokens)));
}

void warn_of_flops(std::span<const Observation> rows, const FlopsPerToken& flops,
                   std::vector<Warning>& warnings) {
  if (!has_flops(rows)) return;
  int off = 0;
  const Observation* worst = nullptr;
  double largest = kFlopsTolerance;
  for (const Observation& row : rows) {
    const double error = std::abs(row.flops / (flops(row.params) * row.tokens) - 1);
    if (error > kFlopsTolerance) ++off;
    if (error > largest) {
      largest = error;
      worst = &row;
    }
  }
  if (worst == nullptr) return;
  warnings.push_back(
      {.code = "flops_mismatch",
       .message =
           fmt::format("{} of {} rows have a flops more than 2 % off the convention {} "
                       "(most: {}, by {:.0f} %): tokens at the optimum follow the "
                       "convention, not the column",
                       off, rows.size(), flops.convention(), label_of_row(*worst), 100 * largest)});
}

struct LossSlope {
  double slope = 0;
  double t = 0;
};

// Of ln loss on the logarithm of a column.
LossSlope slope_of(std::span<const Observation> rows, double Observation::*member) {
  const auto n = static_cast<double>(rows.size());
  double x_mean = 0;
  double y_mean = 0;
  for (const Observation& row : rows) {
    x_mean += std::log(row.*member) / n;
    y_mean += std::log(row.loss) / n;
  }
  double xx = 0, xy = 0, yy = 0;
  for (const Observation& row : rows) {
    const double x = std::log(row.*member) - x_mean;
    const double y = std::log(row.loss) - y_mean;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  const double slope = xy / xx;
  const double left = std::max(yy - slope * xy, 1e-300);
  return {.slope = slope, .t = slope / std::sqrt(left / std::max(n - 2, 1.0) / xx)};
}

// In a sweep of a few budgets the small models have the many tokens, so that the loss may well rise
// with one of N and D; where it rises with C, the runs got worse for more.
void refuse_rising_loss(std::span<const Observation> rows, std::string_view source) {
  std::vector<Observation> with_c(rows.begin(), rows.end());
  for (Observation& row : with_c) row.flops = row.params * row.tokens;
  const LossSlope compute = slope_of(with_c, &Observation::flops);
  const bool both = slope_of(rows, &Observation::params).slope > 0 &&
                    slope_of(rows, &Observation::tokens).slope > 0;
  if (compute.t < kRisingT && !(both && compute.t > 2)) return;
  throw refusal(
      "loss_rises",
      fmt::format("{}: the loss rises with compute (d ln L / d ln ND = {:.3g}, {:.1f} "
                  "standard errors above 0): is the loss column right, and is less better "
                  "there?",
                  source, compute.slope, compute.t));
}

void warn_of_few_rows(std::span<const Observation> rows, std::vector<Warning>& warnings) {
  const std::size_t points = distinct_points(rows);
  if (points >= kFewPoints) return;
  warnings.push_back(
      {.code = "few_rows",
       .message = fmt::format(
           "{} distinct points for five parameters: the intervals are rough and may be too "
           "narrow",
           points)});
}

}  // namespace

std::vector<Warning> check_observations(std::span<const Observation> observations,
                                        std::string_view source, const FlopsPerToken& flops,
                                        const CheckOptions& options) {
  check_values(observations, source);
  std::vector<Warning> warnings = check_repeats(observations, source);
  refuse_mixed_units(observations, source, flops);
  refuse_unanswerable(observations, source);
  refuse_swapped(observations, source, options);
  refuse_rising_loss(observations, source);
  warn_of_flops(observations, flops, warnings);
  warn_of_few_rows(observations, warnings);
  return warnings;
}

void check_rows(std::span<const Observation> observations, std::string_view source,
                const FlopsPerToken& flops, bool of_size_and_tokens) {
  bool all_said = true;
  for (const Observation& row : observations) {
    const auto check = [&](std::string_view name, double value) {
      if (value != 0) check_value(source, row, name, value);
    };
    check("params", row.params);
    check("tokens", row.tokens);
    check("loss", row.loss);
    check("flops", row.flops);
    for (const auto& [name, value] : row.extra) check(name, value);
    if (row.budget) check_value(source, row, "budget", *row.budget);
    all_said = all_said && row.params > 0 && row.tokens > 0 && row.loss > 0;
  }
  if (!all_said) return;
  if (of_size_and_tokens) return refuse_mixed_units(observations, source, flops);
  refuse_mixed_columns(observations, source);
}

bool can_be_fitted(std::span<const Observation> observations) {
  try {
    refuse_unanswerable(observations, "rows");
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace isoflop
