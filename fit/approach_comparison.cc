#include "fit/approach_comparison.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr double kDisagreement = 2;

// z with P(|Z| < z) = level, by bisection of erf: exact enough and no table.
double two_sided_quantile(double level) {
  double low = 0;
  double high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    std::erf(middle / std::sqrt(2.0)) < level ? low = middle : high = middle;
  }
  return 0.5 * (low + high);
}

// Standard error of the logarithm; empty where there is no interval.
std::optional<double> log_error_of(const Interval& interval, double level) {
  if (!interval.low || !interval.high || !(*interval.low > 0)) return std::nullopt;
  const double error = std::log(*interval.high / *interval.low) / (2 * two_sided_quantile(level));
  return std::isfinite(error) ? std::optional(error) : std::nullopt;
}

ApproachPair pair_of(const ApproachAnswer& one, const ApproachAnswer& two, double level) {
  ApproachPair pair{.first = one.approach,
                    .second = two.approach,
                    .ratio = two.params.value / one.params.value,
                    .z = std::nullopt};
  const auto first = log_error_of(one.params, level);
  const auto second = log_error_of(two.params, level);
  if (first && second && std::hypot(*first, *second) > 0) {
    pair.z = std::log(pair.ratio) / std::hypot(*first, *second);
  }
  return pair;
}

std::string verdict_of(const ApproachComparison& comparison) {
  if (comparison.answers.empty()) return "no approach was asked";
  double low = INFINITY;
  double high = 0;
  int usable = 0;
  for (const ApproachAnswer& answer : comparison.answers) {
    if (!answer.usable) continue;
    ++usable;
    low = std::min(low, answer.params.value);
    high = std::max(high, answer.params.value);
  }
  if (usable == 0) return "no approach has an answer";
  if (usable == 1) return "one approach has an answer: nothing confirms it";
  double largest = 0;
  bool known = true;
  for (const ApproachPair& pair : comparison.pairs) {
    known = known && pair.z.has_value();
    if (pair.z) largest = std::max(largest, std::abs(*pair.z));
  }
  const std::string range =
      fmt::format("N* from {} to {}", format_quantity(low), format_quantity(high));
  if (largest > kDisagreement) {
    return fmt::format("the approaches disagree: {}, up to {:.1f} combined errors apart", range,
                       largest);
  }
  if (!known) return fmt::format("{}; not all approaches know their error", range);
  return fmt::format("the approaches agree within {:.1f} combined errors: {}", largest, range);
}

void warn_of_pairs(ApproachComparison& comparison) {
  for (const ApproachPair& pair : comparison.pairs) {
    if (!pair.z || std::abs(*pair.z) <= kDisagreement) continue;
    comparison.warnings.push_back(
        {.code = "approaches_disagree",
         .message = fmt::format("N* of approach {} is {:.2f} times that of approach {}, {:.1f} "
                                "combined errors away: what one of them assumes does not hold, and "
                                "its interval is too narrow",
                                pair.second, pair.ratio, pair.first, std::abs(*pair.z))});
  }
}

ApproachAnswer answer_of(int approach, const PowerLawFit& params, const PowerLawFit& tokens,
                         double flops, double level) {
  return {.approach = approach,
          .usable = true,
          .code = "",
          .why_not = "",
          .a = slope_interval(params, level),
          .b = slope_interval(tokens, level),
          .params = interval_at(params, flops, level),
          .tokens = interval_at(tokens, flops, level),
          .loss = std::nullopt};
}

}  // namespace

ApproachAnswer refused_answer(int approach, std::string code, std::string why_not) {
  ApproachAnswer answer{.approach = approach, .usable = false};
  answer.code = std::move(code);
  answer.why_not = std::move(why_not);
  return answer;
}

ApproachAnswer envelope_answer(const EnvelopeFit& fit, double flops, double level) {
  if (!fit.usable) return refused_answer(1, fit.code, fit.why_not);
  return answer_of(1, fit.params_law, fit.tokens_law, flops, level);
}

ApproachAnswer isoflop_answer(const IsoflopFit& fit, double flops, double level) {
  if (!fit.usable) return refused_answer(2, "too_few_budgets", fit.why_not);
  return answer_of(2, fit.params_law, fit.tokens_law, flops, level);
}

ApproachComparison compare_approaches(std::vector<ApproachAnswer> answers, double flops,
                                      double level) {
  if (!(flops > 0) || !std::isfinite(flops)) {
    throw usage_error("comparison: the budget must be a positive number of FLOP");
  }
  if (!(level > 0 && level < 1)) throw usage_error("comparison: the level must be in (0, 1)");
  ApproachComparison out{.flops = flops, .level = level, .answers = std::move(answers)};
  for (std::size_t i = 0; i < out.answers.size(); ++i) {
    for (std::size_t j = i + 1; j < out.answers.size(); ++j) {
      if (!out.answers[i].usable || !out.answers[j].usable) continue;
      out.pairs.push_back(pair_of(out.answers[i], out.answers[j], level));
    }
  }
  out.verdict = verdict_of(out);
  warn_of_pairs(out);
  return out;
}

}  // namespace isoflop
