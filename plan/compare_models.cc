#include "plan/compare_models.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/interval.h"
#include "core/units.h"
#include "law/loss_law.h"
#include "law/optimum.h"
#include "plan/compute_for_loss.h"

namespace isoflop {
namespace {

constexpr double kFlopsDisagree = 0.1;

// What one set of parameters says about one model.
struct Prediction {
  double loss = 0;
  double waste = 1;
  Optimum best;
};

Prediction predict_model(const LawParameters& law, const FlopsPerToken& f,
                         const ComparedModel& model) {
  const double flops = f(model.params) * model.tokens;
  Prediction p{.loss = predict_loss(law, model.params, model.tokens),
               .best = compute_optimum(law, f, flops)};
  // The model's own loss is reached with its own compute at the latest.
  p.waste = std::max(1.0, flops / compute_for_loss(law, f, p.loss, flops));
  return p;
}

using Predictions = std::vector<Prediction>;  // of one model: by draw

Predictions predict_draws(const LawFit& fit, const ComparedModel& model) {
  Predictions all;
  all.reserve(fit.draws.size());
  for (const LawParameters& draw : fit.draws) {
    all.push_back(predict_model(draw, fit.flops, model));
  }
  return all;
}

// A number of the fit's own parameters with its interval over the draws.
template <typename Of>
Interval interval_of(const Prediction& value, const Predictions& draws, double level, Of of) {
  std::vector<double> values;
  values.reserve(draws.size());
  for (const Prediction& draw : draws) values.push_back(of(draw));
  Interval interval = interval_over(of(value), std::move(values), level);
  // Draws whose law has no valley may answer with infinity.
  if (interval.low && !std::isfinite(*interval.low)) interval.low.reset();
  if (interval.high && !std::isfinite(*interval.high)) interval.high.reset();
  return interval;
}

ModelUnderLaw verdict_on(const LawFit& fit, const ComparedModel& model, const Prediction& value,
                         const Predictions& draws) {
  const auto over = [&](auto of) { return interval_of(value, draws, fit.interval_level, of); };
  return {.loss = over([](const Prediction& p) { return p.loss; }),
          .waste = over([](const Prediction& p) { return p.waste; }),
          .loss_to_optimum = over([](const Prediction& p) { return p.loss - p.best.loss; }),
          .flops = fit.flops(model.params) * model.tokens,
          .best_params = over([](const Prediction& p) { return p.best.params; }),
          .best_tokens = over([](const Prediction& p) { return p.best.tokens; }),
          .best_loss = over([](const Prediction& p) { return p.best.loss; })};
}

Interval paired_difference(const ModelUnderLaw& model, const ModelUnderLaw& reference,
                           const Predictions& draws, const Predictions& reference_draws,
                           double level) {
  std::vector<double> differences;
  differences.reserve(draws.size());
  for (std::size_t i = 0; i < draws.size(); ++i) {
    differences.push_back(draws[i].loss - reference_draws[i].loss);
  }
  return interval_over(model.loss.value - reference.loss.value, std::move(differences), level);
}

// Ties count half.
std::optional<double> share_better(const Predictions& draws, const Predictions& reference) {
  if (draws.empty()) return std::nullopt;
  double better = 0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    if (draws[i].loss < reference[i].loss) better += 1;
    if (draws[i].loss == reference[i].loss) better += 0.5;
  }
  return better / static_cast<double>(draws.size());
}

std::vector<Warning> warnings_of(const LawFit& fit, const std::vector<ComparedModel>& models) {
  std::vector<Warning> warnings;
  for (const ComparedModel& model : models) {
    const double flops = fit.flops(model.params) * model.tokens;
    if (fit.flops_high > 0 && flops > fit.flops_high) {
      warnings.push_back(
          {"extrapolation", fmt::format("{} is {:.3g} times the largest fitted compute", model.name,
                                        flops / fit.flops_high)});
    }
    const double ratio = model.tokens / model.params;
    if (fit.tokens_per_param_high > 0 &&
        (ratio < fit.tokens_per_param_low || ratio > fit.tokens_per_param_high)) {
      warnings.push_back(
          {"tokens_per_param_outside",
           fmt::format("{} has {:.3g} tokens a parameter, the fitted runs {:.3g} to {:.3g}",
                       model.name, ratio, fit.tokens_per_param_low, fit.tokens_per_param_high)});
    }
  }
  return warnings;
}

// Everything but what depends on the reference.
struct JudgedLaw {
  LawVerdict verdict;
  std::vector<Predictions> draws;  // by model
};

JudgedLaw judge(const NamedLaw& law, const std::vector<ComparedModel>& models) {
  const LawFit& fit = law.fit;
  if (fit.form) {
    throw refusal("other_form",
                  fmt::format("compare: {}: is not of the form E + A / N^alpha + B / D^beta; fit "
                              "that form with `isoflop fit` and compare under it",
                              law.name));
  }
  JudgedLaw judged{.verdict = {.law = law.name,
                               .citation = fit.citation,
                               .convention = fit.flops.convention(),
                               .interval_level = fit.interval_level,
                               .warnings = warnings_of(fit, models)}};
  auto& verdicts = judged.verdict.models;
  for (const ComparedModel& model : models) {
    const Prediction value = predict_model(fit.parameters, fit.flops, model);
    judged.draws.push_back(predict_draws(fit, model));
    verdicts.push_back(verdict_on(fit, model, value, judged.draws.back()));
    if (verdicts.back().loss.value < verdicts[judged.verdict.best].loss.value) {
      judged.verdict.best = verdicts.size() - 1;
    }
  }
  return judged;
}

void refer_to(JudgedLaw& judged, std::size_t reference) {
  auto& models = judged.verdict.models;
  for (std::size_t i = 0; i < models.size(); ++i) {
    models[i].difference =
        paired_difference(models[i], models[reference], judged.draws[i], judged.draws[reference],
                          judged.verdict.interval_level);
    if (i == reference) continue;
    models[i].better_share = share_better(judged.draws[i], judged.draws[reference]);
  }
}

std::size_t best_under_most(const std::vector<JudgedLaw>& laws, std::size_t models) {
  std::vector<int> wins(models);
  for (const JudgedLaw& law : laws) ++wins[law.verdict.best];
  return static_cast<std::size_t>(std::max_element(wins.begin(), wins.end()) - wins.begin());
}

ModelCosts costs_of(const ComparedModel& model, const ComparedModel& reference) {
  return {.tokens_per_param = model.tokens / model.params,
          .training = count_training_flops(model),
          .inference = 2 * model.params,
          .fine_tuning = 6 * model.params,
          .inference_ratio = model.params / reference.params,
          .fine_tuning_ratio = model.params / reference.params};
}

void warn_of_model(const ComparedModel& model, std::vector<Warning>& warnings) {
  if (model.total_params) {
    warnings.push_back(
        {"sparse_model", fmt::format("{} is sparse ({} parameters, {} active): the laws are of "
                                     "dense models and see the active ones only",
                                     model.name, format_quantity(*model.total_params),
                                     format_quantity(model.params))});
  }
  const double six_nd = 6 * model.params * model.tokens;
  if (model.published_flops && std::abs(six_nd / *model.published_flops - 1) > kFlopsDisagree) {
    warnings.push_back({"flops_disagree",
                        fmt::format("{}: 6 N D is {}, the published count {}", model.name,
                                    format_flops(six_nd), format_flops(*model.published_flops))});
  }
}

void check_models(const std::vector<ComparedModel>& models, const std::vector<NamedLaw>& laws) {
  if (models.size() < 2) {
    throw usage_error("compare: needs two models: give names or N:D, e.g. gopher 70B:1.4T");
  }
  if (laws.empty()) throw usage_error("compare: no law: give --law epoch2024 or --fit fit.json");
  for (const ComparedModel& model : models) {
    if (model.params > 0 && model.tokens > 0 && std::isfinite(model.params * model.tokens)) {
      continue;
    }
    throw usage_error(fmt::format(
        "compare: {}: N and D must be positive; write them like 280B:300B", model.name));
  }
}

}  // namespace

std::vector<CountedFlops> count_training_flops(const ComparedModel& model) {
  std::vector<CountedFlops> counts{{"6nd", 6 * model.params * model.tokens}};
  if (model.published_flops) counts.push_back({"published", *model.published_flops});
  if (!model.shape) return counts;
  for (const auto convention : {FlopConvention::kHoffmannLayers, FlopConvention::kHoffmann}) {
    counts.push_back({std::string(name_of(convention)),
                      train_flops_per_token(*model.shape, convention) * model.tokens});
  }
  return counts;
}

ModelComparison compare_models(std::vector<ComparedModel> models,
                               const std::vector<NamedLaw>& laws) {
  check_models(models, laws);
  std::vector<JudgedLaw> judged;
  for (const NamedLaw& law : laws) judged.push_back(judge(law, models));
  ModelComparison result{.reference = best_under_most(judged, models.size())};
  for (JudgedLaw& law : judged) {
    refer_to(law, result.reference);
    result.laws.push_back(std::move(law.verdict));
  }
  for (const ComparedModel& model : models) {
    result.costs.push_back(costs_of(model, models[result.reference]));
    warn_of_model(model, result.warnings);
  }
  result.models = std::move(models);
  return result;
}

}  // namespace isoflop
