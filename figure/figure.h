// A figure as plain data: what is to be seen, not how it is drawn. figure/draw.h draws it.
//
// A figure is one or more panels; a panel has two axes and series in the order in which they are
// drawn. Colours are names of roles, so that a page can be light or dark and print in ink:
//
//   0 to 6   the categories of the Okabe-Ito palette, told apart by the colour-blind
//   kInk     text's own colour, for what is measured or said by others
//   kFaint   grey, for context
//   shade    instead of a colour: 0 to 1 along a sequential ramp, for ordered families (budgets)
//
// What tells series apart is never colour alone: points of categories have different shapes, lines
// different dashes.
#ifndef ISOFLOP_FIGURE_FIGURE_H_
#define ISOFLOP_FIGURE_FIGURE_H_

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

enum class AxisScale { kLinear, kLog };

// How ticks are written.
enum class TickStyle {
  kPlain,     // 2.5
  kQuantity,  // 70M, 1.3B, 20k: parameters, tokens
  kPower,     // 10^20 with the exponent raised: FLOP
  kPercent,   // the value 0.05 is "5 %"
};

struct Axis {
  std::string title;  // "training compute C"
  std::string unit;   // "FLOP"; empty: none
  AxisScale scale = AxisScale::kLinear;
  TickStyle ticks = TickStyle::kPlain;
  std::optional<double> low;  // absent: from the data
  std::optional<double> high;
  // Names at 1, 2, 3, ... instead of numbers: categories.
  std::vector<std::string> names;
};

enum class Mark {
  kLine,        // through (x, y)
  kPoints,      // at (x, y)
  kBand,        // between low and high over x
  kErrors,      // a point at (x, y) with bars from low to high in y
  kErrorsX,     // the same in x
  kBars,        // from 0, or from low where it is given (stacks), to y at x
  kText,        // `labels` at (x, y)
  kVertical,    // a line across the panel at each x
  kHorizontal,  // and at each y
};

inline constexpr int kInk = -1;
inline constexpr int kFaint = -2;

struct Series {
  std::string name;  // in the key; empty: not in the key
  Mark mark = Mark::kLine;
  int colour = kInk;
  std::optional<double> shade;  // instead of colour
  bool dashed = false;
  double width = 1.5;  // of lines, points of 1/72 inch
  double size = 1;     // of points, relative
  std::vector<double> x;
  std::vector<double> y;
  std::vector<double> low;  // kBand, kErrors, kErrorsX; of kBars in stacks
  std::vector<double> high;
  std::vector<std::string> labels;  // kText
  // A title for each point, shown when the pointer rests on it and read by screen readers; empty or
  // one a point.
  std::vector<std::string> hover;
};

struct Panel {
  std::string title;  // empty where the figure has one panel
  Axis x;
  Axis y;
  std::vector<Series> series;
};

struct Figure {
  std::string name;     // "isoflop": of files, of --figure, of anchors in the page
  std::string title;    // a heading
  std::string caption;  // what is drawn, and how
  std::string alt;      // what it shows, in words and numbers, for who cannot see it
  std::vector<Panel> panels;
  int columns = 2;  // panels beside each other, at most
  // Why there is nothing to draw, with what to do about it; empty: there is.
  std::string why_empty;

  bool empty() const { return panels.empty(); }
};

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_FIGURE_H_
