#include "plan/allocation.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>

#include "core/error.h"
#include "core/units.h"
#include "plan/falling_root.h"

namespace isoflop {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// Budgets, sizes and tokens beyond these are asked for by nobody.
constexpr double kLargestBudget = 1e70;
constexpr double kLogLargest = 140;  // of N or D
// N below a parameter, D below a token: the searches end there.
constexpr int kScanSteps = 160;

// The last x in [low, high] at which `good` holds, by bisection until neighbouring doubles; `good`
// holds at `low`.
template <typename Good>
double last_good(double low, double high, Good good) {
  if (good(high)) return high;
  for (;;) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) return low;
    (good(middle) ? low : high) = middle;
  }
}

// The range of ln N that may be chosen and for which the budget buys a token.
struct LogRange {
  double low = 0;
  double high = 0;
  bool low_capped = false;
  bool high_capped = false;
  bool empty = false;
};

double log_largest_paid(const Spend& spend, double budget) {
  const double per_param = budget / (spend.extra_tokens + 1);
  if (spend.flops.is_six_n()) return std::log(per_param / 6);
  if (spend.flops(1) > per_param) return -1;
  return last_good(0, kLogLargest, [&](double x) { return spend.flops(std::exp(x)) <= per_param; });
}

LogRange range_of(const Spend& spend, double budget) {
  LogRange range;
  range.low = std::max(0.0, std::log(spend.params_low));
  range.low_capped = range.low > 0;
  const double paid = log_largest_paid(spend, budget);
  const double cap = std::log(spend.params_high);
  range.high_capped = cap < paid;
  range.high = std::min(paid, cap);
  range.empty = !(range.low <= range.high);
  return range;
}

// Golden sections: the lowest point of a valley in [low, high].
template <typename Value>
double valley(double low, double high, Value value) {
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double at_a = value(a), at_b = value(b);
  while (high - low > 1e-10 * std::max(1.0, std::abs(low))) {
    if (at_a <= at_b) {
      high = b, b = a, at_b = at_a;
      a = high - golden * (high - low);
      at_a = value(a);
    } else {
      low = a, a = b, at_a = at_b;
      b = low + golden * (high - low);
      at_b = value(b);
    }
  }
  return 0.5 * (low + high);
}

OptimumPlace place_of(double x, const LogRange& range) {
  if (x == range.low) {
    return range.low_capped ? OptimumPlace::kCapped : OptimumPlace::kSmallestModel;
  }
  if (x == range.high) {
    return range.high_capped ? OptimumPlace::kCapped : OptimumPlace::kFewestTokens;
  }
  return OptimumPlace::kInterior;
}

double excess_of_size(const LossSurface& surface, const Spend& spend, double budget,
                      double params) {
  const double tokens = spend.tokens(budget, params);
  if (!(tokens > 0)) return kNever;
  const double excess = surface.excess(params, tokens);
  return std::isnan(excess) ? kNever : excess;
}

// The lowest point of the whole range: the best of a scan, refined between its neighbours.
double search_log_params(const LossSurface& surface, const Spend& spend, double budget,
                         const LogRange& range) {
  const auto value = [&](double x) { return excess_of_size(surface, spend, budget, std::exp(x)); };
  const double step = (range.high - range.low) / kScanSteps;
  if (!(step > 0)) return range.low;
  int best = 0;
  double lowest = kNever;
  for (int i = 0; i <= kScanSteps; ++i) {
    const double here = value(i == kScanSteps ? range.high : range.low + i * step);
    if (here < lowest) lowest = here, best = i;
  }
  const double low = best == 0 ? range.low : range.low + (best - 1) * step;
  const double high = best >= kScanSteps - 1 ? range.high : range.low + (best + 1) * step;
  const double inside = valley(low, high, value);
  double x = inside;
  for (const double end : {range.low, range.high}) {
    if (value(end) <= value(x)) x = end;
  }
  return x;
}

std::optional<Optimum> try_allocation(const LossSurface& surface, const Spend& spend,
                                      double budget) {
  const LogRange range = range_of(spend, budget);
  if (range.empty) return std::nullopt;
  if (surface.chinchilla() != nullptr && spend.extra_tokens == 0) {
    const Optimum best = compute_optimum(*surface.chinchilla(), spend.flops, budget);
    if (best.params >= spend.params_low && best.params <= spend.params_high) return best;
  }
  const double x = search_log_params(surface, spend, budget, range);
  const OptimumPlace place = place_of(x, range);
  double params = std::exp(x);
  // The cap itself, to the bit.
  if (place == OptimumPlace::kCapped) {
    params = x == range.low ? spend.params_low : spend.params_high;
  }
  const double tokens = spend.tokens(budget, params);
  return Optimum{
      .params = params, .tokens = tokens, .loss = surface(params, tokens), .place = place};
}

void check_budget(double budget) {
  if (budget > 0 && std::isfinite(budget)) return;
  throw usage_error(
      fmt::format("budget: {} FLOP: must be positive and finite; write it like 5.76e23", budget));
}

[[noreturn]] void refuse_budget(double budget) {
  throw refusal(
      "budget_too_small",
      fmt::format("plan: {} FLOP do not pay for a token of training beside what else they "
                  "have to pay for: give more, or ask for fewer tokens of inference and "
                  "fine-tuning or a smaller model",
                  format_flops(budget)));
}

double least_excess(const LossSurface& surface, const Spend& spend, double budget) {
  const auto best = try_allocation(surface, spend, budget);
  if (!best) return kNever;
  return surface.excess(best->params, best->tokens);
}

// ln C at which L*(C) - floor = excess; absent where it never comes so low.
std::optional<double> log_cheapest(const LossSurface& surface, const Spend& spend, double excess) {
  if (!(excess > 0)) return std::nullopt;
  const auto above = [&](double x) {
    return std::log(least_excess(surface, spend, std::exp(x)) / excess);
  };
  const double first = spend.flops(std::max(1.0, spend.params_low)) * (spend.extra_tokens + 1);
  double low = std::log(first * (1 + 1e-9));
  double at_low = above(low);
  if (at_low <= 0) return low;
  const double last = std::log(kLargestBudget);
  for (double width = 1; low < last; width *= 2) {
    const double high = std::min(low + width, last);
    const double at_high = above(high);
    if (at_high <= 0) return falling_root(low, high, at_low, at_high, above);
    low = high, at_low = at_high;
  }
  return std::nullopt;
}

}  // namespace

double loss_of_size(const LossSurface& surface, const Spend& spend, double budget, double params) {
  return surface.floor() + excess_of_size(surface, spend, budget, params);
}

Optimum best_allocation(const LossSurface& surface, const Spend& spend, double budget) {
  check_budget(budget);
  const auto best = try_allocation(surface, spend, budget);
  if (!best) refuse_budget(budget);
  return *best;
}

double size_for_tokens(const Spend& spend, double budget, double tokens) {
  check_budget(budget);
  const double per_token = budget / (tokens + spend.extra_tokens);
  if (spend.flops.is_six_n() && per_token >= 6) return per_token / 6;
  if (!(spend.flops(1) <= per_token)) refuse_budget(budget);
  return std::exp(
      last_good(0, kLogLargest, [&](double x) { return spend.flops(std::exp(x)) <= per_token; }));
}

std::optional<double> tokens_for_loss(const LossSurface& surface, double params, double loss) {
  const double excess = loss - surface.floor();
  if (const LawParameters* law = surface.chinchilla()) {
    const double left = excess - law->A * std::pow(params, -law->alpha);
    if (!(left > 0)) return std::nullopt;
    const double tokens = std::pow(law->B / left, 1 / law->beta);
    if (!std::isfinite(tokens)) return std::nullopt;
    return std::max(1.0, tokens);
  }
  const auto too_few = [&](double y) { return surface.excess(params, std::exp(y)) > excess; };
  if (!too_few(0)) return 1;
  if (too_few(kLogLargest)) return std::nullopt;
  return std::exp(last_good(0, kLogLargest, too_few));
}

std::optional<double> params_for_loss(const LossSurface& surface, double tokens, double loss) {
  const double excess = loss - surface.floor();
  const auto too_small = [&](double x) { return surface.excess(std::exp(x), tokens) > excess; };
  if (!too_small(0)) return 1;
  if (too_small(kLogLargest)) return std::nullopt;
  return std::exp(last_good(0, kLogLargest, too_small));
}

std::optional<double> cheapest_for_loss(const LossSurface& surface, const Spend& spend,
                                        double loss) {
  const auto x = log_cheapest(surface, spend, loss - surface.floor());
  if (!x) return std::nullopt;
  return std::exp(*x);
}

double extra_compute_of(const LossSurface& surface, const Spend& spend, double budget,
                        double excess) {
  Spend free = spend;
  free.params_low = 1;
  free.params_high = kNever;
  const auto x = log_cheapest(surface, free, excess);
  return x ? std::max(0.0, std::expm1(std::log(budget) - *x)) : 0;
}

}  // namespace isoflop
