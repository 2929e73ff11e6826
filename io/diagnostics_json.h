// Diagnostics as JSON, the "diagnostics" object of fit.json, and back. Full precision; absent means
// absent; rows counted from 0.
//
//   {"influence": {"budget", "scale", "cutoff", "level", "method", "why_not", "with": ANSWER,
//                  "without": ANSWER}, where ANSWER = {"parameters", "observations", "objective",
//                  "params", "tokens", "loss"},
//    "influential": [{"row", "trial", "params_ratio", "params", "tokens_per_param", "run_params",
//                     "run_tokens", "run_loss", "residual"}],
//    "residuals": {"scale", "rms", "trends": [{"against", "slope", "slope_t", "curvature",
//                  "curvature_t"}], "largest": [{"row", "trial", "params", "tokens", "loss",
//                  "residual", "scaled"}]},
//    "identifiability": {"condition", "condition_scaled", "standard_errors": {"ln_E", ..., "beta"},
//                        "correlation" (5 x 5, in that order), "sizes", "token_counts", "budgets",
//                        "tokens_per_param": {"low", "high"}, "correlation_n_d", "flops_span",
//                        "extrapolation"},
//    "conventions": {"rows": [{"params", "flops", "how", "usable", "a", "b", "params_at",
//                    "parameters" | "why_not"}], "nonembedding": {"simulated", "exact", "large",
//                    "asymptotic", "loss_exponent"}},
//    "model_choice": {"budget", "fitted", "hidden", "clear", "forms": [{"form", "formula",
//    "usable",
//                     "parameters", "hidden_rms", "hidden_mean", "fitted_rms" | "why_not"}]},
//    "warnings": [{"code", "message"}]}
//
// "influential" lists the rows in the order in which they leave; params is N* once a row and those
// before it have left, params_ratio that over N* with all rows, tokens_per_param the row's own D /
// N.
#ifndef ISOFLOP_IO_DIAGNOSTICS_JSON_H_
#define ISOFLOP_IO_DIAGNOSTICS_JSON_H_

#include <vector>

#include "core/diagnostics.h"
#include "core/law_fit.h"
#include "io/json.h"

namespace isoflop {

Json diagnostics_json(const Diagnostics& diagnostics);
Diagnostics read_diagnostics(const JsonReader& reader);

// The hidden rows of a backtest: [{"row", "params", "tokens", "flops", "loss", "predicted":
// {"value", "low", "high"}}].
Json hidden_rows_json(const Backtest& backtest);
std::vector<HiddenRow> read_hidden_rows(const std::vector<JsonReader>& rows);

}  // namespace isoflop

#endif  // ISOFLOP_IO_DIAGNOSTICS_JSON_H_
