// Where everything of a figure lies, in CSS pixels from the top left: panels beside each other with
// the same margins, their axes with ticks, all text, the key below. What gnuplot is then told.
#ifndef ISOFLOP_FIGURE_LAYOUT_H_
#define ISOFLOP_FIGURE_LAYOUT_H_

#include <string>
#include <vector>

#include "figure/draw.h"
#include "figure/figure.h"
#include "figure/key.h"
#include "figure/scale.h"

namespace isoflop {

inline constexpr double kFontSize = 12;  // of titles
inline constexpr double kTickSize = 11;  // of tick labels, the key and labels at points

struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

enum class Align { kLeft, kCentre, kRight };

struct Text {
  std::string text;
  double x = 0;  // of the aligned end; y of the line's middle
  double y = 0;
  Align align = Align::kCentre;
  double angle = 0;  // degrees, anticlockwise
  double size = kTickSize;
  bool bold = false;
  bool faint = false;
  bool halo = false;
};

struct PanelLayout {
  const Panel* panel = nullptr;
  Box plot;  // within the axes
  Scale x;
  Scale y;
};

struct Layout {
  double width = 0;
  double height = 0;
  std::vector<PanelLayout> panels;
  std::vector<Text> texts;
  Key key;
};

// Holds pointers into `figure`, which has a panel at least.
Layout lay_out(const Figure& figure, const DrawSize& size);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_LAYOUT_H_
