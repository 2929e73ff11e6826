// How wide text will be, before anybody draws it: layout needs it, and gnuplot does not tell.
//
// Widths are DejaVu Sans', which is what files are drawn with and wider than most fonts of pages,
// so that what fits here fits there. In CSS pixels; text is UTF-8.
// Source: the advance widths of DejaVu Sans 2.37.
#ifndef ISOFLOP_FIGURE_TEXT_SIZE_H_
#define ISOFLOP_FIGURE_TEXT_SIZE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace isoflop {

double text_width(const std::string& text, double font_size);

// With "…" at the end where it would be wider.
std::string shortened(const std::string& text, double font_size, double width);

// Broken at spaces into lines no wider than `width`; the last of `most_lines` is shortened.
std::vector<std::string> wrapped(const std::string& text, double font_size, double width,
                                 std::size_t most_lines);

// What can be drawn in one line: control characters become spaces, bytes that are no UTF-8 "?".
std::string one_line(const std::string& text);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_TEXT_SIZE_H_
