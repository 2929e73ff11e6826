// gnuplot's SVG, taken apart into the things that it draws.
#ifndef ISOFLOP_FIGURE_SVG_SCAN_H_
#define ISOFLOP_FIGURE_SVG_SCAN_H_

#include <string>
#include <vector>

namespace isoflop {

struct SvgPoint {
  double x = 0;
  double y = 0;
};

struct Polyline {
  std::vector<SvgPoint> points;
  bool closed = false;
};

enum class ShapeKind { kStroke, kFill, kSymbol, kText };

struct Shape {
  ShapeKind kind = ShapeKind::kStroke;
  int colour = 0;      // the number that the script gave, 0: none
  double width = 1;    // of strokes
  std::string dash;    // as stroke-dasharray
  double opacity = 1;  // of fills
  std::vector<Polyline> lines;
  // Symbols: gnuplot's number (gpPt<n>), scale and hypertext (-1: none). Text: where it stands.
  int symbol = 0;
  double scale = 1;
  int hover = -1;
  SvgPoint at;
  std::string text;  // as XML
  std::string anchor;
  std::string turned;  // " rotate(-90)" or empty
  double font_size = 0;
};

// Throws Error(kFailed) when this is no SVG as gnuplot writes it.
std::vector<Shape> scan_svg(const std::string& drawn);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_SVG_SCAN_H_
