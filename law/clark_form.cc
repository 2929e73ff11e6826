#include <cmath>

#include "law/expert_saturation.h"
#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

constexpr double kLn10 = 2.302585092994045684;

// a, b, c, d, E_start, E_max; all logarithms to base 10.
double predict_clark(std::span<const double> v, const LawPoint& point, double* gradient) {
  const EffectiveExperts experts = effective_experts(point.experts, v[4], v[5]);
  const double n = std::log10(point.active_params);
  const double e = experts.log_value / kLn10;
  const double loss = std::pow(10, v[0] * n + v[1] * e + v[2] * n * e + v[3]);
  if (gradient != nullptr) {
    const double by_log = kLn10 * loss;
    const double by_experts = by_log * (v[1] + v[2] * n) / kLn10;
    gradient[0] = by_log * n;
    gradient[1] = by_log * e;
    gradient[2] = by_log * n * e;
    gradient[3] = by_log;
    gradient[4] = by_experts * experts.by_start;
    gradient[5] = by_experts * experts.by_max;
  }
  return loss;
}

FormParameter clark_slope(std::string_view name) {
  return {
      .name = name, .start_low = -0.3, .start_high = 0.3, .low = -20, .high = 20, .linear = true};
}

}  // namespace

LawForm clark_form() {
  return {.name = "clark",
          .formula =
              "lg L = a lg N + b lg Eh + c lg N lg Eh + d, 1 / Eh = 1 / (E - 1 + 1 / (1 / "
              "E_start - 1 / E_max)) + 1 / E_max",
          .citation =
              "Clark et al. 2022, arXiv:2202.01169, bounded in E; N of the dense model, all "
              "at 130B tokens: it says nothing of D",
          .parameters = {clark_slope("a"),
                         clark_slope("b"),
                         clark_slope("c"),
                         clark_slope("d"),
                         {.name = "E_start",
                          .start_low = 1,
                          .start_high = 8,
                          .low = 0.2,
                          .high = 60,
                          .logarithmic = true},
                         {.name = "E_max",
                          .start_low = 80,
                          .start_high = 2000,
                          .low = 61,
                          .high = 1e6,
                          .logarithmic = true}},
          .needs = {"params", "experts"},
          .space = FitSpace::kLog10,
          .huber_delta = 0,
          .linear_in_log = true,
          .counts_active = true,
          .counts_dense_beside = true,
          .predict = predict_clark};
}

}  // namespace isoflop
