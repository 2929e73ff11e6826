// Runs that one law cannot describe together: warnings, because a table may have its reasons.
//
//   mixed_experts   the runs have other numbers of experts (or another share of them idle), and the
//                   law knows none; krajewski knows granularity but takes E / G for the same
//   repeated_data   some runs saw their tokens more than 4 times, and the law takes every token
//                   for new. Up to 4 passes are worth nearly as much as new data (Muennighoff et
//                   al. 2023, arXiv:2305.16264)
//
// What a law knows is what its form needs (law/law_form.h).
#ifndef ISOFLOP_FIT_MIXED_MODELS_H_
#define ISOFLOP_FIT_MIXED_MODELS_H_

#include <span>
#include <vector>

#include "core/diagnostics.h"
#include "core/observation.h"
#include "law/law_form.h"

namespace isoflop {

std::vector<Warning> warn_of_mixed_models(std::span<const Observation> runs, const LawForm& form);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_MIXED_MODELS_H_
