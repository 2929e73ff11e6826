#include "plan/compute_for_loss.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/error.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

constexpr double kLogRange = 690;  // ln 1e300: beyond it nothing is reached
constexpr double kTolerance = 1e-12;

// How far the frontier at ln C = x lies above the loss, in ln(L - E). Falls with x.
struct FrontierGap {
  const LawParameters& law;
  const FlopsPerToken& f;
  double log_excess;

  double operator()(double x) const {
    return std::log(compute_optimum(law, f, std::exp(x)).loss - law.E) - log_excess;
  }
};

struct BracketEnd {
  double x = 0;
  double gap = 0;
};

// Walks from `x` in growing steps until the sign changes. False: it never does.
bool bracket_frontier(const FrontierGap& gap, double x, BracketEnd& low, BracketEnd& high) {
  low = high = {x, gap(x)};
  const bool up = low.gap > 0;
  for (double step = 1; low.gap <= 0 || high.gap > 0; step *= 2) {
    BracketEnd next;
    next.x = up ? high.x + step : low.x - step;
    if (std::abs(next.x) > kLogRange) return false;
    next.gap = gap(next.x);
    if (std::isnan(next.gap)) return false;
    if (up) {
      low = high;
      high = next;
    } else {
      high = low;
      low = next;
    }
  }
  return true;
}

// Secant inside the bracket; the end that stays twice counts half (Illinois), so that both ends
// move.
double frontier_root(const FrontierGap& gap, BracketEnd low, BracketEnd high) {
  int stayed = 0;
  for (int i = 0; i < 200 && high.x - low.x > kTolerance * std::abs(high.x); ++i) {
    const double share = low.gap / (low.gap - high.gap);
    const BracketEnd middle = [&] {
      const double x = low.x + share * (high.x - low.x);
      return BracketEnd{x, gap(x)};
    }();
    if (std::abs(middle.gap) < 1e-15) return middle.x;
    if (middle.gap > 0) {
      low = middle;
      if (stayed == 1) high.gap /= 2;
      stayed = 1;
    } else {
      high = middle;
      if (stayed == -1) low.gap /= 2;
      stayed = -1;
    }
  }
  return high.x;
}

}  // namespace

double compute_for_loss(const LawParameters& law, const FlopsPerToken& flops_per_token, double loss,
                        double hint) {
  if (!(loss > 0) || !std::isfinite(loss) || !(hint > 0) || !std::isfinite(hint)) {
    throw usage_error(fmt::format(
        "loss: {} from {} FLOP: both must be positive and finite; write the loss like 2.1", loss,
        hint));
  }
  const double never = std::numeric_limits<double>::infinity();
  if (loss <= law.E) return never;
  const FrontierGap gap{law, flops_per_token, std::log(loss - law.E)};
  BracketEnd low;
  BracketEnd high;
  if (!bracket_frontier(gap, std::log(hint), low, high)) {
    return gap(std::log(hint)) > 0 ? never : 0;
  }
  return std::exp(frontier_root(gap, low, high));
}

}  // namespace isoflop
