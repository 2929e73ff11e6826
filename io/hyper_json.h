// A law of rate and batch as a file, and what `isoflop tune --json` prints.
//
// The file, written by `isoflop tune --out law.json`, read by --law and by a grid's [rates]:
//
//   {"kind": "hyper_law", "name", "citation", "counted": "all" | "non-embedding" | "linear",
//    "rate": {"coefficient", "params", "tokens", "flops", "draws": [[c, n, d, e], ...]},
//    "batch": {...},                               y = c N^n D^d C^e; batch in tokens
//    "range": {"params": {"low", "high"}, "tokens", "flops", "tokens_per_param"},
//    "warmup_per_param", "level"}
//
// Numbers are shortest-round-trip, so that read_hyper_law gives what was written; what is not known
// is absent. The answer:
//
//   {"params", "tokens", "context", "schedule", "law": the chosen one's name, "because",
//    "rate": {"value", "low", "high"}, "batch_tokens", "batch_sequences", "steps", "warmup_tokens",
//    "laws": [{"law", "formula", "citation", "counted", "rate", "batch_tokens", "batch_sequences",
//              "steps", "warmup_tokens", "range", "outside": [...]}],
//    "fit": {"runs", "noise", "noise_source", "rate": {"rungs": [{"params", "tokens", "beside",
//            "values", "losses" (null: diverged), "state", "best", "low", "high", "curvature",
//            "rule", "rule_loss", "law", "law_loss"}], "bracketed", "exponents": {"params",
//            "tokens"}, "scatter", "lost_draws", "refused", "why", "warnings"}, "batch": {...},
//            "diverged": sizes and Ds of which no run ended, "law": the file},
//    "assumptions"}
//
// Without --params and --tokens only "fit" is there. Errors: Error(kUsage) naming file and field.
#ifndef ISOFLOP_IO_HYPER_JSON_H_
#define ISOFLOP_IO_HYPER_JSON_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/hyper_fit.h"
#include "core/tune_answer.h"

namespace isoflop {

std::string hyper_law_json(const HyperLaw& law);
// `name` is the file's name for messages.
HyperLaw parse_hyper_law(std::string_view text, const std::string& name);
HyperLaw read_hyper_law(const std::string& path);

std::string_view name_of(RungState state);  // "bracketed", "low_edge", "high_edge", ...

std::string tune_json(const std::optional<TuneAnswer>& answer, const std::optional<HyperFit>& fit);

}  // namespace isoflop

#endif  // ISOFLOP_IO_HYPER_JSON_H_
