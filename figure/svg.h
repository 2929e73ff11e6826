// What gnuplot drew as SVG, written anew: compact, in the page's colours, with titles.
//
// gnuplot's file is scanned for the few things that it draws with (paths, polygons, points, text).
// Their colours are the numbers of a Script's elements; everything of one element goes into one
// group with its colour and title, in the order in which elements first appear. Coordinates keep a
// tenth of a CSS pixel, and lines lose the vertices that nobody could see.
#ifndef ISOFLOP_FIGURE_SVG_H_
#define ISOFLOP_FIGURE_SVG_H_

#include <string>

#include "figure/layout.h"
#include "figure/script.h"

namespace isoflop {

// How an SVG stands in what holds it.
struct SvgFrame {
  double width = 0;
  double height = 0;
  std::string name;   // ids begin with it
  std::string title;  // what a screen reader calls it
  std::string alt;
  bool page = true;  // colours by CSS variables, the page's font; else a file of its own, on white
};

std::string rewrite_svg(const std::string& drawn, const Script& script, const SvgFrame& frame);

// Text as XML has it, in content and in attributes.
std::string xml_escaped(const std::string& text);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_SVG_H_
