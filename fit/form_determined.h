// Which parameters of a form no such rows can tell, whatever their losses.
//
// A parameter is told where its column of the Jacobian, residuals by fitted coordinates, is not a
// combination of the other columns: Muennighoff's R_D has a column of zeros where no row repeats
// its data; Kaplan's N_c and alpha_N have one column between them where all rows have one N. A
// search returns such a parameter where it began, and refits from there give it an interval of no
// width. A prior is one more row, and what is fixed or tied has no column.
//
// The columns are looked at in several places of the start ranges, so that a term that vanishes in
// one of them proves nothing: undetermined is what is so in all of them. Deterministic.
#ifndef ISOFLOP_FIT_FORM_DETERMINED_H_
#define ISOFLOP_FIT_FORM_DETERMINED_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/observation.h"
#include "fit/form_fit.h"
#include "law/law_form.h"

namespace isoflop {

// Names, in the form's order. Throws what fit_form throws for rows and constraints that are none.
std::vector<std::string> undetermined_parameters(const LawForm& form,
                                                 std::span<const Observation> observations,
                                                 const FormFitOptions& options);

// Error(kRefused) naming them, what the rows lack and what would help: "no_repeats" where no row
// repeats its data and the law's parameters of repetition are not fixed nor have a prior,
// "undetermined" otherwise. `source` names the table.
void require_determined(const LawForm& form, std::span<const Observation> observations,
                        const FormFitOptions& options, std::string_view source);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_DETERMINED_H_
