// What is known of a parameter before the fit: its value, a range, a prior, or that it equals
// another.
//
//   E=1.7                            fixed
//   beta=0.1:0.6   beta=0.1:  :0.6   bounds; they narrow the form's own
//   alpha=0.35±0.05  alpha=0.35+-0.05  a normal prior, mean and standard deviation
//   beta=alpha                       tied to another parameter
//
// A prior counts like one more measurement of the parameter, in units of the data's own noise
// (form_fit.h).
#ifndef ISOFLOP_LAW_CONSTRAINTS_H_
#define ISOFLOP_LAW_CONSTRAINTS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "law/law_form.h"

namespace isoflop {

struct ParameterConstraint {
  std::string name;
  std::optional<double> fixed;
  std::optional<double> low;
  std::optional<double> high;
  std::optional<double> prior_mean;
  std::optional<double> prior_sd;
  std::optional<std::string> tied_to;

  bool operator==(const ParameterConstraint&) const = default;
};

// Any of the four. Throws Error(kUsage) for text that is none of them, a prior without a positive
// deviation, an empty range, and for a parameter that the form does not have (with a suggestion).
ParameterConstraint parse_constraint(std::string_view text, const LawForm& form);

// One constraint a parameter: several that say different things of one are joined ("beta=0.1:0.6"
// and "beta=0.3±0.1"). Throws Error(kUsage) when they contradict each other, tie in a circle or to
// a parameter that is tied itself, or lie outside the form's bounds.
std::vector<ParameterConstraint> joined_constraints(std::span<const ParameterConstraint> all,
                                                    const LawForm& form);

// "E = 1.7", "alpha = 0.35 ± 0.05", "0.1 <= beta <= 0.6", "beta = alpha".
std::string text_of(const ParameterConstraint& constraint);

}  // namespace isoflop

#endif  // ISOFLOP_LAW_CONSTRAINTS_H_
