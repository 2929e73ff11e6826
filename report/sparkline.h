// A series as one line of blocks for a terminal: "█▆▅▄▃▃▂▁", or "@%#+=-:." where the terminal
// knows ASCII only.
//
// The series is cut into `width` equal pieces and each is drawn by its mean, so that a spike is not
// what is seen by chance; the lowest piece is the lowest block. A series of equal values lies in
// the middle. Values that are not finite are left out; a piece without any is a space.
#ifndef ISOFLOP_REPORT_SPARKLINE_H_
#define ISOFLOP_REPORT_SPARKLINE_H_

#include <cstddef>
#include <span>
#include <string>

namespace isoflop {

// Of at most `width` columns; empty for an empty series.
std::string sparkline(std::span<const double> values, std::size_t width, bool utf8);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_SPARKLINE_H_
