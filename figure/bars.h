// Where bars stand: those of several series beside each other, so that none hides another; those
// that say where they begin (Series::low) on top of each other.
#ifndef ISOFLOP_FIGURE_BARS_H_
#define ISOFLOP_FIGURE_BARS_H_

#include <vector>

#include "figure/figure.h"

namespace isoflop {

struct Bar {
  const Series* series = nullptr;
  std::size_t row = 0;  // of the series
  double left = 0;      // in the x axis' unit
  double right = 0;
  double base = 0;
  double value = 0;
};

// Of all the panel's series of bars, in their order; rows without a place are left out.
std::vector<Bar> bars_of(const Panel& panel);

// The left and right ends of all bars, with half a gap: what the axis must hold.
std::vector<double> bar_edges(const Panel& panel);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_BARS_H_
