// Candidate cells and observations by their point (N, D), and what cells cost beside each other.
#ifndef ISOFLOP_DESIGN_CELL_POINTS_H_
#define ISOFLOP_DESIGN_CELL_POINTS_H_

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/observation.h"
#include "design/adaptive.h"

namespace isoflop {

struct CellPoint {
  double params = 0;
  double tokens = 0;
  std::vector<std::string> runs;   // observed, running or chosen: their trunks, empty without one
  std::vector<std::size_t> cells;  // indices, open ones only
};

// Equal to 1 part in 1e9. Points of the observations and of the running cells count their runs;
// done cells count by their observations.
std::vector<CellPoint> points_of(std::span<const CandidateCell> cells,
                                 std::span<const Observation> done);

// The states that trunks have left, and the price of a further cell given those chosen so far.
class TrunkLedger {
 public:
  explicit TrunkLedger(std::span<const CandidateCell> cells);

  // What choosing `cell` adds to the batch; f D for a cell without a trunk.
  double price(const CandidateCell& cell) const;
  void choose(const CandidateCell& cell);
  // Whether a cell of its trunk was trained or chosen.
  bool touches(const CandidateCell& cell) const {
    return !cell.trunk.empty() && trunks_.contains(cell.trunk);
  }

 private:
  struct Trunk {
    double reached = 0;                       // furthest branch of what is done or runs
    std::vector<const CandidateCell*> batch;  // by branch
  };
  static double cost(const Trunk& trunk);

  std::unordered_map<std::string, Trunk> trunks_;
};

double alone_flops(const CandidateCell& cell);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_CELL_POINTS_H_
