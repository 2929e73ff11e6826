// What a bracket of learning rates says about one size of a sweep.
//
// The same trial at three rates or more. Through the best loss and its neighbours runs a parabola
// in ln(rate); its vertex is the best rate's estimate:
//
//   x* = x1 - 1/2 [(x1-x0)^2 (y1-y2) - (x1-x2)^2 (y1-y0)] / [(x1-x0) (y1-y2) - (x1-x2) (y1-y0)]
//
// A best loss at the bracket's edge says only that the best rate lies there or beyond: nothing is
// extrapolated. Nor is there a parabola beside a rate at which training diverged.
#ifndef ISOFLOP_CORE_RATE_RUNG_H_
#define ISOFLOP_CORE_RATE_RUNG_H_

#include <cstddef>
#include <optional>
#include <vector>

namespace isoflop {

struct RateRung {
  double params = 0;                // N
  double tokens = 0;                // D of the bracket's trials
  double rate = 0;                  // the sweep's own: the rule's unless train.rate was set
  std::vector<double> rates = {};   // ascending
  std::vector<double> losses = {};  // infinity: diverged
  std::size_t best = 0;             // index of the lowest loss
  bool at_edge = false;             // it is the first or the last
  double best_rate = 0;             // the vertex, or rates[best] where there is no parabola
  double ratio = 0;                 // best_rate / rate
};

struct RateLoss {
  double rate = 0;
  double loss = 0;  // infinity: diverged
};

// In any order; empty for fewer than three points, or when all diverged.
std::optional<RateRung> rate_rung(double params, double tokens, double rate,
                                  std::vector<RateLoss> points);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_RATE_RUNG_H_
