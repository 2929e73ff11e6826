// What most forms are sums of: coefficient x^-exponent with its derivatives, and the parameters
// that most of them share.
#ifndef ISOFLOP_LAW_FORM_TERMS_H_
#define ISOFLOP_LAW_FORM_TERMS_H_

#include <cmath>
#include <string_view>

#include "law/law_form.h"

namespace isoflop {

struct PowerTerm {
  double value = 0;           // c x^-p
  double by_coefficient = 0;  // x^-p
  double by_exponent = 0;     // -c x^-p ln x
  double by_log_x = 0;        // -p c x^-p
};

inline PowerTerm power_term(double coefficient, double x, double exponent) {
  const double log_x = std::log(x);
  const double power = std::exp(-exponent * log_x);
  const double value = coefficient * power;
  return {value, power, -value * log_x, -exponent * value};
}

// Published coefficients run from 0.06 to 2e4 and exponents from 0.05 to 1.2; the bounds only keep
// a search that the data do not hold from running away.
inline FormParameter coefficient_parameter(std::string_view name) {
  return {.name = name,
          .start_low = 0.1,
          .start_high = 1e5,
          .low = 1e-9,
          .high = 1e30,
          .logarithmic = true,
          .linear = true};
}

inline FormParameter exponent_parameter(std::string_view name) {
  return {.name = name, .start_low = 0.03, .start_high = 1.2, .low = 0.003, .high = 4};
}

// The loss that no run of the family falls below.
inline FormParameter floor_parameter(std::string_view name) {
  return {.name = name,
          .start_low = 0.1,
          .start_high = 10,
          .low = 1e-4,
          .high = 1e3,
          .logarithmic = true,
          .linear = true};
}

}  // namespace isoflop

#endif  // ISOFLOP_LAW_FORM_TERMS_H_
