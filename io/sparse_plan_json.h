// Dense or sparse as JSON: what `isoflop plan --json` prints where numbers of experts are compared.
//
//   {"flops", "convention", "law": {"name", "citation"}, "experts": of the best, "params":
//   {"value",
//    "low", "high"}, "tokens", "loss", "total_params", "interval_level", "granularity",
//    "equal_flops": {"best": E, "choices": [{"experts", "params", "tokens", "loss", "total_params",
//                    "bytes", "capped", "inside", "less_dense", "wins", "dense_compute"}]},
//    "equal_memory": {"params", "bytes", "given", "best", "choices"},
//    "warnings", "assumptions"}
//
// params, tokens and loss at the top are the best model's at equal FLOPs, as a plan has them.
#ifndef ISOFLOP_IO_SPARSE_PLAN_JSON_H_
#define ISOFLOP_IO_SPARSE_PLAN_JSON_H_

#include <string>

#include "core/sparse_plan.h"

namespace isoflop {

std::string sparse_plan_json(const SparsePlan& plan);

}  // namespace isoflop

#endif  // ISOFLOP_IO_SPARSE_PLAN_JSON_H_
