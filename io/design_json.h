// Suggested runs and judged grids as JSON, for scripts.
//
//   suggest   {"flops": target, "convention", "noise", "interval_level", "params": {"value", "low",
//   "high"},
//              "spread": high / low, "runs": [{"params", "tokens", "flops", "loss", "spread"}]}
//   design    {"flops": target, "convention", "points", "grid_flops", "largest_flops",
//   "interval_level", "simulations",
//              "without_optimum", "params", "loss", "a", "spread", "bias"}
//
// Errors: Error(kFailed) naming the field when a number is not finite.
#ifndef ISOFLOP_IO_DESIGN_JSON_H_
#define ISOFLOP_IO_DESIGN_JSON_H_

#include <string>

#include "core/design_answer.h"

namespace isoflop {

std::string suggestions_json(const Suggestions& suggestions);
std::string planned_grid_json(const PlannedGridAnswer& answer);

}  // namespace isoflop

#endif  // ISOFLOP_IO_DESIGN_JSON_H_
