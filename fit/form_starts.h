// Where to start a fit of any form: a low-discrepancy set over the coordinates that enter
// nonlinearly (the additive recurrence x_i = frac(x_0 + i phi^-k), phi^(d+1) = phi + 1, in each of
// d coordinates k), the others solved for by weighted least squares at each point.
#ifndef ISOFLOP_FIT_FORM_STARTS_H_
#define ISOFLOP_FIT_FORM_STARTS_H_

#include <cstdint>
#include <vector>

#include "fit/form_problem.h"

namespace isoflop {

// The problem on row_sample.h's rows: itself where there are few.
FormProblem sampled_problem(const FormProblem& problem);

// At most `count` starts, best first and apart from each other, of `screened` tried.
std::vector<std::vector<double>> form_starts(const FormProblem& problem, int screened, int count,
                                             std::uint64_t seed, int threads);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_STARTS_H_
