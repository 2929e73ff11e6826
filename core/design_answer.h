// Which runs are worth their cost, as plain data: what design/ makes and people read.
#ifndef ISOFLOP_CORE_DESIGN_ANSWER_H_
#define ISOFLOP_CORE_DESIGN_ANSWER_H_

#include <string>
#include <vector>

#include "core/law_fit.h"

namespace isoflop {

// A run worth its cost (design/suggest.h).
struct SuggestedRun {
  double params = 0;
  double tokens = 0;
  double flops = 0;
  double loss = 0;    // predicted
  double spread = 0;  // high / low of N* expected once this run and those before it are done
};

struct Suggestions {
  double target_flops = 0;
  std::string convention;  // of every FLOP here
  double level = 0.9;      // of the intervals
  double noise = 0;
  Interval params;    // N* at the target now
  double spread = 0;  // high / low of N* now
  std::vector<SuggestedRun> runs;
};

// How well a planned grid would answer (design/planned_grid.h).
struct PlannedGridAnswer {
  double target_flops = 0;
  std::string convention;
  double level = 0.9;  // of the intervals
  int points = 0;
  double flops = 0;          // of the whole grid, each run on its own
  double largest_flops = 0;  // of one run
  int simulations = 0;
  int without_optimum = 0;  // fits that trade nothing off; they count as the ends of the range
  // The value is the truth; low and high hold `level` of the fits.
  Interval params;
  Interval loss;
  Interval a;
  double spread = 0;  // high / low of N*
  double bias = 0;    // median of the fitted N* / truth - 1
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_DESIGN_ANSWER_H_
