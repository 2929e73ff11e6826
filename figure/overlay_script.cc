#include "figure/overlay_script.h"

#include <algorithm>
#include <fmt/format.h>

#include "figure/label_places.h"
#include "figure/mark_style.h"

namespace isoflop {
namespace {

class OverlayWriter {
 public:
  explicit OverlayWriter(ScriptWriter& out) : out_(out) {}

  void write() {
    out_.set_box({0, 0, out_.layout().width, out_.layout().height});
    out_.add(
        fmt::format("unset border\nunset xtics\nunset ytics\nunset grid\nunset logscale\n"
                    "set xrange [0:{}]\nset yrange [{}:0]\n",
                    gnuplot_number(out_.layout().width), gnuplot_number(out_.layout().height)));
    for (const PanelLayout& panel : out_.layout().panels) write_texts(place_labels(panel));
    write_texts(out_.layout().texts);
    for (const KeyEntry& entry : out_.layout().key.entries) add_key_entry(entry);
    out_.flush_plots();
  }

 private:
  // An element for each look that there is.
  void write_texts(std::vector<Text> texts) {
    while (!texts.empty()) {
      const Text like = texts.front();
      const auto alike = [&](const Text& text) {
        return text.bold == like.bold && text.faint == like.faint && text.halo == like.halo;
      };
      const std::string ink = out_.colour(
          {.colour = like.faint ? "faint" : "ink", .bold = like.bold, .halo = like.halo});
      for (const Text& text : texts) {
        if (alike(text)) write_text(text, ink);
      }
      std::erase_if(texts, alike);
    }
  }

  void write_text(const Text& text, const std::string& ink) {
    const char* align = text.align == Align::kLeft     ? "left"
                        : text.align == Align::kCentre ? "center"
                                                       : "right";
    out_.add(fmt::format(
        "set label {} at screen {},{} {} rotate by {} font 'DejaVu Sans{},{}' noenhanced tc {}\n",
        gnuplot_string(text.text), gnuplot_number(text.x / out_.layout().width),
        gnuplot_number(1 - text.y / out_.layout().height), align, gnuplot_number(text.angle),
        text.bold ? ":Bold" : "", gnuplot_number(text.size * out_.units().font), ink));
  }

  void add_key_entry(const KeyEntry& entry) {
    const double x = out_.layout().key.left + entry.samples_at(kTickSize);
    const double y = out_.layout().key.top + entry.y;
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
    out_.add_plot(
        fmt::format("{} {} {} {} {} {}\n", gnuplot_number(box.left), gnuplot_number(box.top),
                    gnuplot_number(box.left), gnuplot_number(box.right), gnuplot_number(box.top),
                    gnuplot_number(box.bottom)),
        fmt::format("using 1:2:3:4:5:6 with boxxyerror fs transparent solid {} noborder lc {}",
                    opacity, out_.colour({.colour = colour_of(series)})));
  }

  void add_sample(const Series& series, double x, double y) {
    const double right = x + kKeySample;
    const Element plain{.colour = colour_of(series)};
    if (series.mark == Mark::kBand)
      return add_swatch(series, {x, y - 5, right, y + 5}, kBandOpacity);
    if (series.mark == Mark::kBars)
      return add_swatch(series, {x + 7, y - 5, right - 7, y + 5}, kBarOpacity);
    if (draws_line(series.mark)) {
      out_.add_plot(fmt::format("{0} {2}\n{1} {2}\n", gnuplot_number(x), gnuplot_number(right),
                                gnuplot_number(y)),
                    "using 1:2 with lines lc " + out_.colour(plain) +
                        out_.line_width(series.width * kPixelsPerPoint) +
                        dash_of(series, out_.several_categories()));
      return;
    }
    const std::string middle = gnuplot_number((x + right) / 2);
    if (series.mark == Mark::kErrors || series.mark == Mark::kErrorsX) {
      const bool across = series.mark == Mark::kErrorsX;
      out_.add_plot(across ? fmt::format("{} {}\n{} {}\n", gnuplot_number(x + 4), gnuplot_number(y),
                                         gnuplot_number(right - 4), gnuplot_number(y))
                           : fmt::format("{} {}\n{} {}\n", middle, gnuplot_number(y - 8), middle,
                                         gnuplot_number(y + 8)),
                    "using 1:2 with lines lc " + out_.colour(plain) + out_.line_width(1.5));
    }
    out_.add_plot(
        fmt::format("{} {}\n", middle, gnuplot_number(y)),
        fmt::format("using 1:2 with points pt {} ps {} lw {} lc {}", point_shape(series),
                    gnuplot_number(0.8 * std::clamp(series.size, 0.7, 1.3) * out_.units().point),
                    gnuplot_number(1.2 * out_.units().line), out_.colour(plain)));
  }

  ScriptWriter& out_;
};

}  // namespace

void write_overlay(ScriptWriter& out) { OverlayWriter(out).write(); }

}  // namespace isoflop
