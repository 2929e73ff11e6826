// A script while it is written: what its parts (panel_script.h, overlay_script.h) share.
#ifndef ISOFLOP_FIGURE_SCRIPT_WRITER_H_
#define ISOFLOP_FIGURE_SCRIPT_WRITER_H_

#include <string>
#include <vector>

#include "figure/script.h"

namespace isoflop {

// What gnuplot's terminals make of its units, so that all draw the same: cairo's take 96 dots an
// inch for their fonts, PDF's lines are half a point wide, and cairo's dashes 0.55 as long as
// SVG's.
struct Units {
  double font = 1;   // of a CSS pixel
  double line = 1;   // of a line one CSS pixel wide
  double point = 1;  // of points
};

class ScriptWriter {
 public:
  // Sets the terminal.
  ScriptWriter(const Layout& layout, DrawTarget target);

  const Layout& layout() const { return layout_; }
  const Units& units() const { return units_; }
  // Whether points can have titles.
  bool has_titles() const { return target_ == DrawTarget::kSvg; }
  // Whether lines of several categories are drawn.
  bool several_categories() const { return several_; }

  // The colour of a new element, as gnuplot reads it.
  std::string colour(Element element);
  std::string line_width(double pixels) const;
  // The number by which a point refers to what is shown when the pointer rests on it.
  std::size_t add_hover(const std::string& text);

  void add(const std::string& commands) { script_.text += commands; }
  // Where the next plot's axes lie.
  void set_box(const Box& box);
  // A block of data and how it is drawn; nothing for no data.
  void add_plot(const std::string& rows, const std::string& how);
  // Draws them.
  void flush_plots();

  Script finish();

 private:
  void set_terminal();

  const Layout& layout_;
  DrawTarget target_;
  Units units_;
  bool several_ = false;
  Script script_;
  std::vector<std::string> plots_;
  int blocks_ = 0;
};

// A single-quoted string of gnuplot: nothing in it has a meaning but the quote itself.
std::string gnuplot_string(const std::string& text);

std::string gnuplot_number(double value);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_SCRIPT_WRITER_H_
