#include "figure/panel_script.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "figure/bars.h"
#include "figure/mark_style.h"
#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostBarTitles = 400;

class PanelWriter {
 public:
  PanelWriter(ScriptWriter& out, const PanelLayout& panel) : out_(out), panel_(&panel) {}

  void write() {
    const PanelLayout& panel = *panel_;
    out_.set_box(panel.plot);
    out_.add("set border 3 lc " + out_.colour({.colour = "faint"}) + out_.line_width(1) + "\n");
    // Categories need no lines to be told apart.
    out_.add("unset grid\n");
    for (const char* name : {"x", "y"}) {
      if (!(*name == 'x' ? panel.panel->x : panel.panel->y).names.empty()) continue;
      out_.add(fmt::format("set grid {}tics\n", name));
    }
    out_.add("set grid lt 1 lc " + out_.colour({.colour = "grid"}) + out_.line_width(0.8) + "\n");
    set_axis("x", panel.x);
    set_axis("y", panel.y);
    for (const Series& series : panel.panel->series) add_series(series);
    out_.flush_plots();
  }

 private:
  void set_axis(const char* name, const Scale& scale) {
    std::string out;
    // In this order: gnuplot refuses a range or a scale that does not suit what it had before.
    out += fmt::format("unset logscale {0}\nset {0}range [{1}:{2}]\n", name,
                       gnuplot_number(scale.low), gnuplot_number(scale.high));
    if (scale.log) out += fmt::format("set logscale {}\n", name);
    out += fmt::format("set {}tics nomirror out scale 0.45,0.25 (", name);
    for (std::size_t i = 0; i < scale.ticks.size(); ++i) {
      out += fmt::format("{}'' {}{}", i == 0 ? "" : ",", gnuplot_number(scale.ticks[i].at),
                         scale.ticks[i].label.empty() ? " 1" : "");
    }
    out_.add(out + ")\n");
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
    return "with lines lc " + out_.colour(element_of(series)) +
           out_.line_width(series.width * kPixelsPerPoint) +
           dash_of(series, out_.several_categories());
  }

  void add_line(const Series& series) {
    std::string rows;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      const bool gap = !std::isfinite(series.x[i]) || !std::isfinite(series.y[i]) ||
                       (panel_->x.log && series.x[i] <= 0) || (panel_->y.log && series.y[i] <= 0);
      rows += gap ? "\n" : gnuplot_number(series.x[i]) + ' ' + gnuplot_number(series.y[i]) + '\n';
    }
    out_.add_plot(rows, "using 1:2 " + line_style(series));
    if (!series.hover.empty() && out_.has_titles()) {
      add_marks(series, {.title = one_line(series.name)}, 7, 1.6);
    }
  }

  void add_points(const Series& series) {
    add_marks(series, element_of(series), point_shape(series), 0.8 * series.size * point_scale());
  }

  // Where there is less room points are smaller, though not as much.
  double point_scale() const {
    return std::clamp(std::sqrt(panel_->plot.width() / 400), 0.85, 1.0);
  }

  // Points, with what is shown when the pointer rests on them.
  void add_marks(const Series& series, const Element& element, int shape, double size) {
    const bool titles = !series.hover.empty() && out_.has_titles();
    std::string rows;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (!panel_->x.holds(series.x[i]) || !panel_->y.holds(series.y[i])) continue;
      rows += gnuplot_number(series.x[i]) + ' ' + gnuplot_number(series.y[i]);
      if (titles)
        rows +=
            ' ' + std::to_string(out_.add_hover(i < series.hover.size() ? series.hover[i] : ""));
      rows += '\n';
    }
    const std::string style =
        fmt::format("pt {} ps {} lw {} lc ", shape, gnuplot_number(size * out_.units().point),
                    gnuplot_number(1.2 * out_.units().line));
    out_.add_plot(rows, titles ? "using 1:2:(sprintf('%d',$3)) with labels hypertext point " +
                                     style + out_.colour(element)
                               : "using 1:2 with points " + style + out_.colour(element));
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
      rows += gap ? "\n"
                  : gnuplot_number(series.x[i]) + ' ' + gnuplot_number(low) + ' ' +
                        gnuplot_number(high) + '\n';
    }
    out_.add_plot(
        rows, fmt::format("using 1:2:3 with filledcurves lc {} fs transparent solid {} noborder",
                          out_.colour(element_of(series)), kBandOpacity));
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
      rows += across ? fmt::format("{0} {2}\n{1} {2}\n\n", gnuplot_number(low),
                                   gnuplot_number(high), gnuplot_number(fixed))
                     : fmt::format("{2} {0}\n{2} {1}\n\n", gnuplot_number(low),
                                   gnuplot_number(high), gnuplot_number(fixed));
    }
    out_.add_plot(rows, "using 1:2 with lines lc " + out_.colour(element_of(series)) +
                            out_.line_width(std::min(series.width, 1.5) * kPixelsPerPoint));
    add_points(series);
  }

  void add_bars(const Series& series) {
    const bool titles =
        !series.hover.empty() && out_.has_titles() && series.x.size() <= kMostBarTitles;
    const Scale& y = panel_->y;
    const std::string style =
        " with boxxyerror fs solid " + gnuplot_number(kBarOpacity) + " noborder lc ";
    std::string rows;
    for (const Bar& bar : bars_of(*panel_->panel)) {
      const double base = y.log ? y.low : std::clamp(bounded(bar.base, y), y.low, y.high);
      const double end = std::clamp(bounded(bar.value, y), y.low, y.high);
      if (bar.series != &series || bar.right < panel_->x.low || bar.left > panel_->x.high) continue;
      const std::string row =
          fmt::format("{} {} {} {} {} {}\n", gnuplot_number((bar.left + bar.right) / 2),
                      gnuplot_number(end), gnuplot_number(std::max(bar.left, panel_->x.low)),
                      gnuplot_number(std::min(bar.right, panel_->x.high)),
                      gnuplot_number(std::min(base, end)), gnuplot_number(std::max(base, end)));
      if (!titles) {
        rows += row;
        continue;
      }
      Element element = element_of(series);
      if (bar.row < series.hover.size()) element.title = series.hover[bar.row];
      out_.add_plot(row, "using 1:2:3:4:5:6" + style + out_.colour(element));
    }
    if (!titles) out_.add_plot(rows, "using 1:2:3:4:5:6" + style + out_.colour(element_of(series)));
  }

  void add_rules(const Series& series) {
    const bool vertical = series.mark == Mark::kVertical;
    std::string rows;
    for (const double at : vertical ? series.x : series.y) {
      if (!(vertical ? panel_->x : panel_->y).holds(at)) continue;
      rows += vertical ? fmt::format("{0} {1}\n{0} {2}\n\n", gnuplot_number(at),
                                     gnuplot_number(panel_->y.low), gnuplot_number(panel_->y.high))
                       : fmt::format("{1} {0}\n{2} {0}\n\n", gnuplot_number(at),
                                     gnuplot_number(panel_->x.low), gnuplot_number(panel_->x.high));
    }
    out_.add_plot(rows, "using 1:2 " + line_style(series));
  }

  ScriptWriter& out_;
  const PanelLayout* panel_;
};

}  // namespace

void write_panel(ScriptWriter& out, const PanelLayout& panel) { PanelWriter(out, panel).write(); }

}  // namespace isoflop
