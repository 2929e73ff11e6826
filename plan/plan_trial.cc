#include "plan/plan_trial.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/loss_unit.h"
#include "core/units.h"
#include "plan/training_advice.h"
#include "plan/tune.h"

namespace isoflop {
namespace {

void fix(GridSpec& spec, const char* key, const std::string& value) {
  spec.fixed.emplace_back(key, value);
}

void fix_rate(const Plan& plan, GridSpec& spec) {
  const double params = plan.shape.params;
  if (params < kStepLawFrom || !plan.training) return;
  const RateAdvice law =
      training_advice(hyper_point(plan.shape.model, plan.shape.tokens), plan.shape.loss)
          .laws.front();
  const double sequences = *law.batch_tokens / static_cast<double>(plan.shape.model.context);
  fix(spec, "train.batch", std::to_string(std::max(1LL, std::llround(sequences))));
  fix(spec, "train.rate", exact_number(*law.rate));
}

}  // namespace

GridSpec plan_trial(const Plan& plan, const std::string& corpus) {
  if (!(plan.shape.params > 0)) {
    throw refusal("no_shape",
                  "plan: there is no shape of that size, and so no trial: plan a larger model or "
                  "another --vocab");
  }
  const ModelConfig& model = plan.shape.model;
  GridSpec spec{.name = "plan", .corpus = corpus, .kind = GridKind::kTokens};
  spec.sizes = {{plan.shape.params}};
  spec.tokens = {std::floor(plan.shape.tokens)};
  // In the order of the keys, as a file is read.
  if (plan.epochs && *plan.epochs > 1) fix(spec, "data.epochs", exact_number(*plan.epochs));
  fix(spec, "model.context", std::to_string(model.context));
  if (plan.loss_unit == kNatsPerMaskedToken) fix(spec, "model.objective", "masked");
  // Layers and width follow from the size, by the rule that the shape came from.
  fix_rate(plan, spec);
  return spec;
}

}  // namespace isoflop
