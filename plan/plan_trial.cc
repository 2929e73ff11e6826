#include "plan/plan_trial.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/loss_unit.h"
#include "core/params_counted.h"
#include "core/recipe.h"
#include "core/units.h"
#include "plan/training_advice.h"
#include "plan/tune.h"

namespace isoflop {
namespace {

void fix(GridSpec& spec, const std::string& key, const std::string& value) {
  spec.fixed.emplace_back(key, value);
}

// What a grid calls a size: all parameters of the dense model (sweep/grid.h).
double size_in_grid(ModelConfig model) {
  model.experts = 0;
  return counted_params(model, ParamsCounted::kTotal);
}

// What the fitted runs were. A corpus says its vocabulary itself.
void fix_recipe(const Plan& plan, GridSpec& spec) {
  Recipe keys = plan.recipe;
  const bool synthetic = keys.contains("data.source") && keys.at("data.source") != "text";
  keys["model.context"] = std::to_string(plan.shape.model.context);
  keys["model.vocab"] = std::to_string(plan.shape.model.vocab);
  if (!synthetic) keys.erase("model.vocab");
  if (plan.loss_unit == kNatsPerMaskedToken) keys["model.objective"] = "masked";
  for (const auto& [key, value] : keys) fix(spec, key, value);
}

// The windows that hold U tokens, as often as D asks for; passes are rounded up, so that the trial
// runs.
void fix_repeats(const Plan& plan, GridSpec& spec) {
  const double tokens = spec.tokens.front();
  if (!plan.unique_tokens || tokens <= *plan.unique_tokens) return;
  constexpr double kSteps = 1e6;  // passes are written to this
  const auto window = static_cast<double>(plan.shape.model.context);
  const double unique = std::max(1.0, std::floor(*plan.unique_tokens / window)) * window;
  fix(spec, "data.unique_tokens", exact_number(unique));
  fix(spec, "data.epochs", exact_number(std::ceil(tokens / unique * kSteps) / kSteps));
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
  // Layers and width follow from the size, by the rule that the shape came from.
  spec.sizes = {{size_in_grid(model)}};
  spec.tokens = {std::floor(plan.shape.tokens)};
  fix_recipe(plan, spec);
  fix_repeats(plan, spec);
  fix_rate(plan, spec);
  // As a file is read.
  std::sort(spec.fixed.begin(), spec.fixed.end());
  return spec;
}

}  // namespace isoflop
