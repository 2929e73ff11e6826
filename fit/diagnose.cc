#include "fit/diagnose.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fit/conventions.h"
#include "fit/identifiability.h"
#include "fit/influence.h"
#include "fit/model_choice.h"
#include "fit/residuals.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

void take_warnings(std::vector<Warning> more, Diagnostics& out) {
  out.warnings.insert(out.warnings.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
}

double budget_of(std::span<const Observation> observations, const DiagnoseOptions& options) {
  if (options.budget > 0) return options.budget;
  double largest = 0;
  for (const Observation& row : observations) largest = std::max(largest, row.flops);
  return 100 * largest;
}

// D* / N*; 0 where a term of the law is gone and there is no optimum.
double optimal_ratio(const LawParameters& law, double budget, const FlopsPerToken& flops) {
  if (!(law.A > 0 && law.B > 0 && law.alpha > 0 && law.beta > 0)) return 0;
  const double params = compute_optimum(law, flops, budget).params;
  return budget / flops(params) / params;
}

}  // namespace

Diagnostics diagnose(std::span<const Observation> observations, const ParametricFit& fit,
                     const DiagnoseOptions& options) {
  Diagnostics out;
  if (observations.empty()) return out;
  const LawParameters& law = fit.parameters;
  const double budget = budget_of(observations, options);
  if (options.influence) {
    out.influence = find_influence(observations, law,
                                   {.budget = budget,
                                    .huber_delta = options.parametric.huber_delta,
                                    .seed = options.seed,
                                    .threads = options.parametric.threads,
                                    .flops = options.flops});
    take_warnings(warnings_of(*out.influence), out);
  }
  out.residuals = study_residuals(law, observations);
  take_warnings(warnings_of(*out.residuals), out);
  out.identifiability = study_identifiability(law, observations, budget);
  take_warnings(warnings_of(*out.identifiability, law, optimal_ratio(law, budget, options.flops)),
                out);
  if (options.conventions) {
    out.conventions = compare_conventions(observations, law, options.parametric);
  }
  if (options.model_choice) {
    out.model_choice = choose_model(observations, options.parametric, options.hiding);
  }
  return out;
}

}  // namespace isoflop
