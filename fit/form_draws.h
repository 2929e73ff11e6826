// Bootstrap refits of a fit of any form, warm-started from its optimum and its rivals.
#ifndef ISOFLOP_FIT_FORM_DRAWS_H_
#define ISOFLOP_FIT_FORM_DRAWS_H_

#include <span>
#include <vector>

#include "core/observation.h"
#include "fit/form_problem.h"

namespace isoflop {

struct FormDraws {
  std::vector<std::vector<double>> values;
  int not_converged = 0;
};

// Draw k depends on the seed and k only. A resample with no more distinct rows than coordinates is
// drawn again; throws Error(kRefused, "cannot_resample") after 1,000 of them, and ("too_few_runs")
// when fewer than 3 runs are to be drawn from.
FormDraws form_draws(const FormProblem& problem, std::span<const Observation> observations,
                     const std::vector<std::vector<double>>& warm_starts,
                     const FormFitOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_DRAWS_H_
