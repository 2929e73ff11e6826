// Comparisons as JSON: what `isoflop compare --json` prints. Full precision; what is not known is
// absent.
//
//   models {"models": [{"name", "params", "tokens", "tokens_per_param", "total_params", "flops":
//           {"6nd", "published", "hoffmann-layers", "hoffmann"}, "inference", "fine_tuning",
//           "inference_ratio", "fine_tuning_ratio"}], "reference", "laws": [{"law", "citation",
//           "convention", "level", "best", "models": [{"name", "flops", "loss", "difference",
//           "better_share", "waste", "loss_to_optimum", "best": {"params", "tokens", "loss"}}],
//           "warnings"}], "warnings"}
//   fits   {"a", "b", "convention", "unit", "level", "at": {"flops", "loss_a", "loss_b",
//           "difference", "a_better", "multiplier", "never_share", "params_a", "params_b",
//           "tokens_a", "tokens_b"}, "budgets": [...], "crossovers": {"low", "high", "share",
//           "found": [{"flops", "better_above", "share"}]}, "warnings"}
//   sizes  {"study", "budgets": [{"budget", "best", "sizes": [{"params", "tokens", "flops_6nd",
//           "flops_exact", "seeds", "loss", "deviation", "difference", "standard_error", "errors",
//           "inference_ratio"}]}], "warnings"}
//
// Errors: Error(kFailed) naming a number that is not finite.
#ifndef ISOFLOP_IO_COMPARISON_JSON_H_
#define ISOFLOP_IO_COMPARISON_JSON_H_

#include <string>

#include "core/comparison.h"

namespace isoflop {

std::string comparison_json(const ModelComparison& comparison);
std::string comparison_json(const FitComparison& comparison);
std::string comparison_json(const SizeComparison& comparison);

}  // namespace isoflop

#endif  // ISOFLOP_IO_COMPARISON_JSON_H_
