// The next cells by their worth over their price, when there is a law to judge them by.
//
// See adaptive.h for the formulas. Beyond them:
//   - No cell is dearer than `kDearest` of all that was spent, so that a first, wild law cannot bet
//     everything, and a batch costs about `kGrowth` of it: the number of looks grows with the
//     logarithm of the cost only.
//   - Anchors: cells whose own C is at least a tenth of all spent, and from which it is not further
//     than a factor `kFurthest` to the target, or which are near the top of what the grid has.
//     Until `kAnchors` of them, of two sizes, are among the runs, the best of them is taken first:
//     cheap runs of equal noise always look best per FLOP, and the law is least trusted far from
//     where it is used.
//   - A batch ends early when it is expected to reach `until`.
#ifndef ISOFLOP_DESIGN_ADAPTIVE_BATCH_H_
#define ISOFLOP_DESIGN_ADAPTIVE_BATCH_H_

#include <cstddef>
#include <span>
#include <vector>

#include "design/adaptive.h"
#include "design/cell_points.h"

namespace isoflop {

inline constexpr double kGrowth = 0.4;
inline constexpr double kDearest = 0.2;
inline constexpr double kAnchorShare = 0.1;
inline constexpr double kFurthest = 3000;
inline constexpr double kNearTop = 0.3;  // of the largest C of the grid
inline constexpr int kAnchors = 3;
inline constexpr int kAnchorSizes = 2;

struct BatchRequest {
  std::span<const CandidateCell> cells;
  std::vector<CellPoint> points;       // of the cells and of what was observed
  std::vector<LawParameters> guesses;  // at least one; ln N* is looked at under each
  double noise = 0;                    // s
  double point_error = 0;              // t
  double spent = 0;
  double log_width = 0;  // of the interval now
};

struct ChosenBatch {
  std::vector<std::size_t> cells;  // in the order in which they should start
  double flops = 0;
  double log_width = 0;  // expected after it
};

ChosenBatch choose_batch(BatchRequest request, const AdaptiveOptions& options);

// Smallest C of an anchor, when there is nothing spent: `all` are the points there can be.
double least_anchor(std::span<const CellPoint> all, const AdaptiveOptions& options);

// Whether runs at these points hold the law where most of the compute was spent, and as near to the
// target as `least` says.
bool has_anchors(std::span<const CellPoint> points, const FlopsPerToken& flops, double spent,
                 double least);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_ADAPTIVE_BATCH_H_
