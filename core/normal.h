// Standard normal numbers from uniform ones (Box and Muller 1958): two draws of `random` each.
#ifndef ISOFLOP_CORE_NORMAL_H_
#define ISOFLOP_CORE_NORMAL_H_

#include <cmath>
#include <numbers>

#include "core/hash.h"

namespace isoflop {

inline double standard_normal(SplitMix64& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

}  // namespace isoflop

#endif  // ISOFLOP_CORE_NORMAL_H_
