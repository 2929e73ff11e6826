#include "figure/script_writer.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "figure/mark_style.h"
#include "figure/palette.h"
#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr double kCairoDashes = 1 / 0.55;

Units units_of(DrawTarget target) {
  constexpr double kDots = kPngDotsPerInch / 96;
  if (target == DrawTarget::kPdf) return {0.75 * 0.75, 0.75 / 0.5, 1};
  if (target == DrawTarget::kPng) return {0.75 * kDots, kDots, kDots};
  return {};
}

bool lines_of_several(const Layout& layout) {
  std::vector<int> seen;
  for (const PanelLayout& panel : layout.panels) {
    for (const Series& series : panel.panel->series) {
      if (draws_line(series.mark) && !series.shade && series.colour >= 0) {
        seen.push_back(series.colour % kCategories);
      }
    }
  }
  return std::any_of(seen.begin(), seen.end(), [&](int colour) { return colour != seen[0]; });
}

}  // namespace

ScriptWriter::ScriptWriter(const Layout& layout, DrawTarget target)
    : layout_(layout),
      target_(target),
      units_(units_of(target)),
      several_(lines_of_several(layout)) {
  set_terminal();
}

std::string ScriptWriter::colour(Element element) {
  if (target_ != DrawTarget::kSvg) {
    return element.colour.empty() ? "rgb '#ffffffff'"
                                  : "rgb '" + palette_colour(element.colour).light + "'";
  }
  script_.elements.push_back(std::move(element));
  return fmt::format("rgb '#{:06x}'", script_.elements.size());
}

void ScriptWriter::set_terminal() {
  const double inches_wide = layout_.width / 96;
  const double inches_high = layout_.height / 96;
  std::string& out = script_.text;
  out += "set encoding utf8\n";
  if (target_ == DrawTarget::kSvg) {
    out += fmt::format("set terminal svg noenhanced size {},{} font 'DejaVu Sans,{}'\n",
                       gnuplot_number(layout_.width), gnuplot_number(layout_.height), kTickSize);
  } else if (target_ == DrawTarget::kPdf) {
    out += fmt::format(
        "set terminal pdfcairo noenhanced fontscale 1 dl {} size {}in,{}in font 'DejaVu "
        "Sans,{}'\n",
        gnuplot_number(kCairoDashes), gnuplot_number(inches_wide), gnuplot_number(inches_high),
        gnuplot_number(kTickSize * units_.font));
  } else {
    out += fmt::format(
        "set terminal pngcairo noenhanced fontscale 1 dl {} size {},{} font 'DejaVu Sans,{}'\n",
        gnuplot_number(kCairoDashes), std::lround(inches_wide * kPngDotsPerInch),
        std::lround(inches_high * kPngDotsPerInch), gnuplot_number(kTickSize * units_.font));
  }
  out += "set multiplot\nunset key\nset clip two\nset format x ''\nset format y ''\n";
}

std::string ScriptWriter::line_width(double pixels) const {
  return fmt::format(" lw {}", gnuplot_number(std::max(0.1, pixels * units_.line)));
}

std::size_t ScriptWriter::add_hover(const std::string& text) {
  script_.hovers.push_back(text);
  return script_.hovers.size() - 1;
}

void ScriptWriter::set_box(const Box& box) {
  script_.text += fmt::format(
      "set lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen {}\n"
      "set bmargin at screen {}\n",
      gnuplot_number(box.left / layout_.width), gnuplot_number(box.right / layout_.width),
      gnuplot_number(1 - box.top / layout_.height),
      gnuplot_number(1 - box.bottom / layout_.height));
}

void ScriptWriter::add_plot(const std::string& rows, const std::string& how) {
  if (rows.find_first_not_of('\n') == std::string::npos) return;
  script_.text += fmt::format("$d{} << END\n{}END\n", blocks_, rows);
  plots_.push_back(fmt::format("$d{} {}", blocks_, how));
  ++blocks_;
}

void ScriptWriter::flush_plots() {
  script_.text +=
      "plot " +
      (plots_.empty() ? "NaN notitle" : fmt::format("{}", fmt::join(plots_, ", \\\n  "))) + "\n";
  plots_.clear();
}

Script ScriptWriter::finish() {
  script_.text += "unset multiplot\n";
  return std::move(script_);
}

std::string gnuplot_string(const std::string& text) {
  std::string out = "'";
  for (const char c : one_line(text)) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string gnuplot_number(double value) { return fmt::format("{:.12g}", value); }

}  // namespace isoflop
