// Models side by side under laws: Gopher against Chinchilla, or any N and D against any other.
//
// Under each law: the predicted loss, its difference to the reference (the model that is best under
// the most laws), how much compute the model wastes (C / C_opt(L), plan/compute_for_loss.h), and
// what its own budget would have bought. C = f(N) D under the law's own convention.
//
// Intervals are quantiles over the law's draws; every draw answers for all models, so differences
// are paired. Laws without draws (presets) have none.
//
// What a model costs to train is counted in every way that is known: 6 N D, as published, and by
// Hoffmann's App. F where the shape is known. Serving costs 2 N FLOPs a token, fine-tuning 6 N.
//
// Warnings: sparse_model (the laws are of dense models), flops_disagree (6 N D and the published
// count differ by more than 10 %), and by law extrapolation and tokens_per_param_outside.
//
// Errors: Error(kUsage) for fewer than two models, no law, or a number that is not positive;
// Error(kRefused, "other_form") for a fit that is not of Chinchilla's form.
#ifndef ISOFLOP_PLAN_COMPARE_MODELS_H_
#define ISOFLOP_PLAN_COMPARE_MODELS_H_

#include <string>
#include <vector>

#include "core/comparison.h"
#include "core/law_fit.h"

namespace isoflop {

struct NamedLaw {
  std::string name;
  LawFit fit;
};

ModelComparison compare_models(std::vector<ComparedModel> models,
                               const std::vector<NamedLaw>& laws);

// Training FLOPs of a model in every way that is known.
std::vector<CountedFlops> count_training_flops(const ComparedModel& model);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_COMPARE_MODELS_H_
