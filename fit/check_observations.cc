#include "fit/check_observations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <set>
#include <string>
#include <tuple>

#include "core/error.h"
#include "core/units.h"
#include "fit/points.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestPoints = 6;  // one more than parameters
constexpr std::size_t kFewPoints = 10;
constexpr double kFlopsTolerance = 0.02;
constexpr double kSameSize = 1e-9;  // relative

[[noreturn]] void bad_value(std::string_view source, const Observation& row,
                            std::string_view column, double value) {
  const std::string label = row.trial.empty() ? "" : fmt::format(" ({})", row.trial);
  throw usage_error(fmt::format(
      "{}: data row {}{}: {} = {}: must be positive and finite; mend or leave out the row", source,
      row.row + 1, label, column, exact_number(value)));
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
}

void warn_of_duplicates(std::span<const Observation> rows, std::vector<Warning>& warnings) {
  std::set<std::tuple<double, double, std::int64_t, double>> seen;
  int again = 0;
  std::int64_t first = 0;
  for (const Observation& row : rows) {
    if (seen.emplace(row.params, row.tokens, row.seed, row.loss).second) continue;
    if (again++ == 0) first = row.row + 1;
  }
  if (again == 0) return;
  warnings.push_back(
      {.code = "duplicate_rows",
       .message = fmt::format("{} rows repeat an earlier row's params, tokens, seed and "
                              "loss (first: data row {}); they count twice",
                              again, first)});
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
  warnings.push_back({.code = "flops_mismatch",
                      .message = fmt::format(
                          "{} of {} rows have a flops more than 2 % off the convention {} "
                          "(most: data row {}, by {:.0f} %): tokens at the optimum follow the "
                          "convention, not the column",
                          off, rows.size(), flops.convention(), worst->row + 1, 100 * largest)});
}

// The sign of the slope of ln loss on the logarithm of a column.
double slope_sign(std::span<const Observation> rows, double Observation::*member) {
  const auto n = static_cast<double>(rows.size());
  double x_mean = 0;
  double y_mean = 0;
  for (const Observation& row : rows) {
    x_mean += std::log(row.*member) / n;
    y_mean += std::log(row.loss) / n;
  }
  double covariance = 0;
  for (const Observation& row : rows) {
    covariance += (std::log(row.*member) - x_mean) * (std::log(row.loss) - y_mean);
  }
  return covariance;
}

void warn_of_oddities(std::span<const Observation> rows, std::vector<Warning>& warnings) {
  if (slope_sign(rows, &Observation::params) > 0 && slope_sign(rows, &Observation::tokens) > 0) {
    warnings.push_back({.code = "loss_rises",
                        .message = "the loss rises with params and with tokens: is the loss column "
                                   "right?"});
  }
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
                                        std::string_view source, const FlopsPerToken& flops) {
  check_values(observations, source);
  refuse_unanswerable(observations, source);
  std::vector<Warning> warnings;
  warn_of_duplicates(observations, warnings);
  warn_of_flops(observations, flops, warnings);
  warn_of_oddities(observations, warnings);
  return warnings;
}

}  // namespace isoflop
