// Two fits side by side: two recipes, data sets or tokenizers. Which one makes the better model of
// a budget, how sure is that, and what is the difference worth in compute?
//
//   L*_A(C), L*_B(C)     the loss of each law's own compute-optimal model
//   P(A better)          over all pairs of a draw of A and a draw of B; ties count half
//   multiplier           C_B(L*_A(C)) / C, the compute B needs for A's loss, over C: above 1, A
//   wins crossover            the C at which the sign of L*_A - L*_B changes
//
// The draws of two fits are independent, so each of A's is paired with a draw of B's in a shuffled
// order (fixed seed): two fits of the same table with the same seed must not look paired. A fit
// without draws counts as certain, with a warning.
//
// Budgets: `flops`, by default the larger of the two largest fitted C, and a row of others around
// it. Crossovers are looked for from the smallest fitted C to 1,000 times the largest (and past
// `flops`).
//
// Conventions: under different FLOP conventions a budget means two things. Then both laws, which
// are laws in N and D, are compared under 6 N D, with a note; ranges are converted at each law's
// optimum.
//
// Units: nats per token compare only where vocabulary and tokenizer are the same. With bytes per
// token of both, losses are turned into bits per byte: L / (bytes per token x ln 2). Fits of two
// units (core/loss_unit.h) are not compared.
//
// Warnings: different_data, extrapolation, no_uncertainty, mixed_conventions. Errors: Error(kUsage)
// for a budget or bytes per token that is not positive, or a budget that is not given where neither
// fit knows its range, and for bytes per token where losses are not nats per token;
// Error(kRefused): "other_form" for a fit not of Chinchilla's form, "mixed_units".
#ifndef ISOFLOP_PLAN_COMPARE_FITS_H_
#define ISOFLOP_PLAN_COMPARE_FITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/comparison.h"
#include "core/law_fit.h"

namespace isoflop {

struct CompareFitsOptions {
  std::string name_a = "A";
  std::string name_b = "B";
  std::optional<double> flops;
  std::optional<double> bytes_per_token_a;  // both or none
  std::optional<double> bytes_per_token_b;
  std::uint64_t seed = 0;  // of the pairing
};

FitComparison compare_fits(const LawFit& a, const LawFit& b, const CompareFitsOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_COMPARE_FITS_H_
