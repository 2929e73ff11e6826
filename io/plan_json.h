// A plan as JSON: what `isoflop plan --json` prints.
//
//   {"flops", "convention", "law": {"name", "citation"},
//    "params": {"value", "low", "high"}, "tokens": {...}, "loss": {...}, "interval_level",
//    "near_optimal": {"extra_compute", "params_low", "params_high", "loss_difference"},
//    "shape": {"name", "layers", "width", "heads", "head_size", "hidden", ..., "params", "tokens",
//    "loss"}, "extrapolation", "warnings": [{"code", "message"}],
//    "budget": {"kind": flops | devices | money | loss, "text"},
//    "needed_flops": {"value", "low", "high"},                     (of a target loss)
//    "binding": params | tokens | max_params | memory | latency,
//    "against_optimum": {"params", "tokens", "loss", "loss_difference", "extra_compute"},
//    "price_of_size": [{"factor", "params", "tokens", "loss", "loss_difference", "extra_compute"}],
//    "total_params", "unique_tokens", "epochs",
//    "recipe": {"model.vocab": 256, "model.objective": "masked", ...},     (core/recipe.h)
//    "spending": {"training", "fine_tuning", "inference", "total"},                       (FLOP)
//    "inference": {"tokens", "flops"}, "fine_tuning": {"tokens", "flops"},
//    "training": {"laws": [{"law", "citation", "rate", "batch_tokens", "steps", "inside_range"}],
//                 "critical_batch_tokens"},
//    "cost": {"device", "count", "precision", "peak_flops", "mfu", "seconds", "days",
//             "device_hours", "watts", "energy_kwh", "price_per_hour", "price_source", "money"},
//    "memory": {"weights", "training_state", "per_device", "devices"},                    (bytes)
//    "iso_loss": [{"params", "tokens", "flops", "extra_compute"}],
//    "size_trade": {"small", "large", "loss", "small_tokens", "large_tokens", "ratio",
//                   "ratio_at_small", "ratio_at_large", "ratio_at_loss", "beyond_small"},
//    "assumptions": ["..."]}
//
// low and high are absent where no uncertainty is known, extrapolation where the law is a preset;
// what was not asked for or cannot be said is absent (docs/plan.md says which asks for what).
// Error(kFailed) naming the field when a number is not finite.
#ifndef ISOFLOP_IO_PLAN_JSON_H_
#define ISOFLOP_IO_PLAN_JSON_H_

#include <string>

#include "core/plan.h"

namespace isoflop {

std::string plan_json(const Plan& plan);

}  // namespace isoflop

#endif  // ISOFLOP_IO_PLAN_JSON_H_
