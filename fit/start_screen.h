// Where to start: for each (alpha, beta) of a grid the best E, A, B >= 0 are a linear problem
// (variable projection), and the nodes with the lowest Huber objective are the starts.
//
// The linear problem is weighted by 1 / L, so that its residuals are relative, nearly those of ln
// L. Of more than 1,000 points a fixed sample of so many is looked at.
#ifndef ISOFLOP_FIT_START_SCREEN_H_
#define ISOFLOP_FIT_START_SCREEN_H_

#include <vector>

#include "fit/points.h"
#include "law/loss_law.h"

namespace isoflop {

// At most `count` starts (centred), best first: first the grid's local minima, then the best other
// nodes that are not neighbours of a chosen one. `side` is the grid's nodes per axis.
std::vector<LawVector> screened_starts(const Points& points, double huber_delta, int count,
                                       int side = 20);

// The 4,500 starts of Hoffmann et al. 2022, centred for these points.
std::vector<LawVector> paper_grid_starts(const Points& points);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_START_SCREEN_H_
