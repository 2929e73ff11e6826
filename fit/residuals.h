// What is left after the fit: a slope or a curvature of the residuals against ln N, ln D or ln C
// says that the form is wrong there, which no interval of the form knows of.
//
//   r_i = ln L_i - ln L(N_i, D_i);   r ~ c0 + c1 z + c2 z^2,   z = (x - mean x) / sd x
//
// by least squares with weights of Huber (1.345 robust scales), so that a few wild rows are no
// trend. t values are c over its standard error from the weighted fit. Rows whose x takes fewer
// than 4 values have no trend.
#ifndef ISOFLOP_FIT_RESIDUALS_H_
#define ISOFLOP_FIT_RESIDUALS_H_

#include <span>
#include <vector>

#include "core/diagnostics.h"
#include "core/observation.h"

namespace isoflop {

// ln L measured minus ln L predicted, in the rows' order.
std::vector<double> log_residuals(const LawParameters& law,
                                  std::span<const Observation> observations);

Residuals study_residuals(const LawParameters& law, std::span<const Observation> observations);

// residual_trend: a |t| beyond what one in a hundred clean tables gives (all slopes and curvatures
// together), and a size that matters: the trend's span over the rows is above half the scatter.
std::vector<Warning> warnings_of(const Residuals& residuals);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_RESIDUALS_H_
