// Rows that a person leaves out, with the reason that stays beside the fit.
#ifndef ISOFLOP_FIT_EXCLUSIONS_H_
#define ISOFLOP_FIT_EXCLUSIONS_H_

#include <span>
#include <vector>

#include "core/diagnostics.h"
#include "core/observation.h"

namespace isoflop {

// The observations without those that the exclusions name (see Exclusion), in their order and with
// their row numbers. Throws Error(kUsage) for an exclusion that names no row, that could mean
// several labels, or that gives no reason.
std::vector<Observation> without(std::span<const Observation> observations,
                                 std::span<const Exclusion> exclusions);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_EXCLUSIONS_H_
