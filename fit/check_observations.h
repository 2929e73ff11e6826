// Refuses tables that cannot be fitted, before a fit makes numbers of them; only what is certain is
// refused, what looks odd is a warning.
//
// Errors: Error(kUsage) names the source, the data row and the value for a params, tokens, flops,
// loss or budget that is not positive and finite. Error(kRefused) with a code for well-formed data
// that cannot determine five parameters:
//   too_few_rows      fewer than 6 distinct (N, D)
//   one_size          one distinct N (to 1 part in 1e9)
//   two_sizes         two distinct N: E takes up what A and alpha could say
//   one_token_count   one distinct D
//   two_token_counts  two distinct D
//   constant_loss     all losses equal
// Warnings:
//   duplicate_rows    the same N, D, seed and loss again
//   flops_mismatch    C more than 2 % off f(N) D
//   loss_rises        ln L correlates positively with ln N and ln D both: wrong or swapped columns?
//   few_rows          fewer than 10 distinct (N, D): the intervals are rough
#ifndef ISOFLOP_FIT_CHECK_OBSERVATIONS_H_
#define ISOFLOP_FIT_CHECK_OBSERVATIONS_H_

#include <span>
#include <string_view>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/observation.h"

namespace isoflop {

// `source` names the table in messages; rows are counted from 1 there. Where every row's flops is
// zero the table has no C column: nothing is compared with `flops`.
std::vector<Warning> check_observations(std::span<const Observation> observations,
                                        std::string_view source, const FlopsPerToken& flops);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_CHECK_OBSERVATIONS_H_
