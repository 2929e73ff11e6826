// A fitted law as JSON, complete: what `isoflop fit --json` prints, `plan --fit` and scripts read.
//
//   {"law": {"name", "citation", "parameters": {"E", "A", "B", "alpha", "beta"}}, "approach",
//    "observations", "objective", "huber_delta", "gradient_norm", "residual_rms",
//    "starts": {"tried", "agreeing", "second_best"},
//    "exponents": {"a": {"value", "low", "high"}, "b": {...}},
//    "interval": {"level", "method", "draws": how many},
//    "flops": {"convention", "nodes": [[N, FLOPs per token], ...]},
//    "range": {"params": {"low", "high"}, "tokens": {...}, "flops": {...}},
//    "recipe": {"model.vocab": 256, "model.objective": "masked", ...},     (core/recipe.h)
//    "isoflop": {...}, "backtest": {...}, "source", "data_sha256", "version",
//    "warnings": [{"code", "message"}], "draw_columns": ["E", ...], "draws": [[...], ...]}
//
// Numbers are shortest-round-trip, so parse_fit(fit_json(fit)) equals fit. What is not known is
// absent (a preset has no objective, starts or draws); NaN and infinity never occur. Exponents a
// and b are derived (a = beta / (alpha + beta), or approach 2's own slope; the interval from the
// draws' quantiles) and are not read back.
//
// Errors: Error(kUsage) naming file and field when reading; Error(kFailed) naming the field when
// asked to write a number that is not finite. Unknown keys are ignored, so that newer files can be
// read.
#ifndef ISOFLOP_IO_FIT_JSON_H_
#define ISOFLOP_IO_FIT_JSON_H_

#include <string>
#include <string_view>

#include "core/law_fit.h"

namespace isoflop {

std::string fit_json(const LawFit& fit);
// `name` is the file's name for messages.
LawFit parse_fit(std::string_view text, const std::string& name);

void write_fit(const LawFit& fit, const std::string& path);
LawFit read_fit(const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_IO_FIT_JSON_H_
