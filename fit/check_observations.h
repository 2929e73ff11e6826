// Refuses tables that cannot be fitted, before a fit makes numbers of them; only what is certain is
// refused, what looks odd is a warning. Rows are named by their number counted from 0, and by their
// label.
//
// Malformed, Error(kUsage), which names the source, the row and the value:
//   - a params, tokens, flops, loss or budget that is not positive and finite
//   - the same run twice: params, tokens, seed, loss and all further coordinates alike, under the
//     same label
//   - mixed units: see mixed_units.h
// Well-formed data that cannot determine five parameters, Error(kRefused) with a code:
//   too_few_rows      fewer than 6 distinct (N, D)
//   one_size          one distinct N (to 1 part in 1e9)
//   two_sizes         two distinct N: E takes up what A and alpha could say
//   one_token_count   one distinct D
//   two_token_counts  two distinct D
//   constant_loss     all losses equal
//   one_budget        C spans less than a factor of 1.5: N and D only trade off
//   one_ratio         D / N spans less than a factor of 1.5: a ladder, N and D only rise together
//   swapped_columns   the median of D / N is below 1 and allow_few_tokens is not set. Runs see more
//                     tokens than they have parameters: measured medians are 4 to 190 (Porian et
//                     al. 4 to 12, Muennighoff et al. 20, Besiroglu et al. 22, the OLMo ladder 95)
//   loss_rises        ln L rises with ln C by more than 4 standard errors of the slope, or by more
//                     than 2 and with both ln N and ln D: no law of this family does
// Warnings:
//   duplicate_rows    the same run again under another label or run name
//   flops_mismatch    C more than 2 % off f(N) D
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

struct CheckOptions {
  bool allow_few_tokens = false;  // the runs really have fewer tokens than parameters
};

// `source` names the table in messages. Where every row's flops is zero the table has no C column:
// nothing is compared with `flops`.
std::vector<Warning> check_observations(std::span<const Observation> observations,
                                        std::string_view source, const FlopsPerToken& flops,
                                        const CheckOptions& options = {});

// What holds of the rows of any law: values that are given, also those that the law does not ask
// for (0: not said), must be positive and finite, and no column may be of two units. Where the law
// is one of N, D and C alone they are held to mixed_units.h in full; losses that other coordinates
// move lie on no surface over N and D. Error(kUsage).
void check_rows(std::span<const Observation> observations, std::string_view source,
                const FlopsPerToken& flops, bool of_size_and_tokens);

// Whether the rows can determine the law's five parameters: none of the refusals from too_few_rows
// to one_ratio. Rows must have their C.
bool can_be_fitted(std::span<const Observation> observations);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_CHECK_OBSERVATIONS_H_
