#include "plan/compute_for_loss.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/error.h"
#include "law/optimum.h"
#include "plan/falling_root.h"

namespace isoflop {
namespace {

constexpr double kLogRange = 690;  // ln 1e300: beyond it nothing is reached

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
  return std::exp(falling_root(low.x, high.x, low.gap, high.gap, gap));
}

}  // namespace isoflop
