// How series look: colours of the palette, and what tells categories apart besides colour.
#ifndef ISOFLOP_FIGURE_MARK_STYLE_H_
#define ISOFLOP_FIGURE_MARK_STYLE_H_

#include <string>

#include "figure/figure.h"

namespace isoflop {

inline constexpr double kPixelsPerPoint = 96.0 / 72.0;
inline constexpr double kBandOpacity = 0.22;
inline constexpr double kBarOpacity = 0.9;

// Of the palette: "c0", "s9", "ink", "faint".
std::string colour_of(const Series& series);

// gnuplot's number of a point's shape.
int point_shape(const Series& series);

// gnuplot's " dt (...)", or nothing for a solid line. Categories have patterns only where lines of
// `several` are drawn.
std::string dash_of(const Series& series, bool several);

bool draws_line(Mark mark);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_MARK_STYLE_H_
