// Other tools' runs of a store, as fits, exports and conditions see them.
#ifndef ISOFLOP_APP_IMPORTED_RUNS_H_
#define ISOFLOP_APP_IMPORTED_RUNS_H_

#include <span>
#include <string>
#include <vector>

#include "core/imported_run.h"
#include "core/training_curve.h"
#include "report/text_table.h"

namespace isoflop {

// One row a run, at full precision; `isoflop fit --csv` reads it back. First the usual columns
// (trial, run, params, tokens, flops, loss, ...), then those of the further coordinates that a run
// has, then where it comes from.
TextTable imported_table(std::span<const RunImport> imports);
// The same, rounded for reading.
TextTable short_imported_table(std::span<const RunImport> imports);
// One row a point of the curves.
TextTable imported_curve_table(std::span<const RunImport> imports);

// The runs' curves, for approach 1: held-out losses where a curve has at least two, else training
// losses; the end is the run's own loss. Runs without a curve have none here. Nobody says what
// schedule they had.
std::vector<TrainingCurve> imported_curves(std::span<const RunImport> imports);

}  // namespace isoflop

#endif  // ISOFLOP_APP_IMPORTED_RUNS_H_
