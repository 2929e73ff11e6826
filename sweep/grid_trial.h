// A cell's trial: its keys, shape, rate, batch and D by the rules of sweep/grid.h, and what of it
// the data cannot give or a trunk cannot share.
//
// Errors: Error(kUsage) says which cell, why, and what to change.
#ifndef ISOFLOP_SWEEP_GRID_TRIAL_H_
#define ISOFLOP_SWEEP_GRID_TRIAL_H_

#include <string>
#include <vector>

#include "core/grid_spec.h"
#include "core/trial.h"
#include "sweep/grid.h"
#include "sweep/grid_cells.h"

namespace isoflop {

struct CellTrial {
  Trial trial;
  double wanted = 0;  // tokens before rounding
  double epochs = 0;  // of the axis, before rounding; 0 without it
};

// `keys`: the grid's fixed ones and the axes'.
CellTrial trial_of(const Cell& cell, const Keys& keys, const GridSpec& spec,
                   const GridContext& context);

// Equal for trials that are one training. Under the axis data.epochs, a limit, tells none apart.
std::string merge_key(const CellTrial& made);

// Where rounding changed D or the number of passes by more than 2 %.
void note_rounding(const CellTrial& made, const std::string& where,
                   std::vector<std::string>& notes);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_GRID_TRIAL_H_
