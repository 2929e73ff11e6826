#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// E, A, alpha.
double predict_power(std::span<const double> v, const LawPoint& point, double* gradient) {
  const PowerTerm a = power_term(v[1], point.flops, v[2]);
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = a.by_coefficient;
    gradient[2] = a.by_exponent;
  }
  return v[0] + a.value;
}

}  // namespace

LawForm power_form() {
  return {
      .name = "power",
      .formula = "L = E + A / C^alpha",
      .citation =
          "Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3, with an irreducible loss as "
          "in Henighan et al. 2020, arXiv:2010.14701",
      .parameters = {floor_parameter("E"), coefficient_parameter("A"), exponent_parameter("alpha")},
      .needs = {"flops"},
      .predict = predict_power};
}

}  // namespace isoflop
