// The root of a function that falls with x, for frontiers: loss against ln C.
#ifndef ISOFLOP_PLAN_FALLING_ROOT_H_
#define ISOFLOP_PLAN_FALLING_ROOT_H_

#include <cmath>

namespace isoflop {

// Between two x of different signs: false position with
// Illinois' halving. Straight lines, such as Chinchilla's ln L*(ln C), take two steps.
template <typename Value>
double falling_root(double low, double high, double at_low, double at_high, Value value) {
  for (int i = 0; i < 200 && high - low > 1e-13 * std::abs(high); ++i) {
    double x = low + (high - low) * at_low / (at_low - at_high);
    // An infinite end, or a step that rounds away: halve.
    if (!(x > low && x < high) || i % 12 == 11) x = 0.5 * (low + high);
    if (x == low || x == high) break;
    const double here = value(x);
    if (here == 0) return x;
    if (here > 0) {
      low = x, at_low = here, at_high /= 2;
    } else {
      high = x, at_high = here, at_low /= 2;
    }
  }
  return 0.5 * (low + high);
}

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_FALLING_ROOT_H_
