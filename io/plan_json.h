// A plan as JSON: what `isoflop plan --json` prints.
//
//   {"flops", "convention", "law": {"name", "citation"},
//    "params": {"value", "low", "high"}, "tokens": {...}, "loss": {...}, "interval_level",
//    "near_optimal": {"extra_compute", "params_low", "params_high", "loss_difference"},
//    "shape": {"name", "layers", "width", "heads", "head_size", "hidden", ..., "params", "tokens",
//    "loss"}, "extrapolation", "warnings": [{"code", "message"}]}
//
// low and high are absent where no uncertainty is known, extrapolation where the law is a preset.
// Error(kFailed) naming the field when a number is not finite.
#ifndef ISOFLOP_IO_PLAN_JSON_H_
#define ISOFLOP_IO_PLAN_JSON_H_

#include <string>

#include "core/plan.h"

namespace isoflop {

std::string plan_json(const Plan& plan);

}  // namespace isoflop

#endif  // ISOFLOP_IO_PLAN_JSON_H_
