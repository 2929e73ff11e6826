// What a study's runs have in common, trials and imported ones: the convention of their FLOP, what
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
#include "db/store.h"

namespace isoflop {

// One law for two corpora would be nonsense that looks like a law: Error(kRefused, "mixed_data").
// So would one for losses of different things, of next tokens and of masked ones or of tokens
// masked in other ways: "mixed_objectives". What imported runs were trained on nobody knows; see
// note_company.
void require_one_corpus(const std::vector<TrialRow>& rows, const std::string& study);

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
