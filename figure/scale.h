// An axis in numbers: its range, and ticks that people can read.
//
// Ticks stand at 1, 2 or 5 times a power of ten on linear axes. On logarithmic ones at powers of
// ten; where these are fewer than three also at 2 and 5 times, and where that is too few at what a
// linear axis would have. Never more than kMostTicks have a label, and never two that would touch.
#ifndef ISOFLOP_FIGURE_SCALE_H_
#define ISOFLOP_FIGURE_SCALE_H_

#include <limits>
#include <string>
#include <vector>

#include "figure/figure.h"

namespace isoflop {

inline constexpr int kMostTicks = 8;

struct Tick {
  double at = 0;
  std::string label;  // empty: a small tick
};

struct Scale {
  double low = 0;
  double high = 1;
  bool log = false;
  std::vector<Tick> ticks;  // ascending; within the range

  // Whether a value has a place on this axis: finite, positive where logarithmic, in the range.
  bool holds(double value) const;
  // From 0 at low to 1 at high; beyond where the value is.
  double position(double value) const;
  double value_at(double position) const;
};

// What the data of an axis reach; values without a place on it are passed over.
class Extent {
 public:
  explicit Extent(const Axis& axis) : log_(axis.scale == AxisScale::kLog) {}
  void add(double value);
  bool empty() const { return low_ > high_; }
  double low() const { return low_; }
  double high() const { return high_; }

 private:
  bool log_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

// The axis over its data, `from_zero` for bars. Without ticks yet.
Scale scale_of(const Axis& axis, const Extent& data, bool from_zero);

// How a tick's label takes room: along the axis in CSS pixels.
struct TickRoom {
  double pixels = 600;    // the axis' length
  double font_size = 11;  //
  bool upright = false;   // y axes: labels are stacked
};

void add_ticks(Scale& scale, const Axis& axis, const TickRoom& room);

// One value as this axis' ticks write it; `step` to the next one says how many decimals.
std::string tick_label(double value, double step, TickStyle style);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_SCALE_H_
