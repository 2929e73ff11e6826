// Draws figures with gnuplot, which runs as a process and reads data on its stdin.
//
// All figures get one look from here: fonts, colours, ticks, keys. Logarithmic axes have ticks that
// people can read (1B, 2B, 5B over less than two decades, else powers).
//
// An inline SVG is a fragment for a page: text stays text; colours are CSS variables (--ink,
// --faint, --c0 to --c6, --s0 to --s9 for shades) with a light page's values as fall-back; points
// have <title>; role="img" with the figure's alt text; ids are prefixed with the figure's name, so
// that several stand in one page; width 100 % by its viewBox. It asks nothing of the network and
// has no script.
//
// Errors: Error(kFailed) when gnuplot is not installed or fails, with what it said;
// Error(kUsage) for another file type than .svg, .pdf and .png, or an empty figure.
// Threads: safe.
#ifndef ISOFLOP_FIGURE_DRAW_H_
#define ISOFLOP_FIGURE_DRAW_H_

#include <string>
#include <vector>

#include "figure/figure.h"

namespace isoflop {

struct DrawSize {
  double width = 720;  // CSS pixels; of a panel where there are several: width / columns
  double height = 0;   // of one row of panels, its share of the key in it; 0: what suits the panels
};

std::string inline_svg(const Figure& figure, const DrawSize& size = {});

// Several at once, a process each on the machine's cores; in the order given. Empty figures give
// "".
std::vector<std::string> inline_svgs(const std::vector<Figure>& figures);

// A file for papers, by its extension: light, on white, fonts embedded in PDF, 200 dpi in PNG.
void draw_file(const Figure& figure, const std::string& path, const DrawSize& size = {});

// What is drawn, as CSV at full precision: panel, series, x, y, low, high, label, the x and y
// columns named after the axes.
std::string figure_csv(const Figure& figure);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_DRAW_H_
