// Approaches 1 and 2 and the comparison of all, as JSON: objects "isoflop", "envelope" and
// "approaches" of a fit.json. For io/'s own sources only.
//
//   isoflop    {"usable", "why_not", "a", "b", "level", "params_law": {"intercept", "slope"},
//               "tokens_law", "estimators": [{"estimator", "budgets", "a", "b", "log_error"}],
//               "noise", "noise_source", "scatter", "profiles": [{"budget", "points", "sizes",
//               "usable", "code", "estimator", "params", "tokens", "loss", "curvature", "akima",
//               "parabola", "joint", "log_error", "disagreement"}], "warnings",
//               "draw_columns", "draws": [[params intercept, params slope, tokens ..], ...]}
//   envelope   {"usable", "code", "why_not", "runs", "sizes", "flops": {"low", "high"}, "a", "b",
//               "a_as_printed", "level", "method", "params_law", "tokens_law", "thirds", "steps",
//               "warnings", "draw_columns", "draws"}
//   approaches {"flops", "level", "answers": [{"approach", "usable", "code", "why_not", "a", "b",
//               "params", "tokens", "loss"}], "pairs": [{"first", "second", "ratio", "z"}],
//               "verdict", "warnings"}
//
// Lines are ln y = intercept + slope ln C. What is read equals what was written; what is not known
// is absent. Errors as in io/json.h.
#ifndef ISOFLOP_IO_APPROACHES_JSON_H_
#define ISOFLOP_IO_APPROACHES_JSON_H_

#include "core/approach_comparison.h"
#include "core/envelope_fit.h"
#include "core/isoflop_fit.h"
#include "io/json.h"

namespace isoflop {

Json isoflop_json(const IsoflopFit& fit);
IsoflopFit read_isoflop(const JsonReader& reader);

Json envelope_json(const EnvelopeFit& fit);
EnvelopeFit read_envelope(const JsonReader& reader);

Json approaches_json(const ApproachComparison& comparison);
ApproachComparison read_approaches(const JsonReader& reader);

}  // namespace isoflop

#endif  // ISOFLOP_IO_APPROACHES_JSON_H_
