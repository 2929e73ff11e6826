// A layout as a gnuplot script.
//
// For SVG the script has no real colours: each thing that is drawn (an Element) has its number as
// its colour, so that what gnuplot wrote can be told apart and given CSS variables and titles
// afterwards. The user's words are in single-quoted strings of plain text only, where gnuplot reads
// neither escapes nor commands; what is shown on hovering never reaches it, only a number does.
#ifndef ISOFLOP_FIGURE_SCRIPT_H_
#define ISOFLOP_FIGURE_SCRIPT_H_

#include <string>
#include <vector>

#include "figure/layout.h"

namespace isoflop {

enum class DrawTarget { kSvg, kPdf, kPng };

inline constexpr double kPngDotsPerInch = 200;

struct Element {
  std::string colour;  // of the palette; empty: seen by the pointer only
  std::string title;   // shown when the pointer rests on it; may be empty
  bool bold = false;
  bool halo = false;  // text over data: the page's colour about it
};

struct Script {
  std::string text;
  std::vector<Element> elements;    // an SVG's colour number k is elements[k - 1]
  std::vector<std::string> hovers;  // a hypertext "k" of the SVG is hovers[k]
};

Script gnuplot_script(const Layout& layout, DrawTarget target);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_SCRIPT_H_
