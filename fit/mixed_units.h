// Cells in other units than the rest of their column: millions among units, PF-days among FLOP,
// perplexities or bits among nats. A fit would take them for physics.
//
//   C     off from f(N) D of the convention by more than a factor 700 either way, or a hole of more
//         than 100 in C / (6 N D). No convention explains that: the most extreme on record, 6 N D
//         without embeddings for a model of 768 parameters (Kaplan et al. 2020), is 570.
//   N, D / N, N D
//         a hole of a factor of 1,000 or more. Sweeps step by small factors: the widest holes of
//         the measured tables are 4 in N, 15 in D / N and 4.4 in N D.
//   L     a hole of a factor of 3 (1.3 in the measured tables); or a group of rows apart from the
//         surface ln L = quadratic in (ln N, ln D) of the others, which comes to lie on it when it
//         is read as bits, as perplexities e^L, or the other way round. Losses that scatter by more
//         than 1.5 % around that surface are left alone.
#ifndef ISOFLOP_FIT_MIXED_UNITS_H_
#define ISOFLOP_FIT_MIXED_UNITS_H_

#include <span>
#include <string_view>

#include "core/flops.h"
#include "core/observation.h"

namespace isoflop {

// Throws Error(kUsage) that names the source, the smaller group's first row, its value and the
// reason. All values must be positive and finite; rows without C have flops 0.
void refuse_mixed_units(std::span<const Observation> observations, std::string_view source,
                        const FlopsPerToken& flops);
// Only what each column shows by itself: holes in N, D / N, N D and the losses that no sweep has.
void refuse_mixed_columns(std::span<const Observation> observations, std::string_view source);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_MIXED_UNITS_H_
