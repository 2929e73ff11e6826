// Rows that have been read to runs: which rows are one run, and what names it.
#ifndef ISOFLOP_IMPORTS_RUN_ROWS_H_
#define ISOFLOP_IMPORTS_RUN_ROWS_H_

#include <optional>
#include <string>
#include <vector>

#include "core/imported_run.h"

namespace isoflop {

struct RunRow {
  ImportedRun run;
  std::string name;            // of its run; empty: its coordinates
  std::optional<double> step;  // orders the rows of a run; absent: their tokens do
  ImportedPoint point;         // what it is as a point of its run's curve
};

// One run for each name, in the order of their first rows; ImportedRun::source_id is the name.
// Throws Error(kUsage) naming `path` and the lines of rows that cannot be told apart, or that say
// that one run has two sizes.
// `has_curves`: rows of one name are points of one run; else they are an error.
std::vector<ImportedRun> runs_of_rows(std::vector<RunRow> rows, bool has_curves,
                                      const std::string& path);

// "params=1e+09 tokens=2e+10 seed=1"
std::string coordinates_of(const Observation& observation);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_RUN_ROWS_H_
