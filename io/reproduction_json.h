// Reproduced tables as JSON: what `isoflop reproduce --json` prints. What is not known is absent.
//
//   {"name", "models": as in comparison_json.h, "tables": [{"name", "title", "source", "values":
//    [{"label", "quantity", "ours", "printed", "ratio", "basis"}], "findings": [{"code",
//    "message"}], "notes": [...]}], "suites": [{"suite", "better", "equal", "worse", "chinchilla",
//    "gopher", "mean_ratio", "printed": {"better", "equal", "worse", "chinchilla", "gopher"},
//    "findings", "tasks": [{"task", "chinchilla", "gopher", "metric"}]}]}
#ifndef ISOFLOP_IO_REPRODUCTION_JSON_H_
#define ISOFLOP_IO_REPRODUCTION_JSON_H_

#include <string>

#include "core/reproduction.h"

namespace isoflop {

std::string reproduction_json(const Reproduction& reproduction);

}  // namespace isoflop

#endif  // ISOFLOP_IO_REPRODUCTION_JSON_H_
