// The first batch, when nothing is known of the law: the cheapest cells that together determine
// one.
//
// Cells are taken from the cheap end only, those below twice the price of the last one that is
// needed there, by what they add to the knowledge of a whole law (ln det V, D-optimal) over their
// price, until they have
//   8 points, 4 sizes (3 where the grid has no more), a factor of 4 between the C of the cheapest
//   and the dearest (or the grid's whole range), and pass check_observations.h.
// The law assumed meanwhile has no scale of its own: at the middle of the cells E, A / N^alpha and
// B / D^beta are 2 : 1 : 1, alpha = beta = 0.35.
#ifndef ISOFLOP_DESIGN_ADAPTIVE_START_H_
#define ISOFLOP_DESIGN_ADAPTIVE_START_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/law_parameters.h"
#include "design/adaptive.h"
#include "design/cell_points.h"

namespace isoflop {

// Of no scale, see above. There must be a cell.
LawParameters scale_free_law(std::span<const CellPoint> points);

// Whether runs at these points can give a first law; `all` are the points there can ever be.
bool determines_a_law(std::span<const CellPoint> points, std::span<const CellPoint> all,
                      const FlopsPerToken& flops);

// Indices of cells to start, beside what is done or runs. Empty when what runs will do.
std::vector<std::size_t> starting_cells(std::span<const CandidateCell> cells,
                                        std::span<const CellPoint> points,
                                        const FlopsPerToken& flops);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_ADAPTIVE_START_H_
