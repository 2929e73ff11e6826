// The numbers of a law that is not Chinchilla's: which form (law/law_form.h) and its parameters.
#ifndef ISOFLOP_CORE_FORM_PARAMETERS_H_
#define ISOFLOP_CORE_FORM_PARAMETERS_H_

#include <string>
#include <vector>

namespace isoflop {

struct FormParameters {
  std::string form;                        // "muennighoff": a name that law_form() knows
  std::vector<std::string> names;          // in the form's order
  std::vector<double> values;              // one a name
  std::vector<std::vector<double>> draws;  // bootstrap refits, each like `values`; empty: none

  bool operator==(const FormParameters&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_FORM_PARAMETERS_H_
