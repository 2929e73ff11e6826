// What a study's runs have in common, trials and imported ones: how their FLOP are counted, what
// their losses are measured in, what they were trained on.
#ifndef ISOFLOP_APP_STUDY_CONVENTION_H_
#define ISOFLOP_APP_STUDY_CONVENTION_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/grid_spec.h"
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

// One law for two corpora would be nonsense that looks like a law: Error(kRefused, "mixed_data").
// So would one for losses of different things, of next tokens and of masked ones or of tokens
// masked in other ways: "mixed_objectives". What imported runs were trained on nobody knows; see
// note_company.
void require_one_corpus(const std::vector<TrialRow>& rows, const std::string& study);
// What f(N) is keyed by for a law's fit: laws of experts are asked for N that a token passes
// through, whatever their own N is.
ParamsCounted count_of_flops(const std::string& law, ParamsCounted counted);
// Laws of experts say themselves what their N is; those of all parameters (krajewski, abnar) are
// fitted to no other count. Throws Error(kUsage).
void check_count_of_law(const std::string& law, ParamsCounted counted);
// What sparse runs weigh by their number of experts; `params` are all of them. Runs that do not say
// it are left out.
std::vector<ExpertsWeight> experts_weights(std::span<const Observation> runs);

// A law is not fitted to trials that differ in what it does not know of their experts, be it their
// number, how many a token passes through or how fine they are: Error(kRefused, "mixed_experts").
void require_known_experts(const std::vector<TrialRow>& rows, const std::string& study,
                           const std::string& law);
// Says on stderr what else has to be true where a law is fitted to imported runs together with
// trials or with those of other files.
void note_company(const Store& store, const std::string& study);

// The convention that the study's grid names, or else its imports. Throws Error(kRefused,
// "mixed_conventions") where they are two.
FlopConvention convention_of(const Store& store, const std::string& study);
// The same refusal for runs of `convention` that are to join the study.
void check_convention_of_grid(const Store& store, const std::string& study,
                              FlopConvention convention, const std::string& path);
// And for a grid that is to join a study of imports; "mixed_units" where their losses are of
// another unit.
void check_joins_imports(const Store& store, const GridSpec& spec);

// core/loss_unit.h: of the study's losses on a held-out set, those of its imports and of `rows`,
// its trials or those of them that are fitted. Throws Error(kRefused, "mixed_units") where they are
// two.
std::string loss_unit_of(const Store& store, const std::string& study,
                         const std::vector<TrialRow>& rows, const std::string& set = "heldout");

// core/recipe.h: of the trials that `fitted` are results of (Observation::row).
std::map<std::string, std::string> fitted_recipe(const std::vector<TrialRow>& rows,
                                                 std::span<const Observation> fitted);

}  // namespace isoflop

#endif  // ISOFLOP_APP_STUDY_CONVENTION_H_
