// Measured sizes at equal budgets, several seeds each: which won, and by how much against the noise
// of seeds.
//
//   difference = mean loss - the best's mean loss,  standard error = sqrt(s1^2 / n1 + s2^2 / n2)
//
// All sizes are evaluated on the same held-out windows, so the windows' own sampling error moves
// all losses together and is not in the standard error.
//
// Reads Observation::budget, params, tokens, loss and extra["exact_flops"].
//
// Warnings: one_seed (no noise is known), sizes_alone (a budget with one size, left out).
//
// Errors: Error(kRefused): "no_budgets" when no observation has one; "one_size" when no budget has
// two sizes.
#ifndef ISOFLOP_PLAN_COMPARE_SIZES_H_
#define ISOFLOP_PLAN_COMPARE_SIZES_H_

#include <span>
#include <string>

#include "core/comparison.h"
#include "core/observation.h"

namespace isoflop {

SizeComparison compare_sizes(std::span<const Observation> observations, const std::string& study);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_COMPARE_SIZES_H_
