// FLOPs a token of a study's runs, by the size that a fit counts; and what sparse runs weigh.
#ifndef ISOFLOP_APP_STUDY_FLOPS_H_
#define ISOFLOP_APP_STUDY_FLOPS_H_

#include <span>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/params_counted.h"
#include "db/store.h"

namespace isoflop {

// f(N) for a study's fits, N as counted: 6 N under 6nd where N is what a token passes through; else
// the trained models' own counts, continued along the shape rule to any size, and what imported
// runs have for C / D.
FlopsPerToken flops_of(const Store& store, const std::string& study, FlopConvention convention,
                       ParamsCounted counted = ParamsCounted::kTotal);
FlopsPerToken flops_of(std::span<const Trial> trials, FlopConvention convention,
                       std::span<const Observation> imported = {},
                       ParamsCounted counted = ParamsCounted::kTotal);
// C / D of the runs themselves. Sparse runs of several numbers of experts, at N of what a token
// passes through, have one mean f / N: curves through nodes of all of them would have steps.
FlopsPerToken flops_of_runs(std::span<const Observation> runs, FlopConvention convention,
                            ParamsCounted counted = ParamsCounted::kTotal);

// What f(N) is keyed by for a law's fit: laws of experts are asked for N that a token passes
// through, whatever their own N is.
ParamsCounted count_of_flops(const std::string& law, ParamsCounted counted);
// Laws of experts say themselves what their N is; those of all parameters (krajewski, abnar) are
// fitted to no other count. Throws Error(kUsage).
void check_count_of_law(const std::string& law, ParamsCounted counted);
// What sparse runs weigh by their number of experts; `params` are all of them. Runs that do not say
// it are left out.
std::vector<ExpertsWeight> experts_weights(std::span<const Observation> runs);

}  // namespace isoflop

#endif  // ISOFLOP_APP_STUDY_FLOPS_H_
