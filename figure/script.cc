#include "figure/script.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "figure/bars.h"
#include "figure/label_places.h"
#include "figure/palette.h"
#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr double kPixelsPerPoint = 96.0 / 72.0;
constexpr double kBandOpacity = 0.22;
constexpr std::size_t kMostBarTitles = 400;

// What gnuplot's terminals make of its units, so that all draw the same.
struct Units {
  double font = 1;   // of a CSS pixel
  double line = 1;   // of a line one CSS pixel wide
  double point = 1;  // of points
};

Units units_of(DrawTarget target) {
  if (target == DrawTarget::kPdf) return {0.75, 1, 1};
  if (target == DrawTarget::kPng)
    return {kPngDotsPerInch / 96, kPngDotsPerInch / 96, kPngDotsPerInch / 96};
  return {};
}

// What tells categories apart besides their colour.
int point_shape(const Series& series) {
  constexpr int kShapes[kCategories] = {7, 5, 9, 13, 11, 15, 8};
  if (series.shade) return 7;
  if (series.colour == kInk) return 6;
  if (series.colour == kFaint) return 2;
  return kShapes[static_cast<std::size_t>(std::abs(series.colour)) % kCategories];
}

std::string dash_of(const Series& series, bool several) {
  static const std::vector<std::string> patterns{
      "",
      " dt (18,4)",
      " dt (12,4,2.5,4)",
      " dt (2.5,4)",
      " dt (18,4,2.5,4,2.5,4)",
      " dt (24,5,8,5)",
      " dt (7,7)",
  };
  if (series.dashed) return " dt (8,6)";
  if (series.shade || series.colour < 0 || !several) return "";
  return patterns[static_cast<std::size_t>(series.colour) % patterns.size()];
}

std::string colour_of(const Series& series) {
  if (series.shade) {
    const double shade = std::isfinite(*series.shade) ? std::clamp(*series.shade, 0.0, 1.0) : 0.5;
    return fmt::format("s{}", static_cast<int>(std::lround(shade * (kShades - 1))));
  }
  if (series.colour == kInk) return "ink";
  if (series.colour < 0) return "faint";
  return fmt::format("c{}", series.colour % kCategories);
}

bool draws_line(Mark mark) {
  return mark == Mark::kLine || mark == Mark::kVertical || mark == Mark::kHorizontal;
}

// A single-quoted string of gnuplot: nothing in it has a meaning but the quote itself.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : one_line(text)) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string number(double value) { return fmt::format("{:.10g}", value); }

class Writer {
 public:
  Writer(const Layout& layout, DrawTarget target)
      : layout_(layout), target_(target), units_(units_of(target)) {}

  Script write() {
    several_ = several_categories();
    begin();
    for (const PanelLayout& panel : layout_.panels) write_panel(panel);
    write_overlay();
    script_.text += "unset multiplot\n";
    return std::move(script_);
  }

 private:
  bool several_categories() const {
    std::vector<int> seen;
    for (const PanelLayout& panel : layout_.panels) {
      for (const Series& series : panel.panel->series) {
        if (draws_line(series.mark) && !series.shade && series.colour >= 0) {
          seen.push_back(series.colour % kCategories);
        }
      }
    }
    return std::any_of(seen.begin(), seen.end(), [&](int colour) { return colour != seen[0]; });
  }

  // The colour of a new element, as gnuplot reads it.
  std::string colour(Element element) {
    if (target_ != DrawTarget::kSvg) {
      return element.colour.empty() ? "rgb '#ffffffff'"
                                    : "rgb '" + palette_colour(element.colour).light + "'";
    }
    script_.elements.push_back(std::move(element));
    return fmt::format("rgb '#{:06x}'", script_.elements.size());
  }

  void begin() {
    const double inches_wide = layout_.width / 96;
    const double inches_high = layout_.height / 96;
    std::string& out = script_.text;
    out += "set encoding utf8\n";
    if (target_ == DrawTarget::kSvg) {
      out += fmt::format("set terminal svg noenhanced size {},{} font 'DejaVu Sans,{}'\n",
                         number(layout_.width), number(layout_.height), kTickSize);
    } else if (target_ == DrawTarget::kPdf) {
      out += fmt::format(
          "set terminal pdfcairo noenhanced fontscale 1 size {}in,{}in font 'DejaVu Sans,{}'\n",
          number(inches_wide), number(inches_high), number(kTickSize * units_.font));
    } else {
      out += fmt::format(
          "set terminal pngcairo noenhanced fontscale 1 size {},{} font 'DejaVu Sans,{}'\n",
          std::lround(inches_wide * kPngDotsPerInch), std::lround(inches_high * kPngDotsPerInch),
          number(kTickSize * units_.font));
    }
    out += "set multiplot\nunset key\nset clip two\nset format x ''\nset format y ''\n";
  }

  std::string line_width(double pixels) const {
    return fmt::format(" lw {}", number(std::max(0.1, pixels * units_.line)));
  }

  void set_box(const Box& box) {
    script_.text += fmt::format(
        "set lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen {}\n"
        "set bmargin at screen {}\n",
        number(box.left / layout_.width), number(box.right / layout_.width),
        number(1 - box.top / layout_.height), number(1 - box.bottom / layout_.height));
  }

  void set_axis(const char* name, const Scale& scale) {
    std::string& out = script_.text;
    out += fmt::format(
        "{} logscale {}\nset {}range [{}:{}]\nset {}tics nomirror out scale 0.45,0.25 (",
        scale.log ? "set" : "unset", name, name, number(scale.low), number(scale.high), name);
    for (std::size_t i = 0; i < scale.ticks.size(); ++i) {
      out += fmt::format("{}'' {}{}", i == 0 ? "" : ",", number(scale.ticks[i].at),
                         scale.ticks[i].label.empty() ? " 1" : "");
    }
    out += ")\n";
  }

  void write_panel(const PanelLayout& panel) {
    panel_ = &panel;
    set_box(panel.plot);
    script_.text += "set border 3 lc " + colour({.colour = "faint"}) + line_width(1) + "\n";
    script_.text +=
        "set grid xtics ytics lt 1 lc " + colour({.colour = "grid"}) + line_width(0.8) + "\n";
    set_axis("x", panel.x);
    set_axis("y", panel.y);
    plots_.clear();
    for (const Series& series : panel.panel->series) add_series(series);
    flush_plots();
  }

  void flush_plots() {
    script_.text +=
        "plot " +
        (plots_.empty() ? "NaN notitle" : fmt::format("{}", fmt::join(plots_, ", \\\n  "))) + "\n";
    plots_.clear();
  }

  // A block of data and how it is drawn; nothing for no data.
  void add_plot(const std::string& rows, const std::string& how) {
    if (rows.find_first_not_of('\n') == std::string::npos) return;
    script_.text += fmt::format("$d{} << END\n{}END\n", blocks_, rows);
    plots_.push_back(fmt::format("$d{} {}", blocks_, how));
    ++blocks_;
  }

  void add_series(const Series& series) {
    switch (series.mark) {
      case Mark::kLine:
        return add_line(series);
      case Mark::kPoints:
        return add_points(series);
      case Mark::kBand:
        return add_band(series);
      case Mark::kErrors:
      case Mark::kErrorsX:
        return add_errors(series);
      case Mark::kBars:
        return add_bars(series);
      case Mark::kVertical:
      case Mark::kHorizontal:
        return add_rules(series);
      case Mark::kText:
        return;  // among the figure's texts
    }
  }

  Element element_of(const Series& series) const {
    return {.colour = colour_of(series), .title = one_line(series.name)};
  }

  std::string line_style(const Series& series) {
    return "with lines lc " + colour(element_of(series)) +
           line_width(series.width * kPixelsPerPoint) + dash_of(series, several_);
  }

  void add_line(const Series& series) {
    std::string rows;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      const bool gap = !std::isfinite(series.x[i]) || !std::isfinite(series.y[i]) ||
                       (panel_->x.log && series.x[i] <= 0) || (panel_->y.log && series.y[i] <= 0);
      rows += gap ? "\n" : number(series.x[i]) + ' ' + number(series.y[i]) + '\n';
    }
    add_plot(rows, "using 1:2 " + line_style(series));
    if (!series.hover.empty() && target_ == DrawTarget::kSvg) {
      add_marks(series, {.title = one_line(series.name)}, 7, 1.6);
    }
  }

  void add_points(const Series& series) {
    add_marks(series, element_of(series), point_shape(series), 0.8 * series.size);
  }

  // Points, with what is shown when the pointer rests on them.
  void add_marks(const Series& series, const Element& element, int shape, double size) {
    const bool titles = !series.hover.empty() && target_ == DrawTarget::kSvg;
    std::string rows;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (!panel_->x.holds(series.x[i]) || !panel_->y.holds(series.y[i])) continue;
      rows += number(series.x[i]) + ' ' + number(series.y[i]);
      if (titles) rows += ' ' + std::to_string(add_hover(series, i));
      rows += '\n';
    }
    const std::string style = fmt::format("pt {} ps {} lw {} lc ", shape,
                                          number(size * units_.point), number(1.2 * units_.line));
    add_plot(rows, titles ? "using 1:2:(sprintf('%d',$3)) with labels hypertext point " + style +
                                colour(element)
                          : "using 1:2 with points " + style + colour(element));
  }

  std::size_t add_hover(const Series& series, std::size_t row) {
    script_.hovers.push_back(row < series.hover.size() ? series.hover[row] : "");
    return script_.hovers.size() - 1;
  }

  // A bound of a band or bar; an infinite one, or one that a logarithmic axis has no place for,
  // reaches the panel's edge.
  static double bounded(double value, const Scale& scale) {
    if (value == INFINITY) return scale.high;
    if (value == -INFINITY || (scale.log && value <= 0)) return scale.low;
    return value;
  }

  void add_band(const Series& series) {
    std::string rows;
    const Scale& y = panel_->y;
    for (std::size_t i = 0; i < std::min({series.x.size(), series.low.size(), series.high.size()});
         ++i) {
      const double low = bounded(series.low[i], y);
      const double high = bounded(series.high[i], y);
      const bool gap = std::isnan(low) || std::isnan(high) || !std::isfinite(series.x[i]) ||
                       (panel_->x.log && series.x[i] <= 0);
      rows += gap ? "\n" : number(series.x[i]) + ' ' + number(low) + ' ' + number(high) + '\n';
    }
    add_plot(rows,
             fmt::format("using 1:2:3 with filledcurves lc {} fs transparent solid {} noborder",
                         colour(element_of(series)), kBandOpacity));
  }

  void add_errors(const Series& series) {
    const bool across = series.mark == Mark::kErrorsX;
    const Scale& along = across ? panel_->x : panel_->y;
    std::string rows;
    const std::size_t count =
        std::min({series.x.size(), series.y.size(), series.low.size(), series.high.size()});
    for (std::size_t i = 0; i < count; ++i) {
      const double fixed = across ? series.y[i] : series.x[i];
      if (!(across ? panel_->y : panel_->x).holds(fixed)) continue;
      const double low = std::max(bounded(series.low[i], along), along.low);
      const double high = std::min(bounded(series.high[i], along), along.high);
      if (!(low < high)) continue;
      rows += across
                  ? fmt::format("{0} {2}\n{1} {2}\n\n", number(low), number(high), number(fixed))
                  : fmt::format("{2} {0}\n{2} {1}\n\n", number(low), number(high), number(fixed));
    }
    add_plot(rows, "using 1:2 with lines lc " + colour(element_of(series)) +
                       line_width(std::min(series.width, 1.5) * kPixelsPerPoint));
    add_points(series);
  }

  void add_bars(const Series& series) {
    const bool titles =
        !series.hover.empty() && target_ == DrawTarget::kSvg && series.x.size() <= kMostBarTitles;
    const Scale& y = panel_->y;
    const std::string style = " with boxxyerror fs solid 0.9 noborder lc ";
    std::string rows;
    for (const Bar& bar : bars_of(*panel_->panel)) {
      const double base = y.log ? y.low : std::clamp(0.0, y.low, y.high);
      const double end = std::clamp(bounded(bar.value, y), y.low, y.high);
      if (bar.series != &series || bar.right < panel_->x.low || bar.left > panel_->x.high) continue;
      const std::string row = fmt::format("{} {} {} {} {} {}\n", number((bar.left + bar.right) / 2),
                                          number(end), number(std::max(bar.left, panel_->x.low)),
                                          number(std::min(bar.right, panel_->x.high)),
                                          number(std::min(base, end)), number(std::max(base, end)));
      if (!titles) {
        rows += row;
        continue;
      }
      Element element = element_of(series);
      if (bar.row < series.hover.size()) element.title = series.hover[bar.row];
      add_plot(row, "using 1:2:3:4:5:6" + style + colour(element));
    }
    if (!titles) add_plot(rows, "using 1:2:3:4:5:6" + style + colour(element_of(series)));
  }

  void add_rules(const Series& series) {
    const bool vertical = series.mark == Mark::kVertical;
    std::string rows;
    for (const double at : vertical ? series.x : series.y) {
      if (!(vertical ? panel_->x : panel_->y).holds(at)) continue;
      rows += vertical ? fmt::format("{0} {1}\n{0} {2}\n\n", number(at), number(panel_->y.low),
                                     number(panel_->y.high))
                       : fmt::format("{1} {0}\n{2} {0}\n\n", number(at), number(panel_->x.low),
                                     number(panel_->x.high));
    }
    add_plot(rows, "using 1:2 " + line_style(series));
  }

  // Text and the key, over a plane of CSS pixels.
  void write_overlay() {
    set_box({0, 0, layout_.width, layout_.height});
    script_.text += fmt::format(
        "unset border\nunset xtics\nunset ytics\nunset grid\nunset logscale\n"
        "set xrange [0:{}]\nset yrange [{}:0]\n",
        number(layout_.width), number(layout_.height));
    for (const bool bold : {false, true}) {
      for (const bool faint : {false, true}) write_texts(bold, faint);
    }
    for (const KeyEntry& entry : layout_.key.entries) add_key_entry(entry);
    flush_plots();
  }

  void write_texts(bool bold, bool faint) {
    std::vector<Text> all = layout_.texts;
    for (const PanelLayout& panel : layout_.panels) {
      const std::vector<Text> labels = place_labels(panel);
      all.insert(all.end(), labels.begin(), labels.end());
    }
    std::erase_if(all, [&](const Text& text) { return text.bold != bold || text.faint != faint; });
    if (all.empty()) return;
    const std::string ink = colour({.colour = faint ? "faint" : "ink", .bold = bold});
    for (const Text& text : all) write_text(text, ink);
  }

  void write_text(const Text& text, const std::string& ink) {
    const char* align = text.align == Align::kLeft     ? "left"
                        : text.align == Align::kCentre ? "center"
                                                       : "right";
    script_.text += fmt::format(
        "set label {} at screen {},{} {} rotate by {} font 'DejaVu Sans{},{}' noenhanced tc {}\n",
        quoted(text.text), number(text.x / layout_.width), number(1 - text.y / layout_.height),
        align, number(text.angle), text.bold ? ":Bold" : "", number(text.size * units_.font), ink);
  }

  void add_key_entry(const KeyEntry& entry) {
    const double x = layout_.key.left + entry.samples_at(kTickSize);
    const double y = layout_.key.top + entry.y;
    if (entry.family) {
      for (std::size_t i = 0; i < entry.samples.size(); ++i) {
        const double left = x + kKeySwatch * static_cast<double>(i);
        add_swatch(*entry.samples[i], {left, y - 5, left + kKeySwatch, y + 5}, 1);
      }
      return;
    }
    for (const Series* series : entry.samples) add_sample(*series, x, y);
  }

  void add_swatch(const Series& series, const Box& box, double opacity) {
    add_plot(fmt::format("{} {} {} {} {} {}\n", number(box.left), number(box.top), number(box.left),
                         number(box.right), number(box.top), number(box.bottom)),
             fmt::format("using 1:2:3:4:5:6 with boxxyerror fs transparent solid {} noborder lc {}",
                         opacity, colour({.colour = colour_of(series)})));
  }

  void add_sample(const Series& series, double x, double y) {
    const double right = x + kKeySample;
    const Element plain{.colour = colour_of(series)};
    if (series.mark == Mark::kBand)
      return add_swatch(series, {x, y - 5, right, y + 5}, kBandOpacity);
    if (series.mark == Mark::kBars)
      return add_swatch(series, {x + 7, y - 5, right - 7, y + 5}, 0.9);
    if (draws_line(series.mark)) {
      add_plot(fmt::format("{0} {2}\n{1} {2}\n", number(x), number(right), number(y)),
               "using 1:2 with lines lc " + colour(plain) +
                   line_width(series.width * kPixelsPerPoint) + dash_of(series, several_));
      return;
    }
    const std::string middle = number((x + right) / 2);
    if (series.mark == Mark::kErrors || series.mark == Mark::kErrorsX) {
      const bool across = series.mark == Mark::kErrorsX;
      add_plot(across ? fmt::format("{} {}\n{} {}\n", number(x + 4), number(y), number(right - 4),
                                    number(y))
                      : fmt::format("{} {}\n{} {}\n", middle, number(y - 8), middle, number(y + 8)),
               "using 1:2 with lines lc " + colour(plain) + line_width(1.5));
    }
    add_plot(fmt::format("{} {}\n", middle, number(y)),
             fmt::format("using 1:2 with points pt {} ps {} lw {} lc {}", point_shape(series),
                         number(0.8 * std::clamp(series.size, 0.7, 1.3) * units_.point),
                         number(1.2 * units_.line), colour(plain)));
  }

  const Layout& layout_;
  DrawTarget target_;
  Units units_;
  Script script_;
  bool several_ = false;
  const PanelLayout* panel_ = nullptr;
  std::vector<std::string> plots_;
  int blocks_ = 0;
};

}  // namespace

Script gnuplot_script(const Layout& layout, DrawTarget target) {
  return Writer(layout, target).write();
}

}  // namespace isoflop
