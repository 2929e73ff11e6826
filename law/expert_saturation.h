// The number of experts as a loss feels it (Clark et al. 2022, eq. 5): it saturates at both ends.
//
//   1 / Eh = 1 / (E - 1 + 1 / (1 / E_start - 1 / E_max)) + 1 / E_max;   Eh = E_start at E = 1
#ifndef ISOFLOP_LAW_EXPERT_SATURATION_H_
#define ISOFLOP_LAW_EXPERT_SATURATION_H_

#include <cmath>

namespace isoflop {

struct EffectiveExperts {
  double log_value = 0;  // ln Eh
  double by_start = 0;   // d ln Eh / d E_start
  double by_max = 0;
};

inline EffectiveExperts effective_experts(double experts, double start, double max) {
  const double gap = 1 / start - 1 / max;
  const double shifted = experts - 1 + 1 / gap;
  const double inverse = 1 / shifted + 1 / max;
  // d (1/Eh) = -d(shifted) / shifted^2 + d(1/max), d(shifted) = -d(gap) / gap^2.
  const double by_gap = 1 / (shifted * shifted * gap * gap);
  return {-std::log(inverse), by_gap / (start * start * inverse),
          (1 - by_gap) / (max * max * inverse)};
}

}  // namespace isoflop

#endif  // ISOFLOP_LAW_EXPERT_SATURATION_H_
