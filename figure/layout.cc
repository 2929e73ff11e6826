#include "figure/layout.h"

#include <algorithm>
#include <cmath>

#include "figure/bars.h"
#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr double kLine = 1.35;        // line height, of the font's size
constexpr double kTickLength = 5;     // with the gap to its label
constexpr double kRightMargin = 18;   // half of the last tick's label
constexpr double kTextRoom = 0.09;    // above data that have labels, of the axis
constexpr double kBold = 1.15;        // width of bold text, of plain
constexpr double kNarrowest = 200;    // of a panel
constexpr double kNamesAngle = 35;    // of category names that have no room side by side
constexpr double kLongestName = 120;  // of a category, along its own line

std::string axis_title(const Axis& axis) {
  std::string title = one_line(axis.title);
  if (!axis.unit.empty()) title += (title.empty() ? "(" : " (") + one_line(axis.unit) + ")";
  return title;
}

// What the series of a panel reach along one axis.
Extent extent_of(const Panel& panel, bool vertical) {
  Extent extent(vertical ? panel.y : panel.x);
  const auto add = [&](const std::vector<double>& values) {
    for (const double value : values) extent.add(value);
  };
  for (const Series& series : panel.series) {
    const bool spread = vertical ? series.mark == Mark::kBand || series.mark == Mark::kErrors
                                 : series.mark == Mark::kErrorsX;
    if (spread) {
      add(series.low);
      add(series.high);
    }
    if (vertical ? series.mark != Mark::kVertical && series.mark != Mark::kBand
                 : series.mark != Mark::kHorizontal) {
      add(vertical ? series.y : series.x);
    }
  }
  if (!vertical && panel.x.names.empty()) {
    for (const double edge : bar_edges(panel)) extent.add(edge);
  }
  return extent;
}

bool has(const Panel& panel, Mark mark) {
  return std::any_of(panel.series.begin(), panel.series.end(),
                     [&](const Series& series) { return series.mark == mark; });
}

// How the names of a category axis stand below it.
struct Names {
  bool slanted = false;
  std::size_t every = 1;                        // of so many one is written
  std::vector<std::vector<std::string>> lines;  // of each tick
  double height = kTickSize * kLine;
};

Names names_below(const Scale& scale, double width) {
  Names names;
  const double slot = width / std::max<double>(1, static_cast<double>(scale.ticks.size())) - 6;
  std::size_t most = 1;
  for (const Tick& tick : scale.ticks) {
    // Broken without a limit first: a word that is wider than its slot is seen by its "…".
    names.lines.push_back(wrapped(tick.label, kTickSize, slot, 3));
    most = std::max(most, names.lines.back().size());
    std::string joined;
    for (const std::string& line : names.lines.back()) joined += line;
    names.slanted = names.slanted || (joined.find("…") != std::string::npos &&
                                      tick.label.find("…") == std::string::npos);
  }
  names.height = static_cast<double>(most) * kTickSize * kLine;
  if (!names.slanted) return names;
  names.every = static_cast<std::size_t>(std::max(1.0, std::ceil(1.5 * kTickSize / (slot + 6))));
  double longest = 0;
  for (std::size_t i = 0; i < names.lines.size(); ++i) {
    names.lines[i] = {shortened(scale.ticks[i].label, kTickSize, kLongestName)};
    longest = std::max(longest, text_width(names.lines[i][0], kTickSize));
  }
  names.height = longest * std::sin(kNamesAngle * M_PI / 180) + kTickSize;
  return names;
}

// One panel while it is laid out.
struct Draft {
  PanelLayout out;
  std::vector<std::string> title;
  std::vector<std::string> x_title;
  std::vector<std::string> y_title;
  std::vector<std::string> y_labels;  // of y.ticks
  Names names;
};

void draft_y(Draft& draft, double cell_width, double plot_height) {
  const Panel& panel = *draft.out.panel;
  draft.out.y = scale_of(panel.y, extent_of(panel, true), has(panel, Mark::kBars));
  if (has(panel, Mark::kText) && !panel.y.high && panel.y.names.empty()) {
    draft.out.y.high = draft.out.y.value_at(1 + kTextRoom);
  }
  add_ticks(draft.out.y, panel.y, {.pixels = plot_height, .font_size = kTickSize, .upright = true});
  draft.y_title = wrapped(axis_title(panel.y), kFontSize, plot_height + 30, 2);
  const double slot =
      plot_height / std::max<double>(1, static_cast<double>(draft.out.y.ticks.size()));
  const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil(1.2 * kTickSize / slot)));
  for (std::size_t i = 0; i < draft.out.y.ticks.size(); ++i) {
    const bool left_out = !panel.y.names.empty() && i % every != 0;
    draft.y_labels.push_back(
        left_out ? "" : shortened(draft.out.y.ticks[i].label, kTickSize, 0.38 * cell_width));
  }
}

double label_width(const Draft& draft) {
  double widest = 0;
  for (const std::string& label : draft.y_labels) {
    widest = std::max(widest, text_width(label, kTickSize));
  }
  return widest;
}

double left_margin(const Draft& draft) {
  const auto lines = static_cast<double>(draft.y_title.size());
  return 4 + lines * kFontSize * kLine + 4 + label_width(draft) + kTickLength + 3;
}

void draft_x(Draft& draft, double plot_width) {
  const Panel& panel = *draft.out.panel;
  draft.out.x = scale_of(panel.x, extent_of(panel, false), false);
  add_ticks(draft.out.x, panel.x, {.pixels = plot_width, .font_size = kTickSize});
  if (!panel.x.names.empty()) draft.names = names_below(draft.out.x, plot_width);
  draft.x_title = wrapped(axis_title(panel.x), kFontSize, plot_width + 40, 2);
  draft.title = wrapped(one_line(panel.title), kFontSize * kBold, plot_width, 2);
}

double bottom_margin(const Draft& draft) {
  return kTickLength + 3 + draft.names.height + 3 +
         static_cast<double>(draft.x_title.size()) * kFontSize * kLine + 4;
}

double top_margin(const Draft& draft) {
  return draft.title.empty() ? 10
                             : 8 + static_cast<double>(draft.title.size()) * kFontSize * kLine + 4;
}

void add_lines(const std::vector<std::string>& lines, Text first, std::vector<Text>& texts) {
  for (const std::string& line : lines) {
    first.text = line;
    texts.push_back(first);
    (first.angle == 90 ? first.x : first.y) += first.size * kLine;
  }
}

void add_x_labels(const Draft& draft, const Box& cell, std::vector<Text>& texts) {
  const PanelLayout& out = draft.out;
  const double top = out.plot.bottom + kTickLength + 3;
  for (std::size_t i = 0; i < out.x.ticks.size(); ++i) {
    const Tick& tick = out.x.ticks[i];
    if (tick.label.empty()) continue;
    Text text{.x = out.plot.left + out.x.position(tick.at) * out.plot.width(),
              .y = top + kTickSize * kLine / 2};
    if (draft.names.lines.empty()) {
      // The outermost labels stay within the panel's part of the figure.
      const double half = text_width(tick.label, kTickSize) / 2;
      text.x = std::clamp(text.x, cell.left + half + 1,
                          std::max(cell.left + half + 1, cell.right - half - 1));
      add_lines({tick.label}, text, texts);
    } else if (!draft.names.slanted) {
      add_lines(draft.names.lines[i], text, texts);
    } else if (i % draft.names.every == 0) {
      text.align = Align::kRight;
      text.angle = kNamesAngle;
      text.x += 4;
      text.y = top + 4;
      add_lines(draft.names.lines[i], text, texts);
    }
  }
}

void add_y_labels(const Draft& draft, std::vector<Text>& texts) {
  const PanelLayout& out = draft.out;
  for (std::size_t i = 0; i < draft.y_labels.size(); ++i) {
    if (draft.y_labels[i].empty()) continue;
    texts.push_back({.text = draft.y_labels[i],
                     .x = out.plot.left - kTickLength - 3,
                     .y = out.plot.bottom - out.y.position(out.y.ticks[i].at) * out.plot.height(),
                     .align = Align::kRight});
  }
}

void add_titles(const Draft& draft, const Box& cell, std::vector<Text>& texts) {
  const Box& plot = draft.out.plot;
  add_lines(draft.title,
            {.x = plot.left,
             .y = cell.top + 8 + kFontSize * kLine / 2,
             .align = Align::kLeft,
             .size = kFontSize,
             .bold = true},
            texts);
  add_lines(draft.x_title,
            {.x = (plot.left + plot.right) / 2,
             .y = plot.bottom + kTickLength + 3 + draft.names.height + 3 + kFontSize * kLine / 2,
             .size = kFontSize},
            texts);
  add_lines(draft.y_title,
            {.x = plot.left - left_margin(draft) + 4 + kFontSize * kLine / 2,
             .y = (plot.top + plot.bottom) / 2,
             .angle = 90,
             .size = kFontSize},
            texts);
}

// The panels' places among each other.
struct Cells {
  std::size_t columns = 1;
  double width = 0;
  double height = 0;

  Box at(std::size_t i) const {
    const double left = width * static_cast<double>(i % columns);
    const double top = height * static_cast<double>(i / columns);
    return {left, top, left + width, top + height};
  }
};

// The largest of what panels need, of those in a column or in a row: their axes stand in line.
template <typename Need>
double shared_need(const std::vector<Draft>& drafts, const Cells& cells, std::size_t i, bool column,
                   Need need) {
  double most = 0;
  for (std::size_t k = 0; k < drafts.size(); ++k) {
    const bool together =
        column ? k % cells.columns == i % cells.columns : k / cells.columns == i / cells.columns;
    if (together) most = std::max(most, need(drafts[k]));
  }
  return most;
}

std::vector<Draft> draft_panels(const Figure& figure, const Cells& cells) {
  std::vector<Draft> drafts(figure.panels.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    drafts[i].out.panel = &figure.panels[i];
    draft_y(drafts[i], cells.width, std::max(40.0, cells.height - 70));
  }
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    Box& plot = drafts[i].out.plot;
    plot = cells.at(i);
    plot.left += shared_need(drafts, cells, i, true, left_margin);
    plot.right = std::max(plot.right - kRightMargin, plot.left + 20);
    draft_x(drafts[i], plot.width());
  }
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    Box& plot = drafts[i].out.plot;
    plot.top += shared_need(drafts, cells, i, false, top_margin);
    plot.bottom -= shared_need(drafts, cells, i, false, bottom_margin);
    plot.bottom = std::max(plot.bottom, plot.top + 20);
  }
  return drafts;
}

// A row's height where none is asked for: panels a little wider than tall.
double row_height(const DrawSize& size, std::size_t columns, double cell_width) {
  if (size.height > 0) return size.height;
  return columns == 1 ? std::clamp(0.58 * cell_width, 200.0, 440.0)
                      : std::clamp(0.8 * cell_width, 200.0, 330.0);
}

void place_key(Layout& layout, const Figure& figure, double left, double room) {
  const int rows = std::max(1, static_cast<int>(room / kKeyRow));
  layout.key = make_key(figure, layout.width - left - 8, rows, kTickSize);
  layout.key.left = left;
}

void add_key_texts(Layout& layout) {
  const Key& key = layout.key;
  for (const KeyEntry& entry : key.entries) {
    const double y = key.top + entry.y;
    if (entry.family) {
      layout.texts.push_back(
          {.text = entry.first_name, .x = key.left + entry.x, .y = y, .align = Align::kLeft});
    }
    layout.texts.push_back({.text = entry.name,
                            .x = key.left + entry.text_at(kTickSize),
                            .y = y,
                            .align = Align::kLeft});
  }
}

}  // namespace

Layout lay_out(const Figure& figure, const DrawSize& size) {
  const std::size_t count = figure.panels.size();
  Layout layout{.width = std::max(size.width, 100.0)};
  const auto fitting = static_cast<std::size_t>(std::max(1.0, layout.width / kNarrowest));
  const std::size_t columns =
      std::min({count, fitting, static_cast<std::size_t>(std::max(1, figure.columns))});
  const std::size_t rows = (count + columns - 1) / columns;
  Cells cells{.columns = columns, .width = layout.width / static_cast<double>(columns)};
  const double row = std::max(row_height(size, columns, cells.width), 80.0);
  const double all_rows = row * static_cast<double>(rows);
  place_key(layout, figure, 12, 0.35 * all_rows);
  const double key_room = layout.key.height > 0 ? layout.key.height + 8 : 0;
  layout.height = std::round(size.height > 0 ? all_rows : all_rows + key_room);
  layout.key.top = layout.height - key_room + 4;
  cells.height = (layout.height - key_room) / static_cast<double>(rows);
  const std::vector<Draft> drafts = draft_panels(figure, cells);
  for (std::size_t i = 0; i < count; ++i) {
    add_titles(drafts[i], cells.at(i), layout.texts);
    add_x_labels(drafts[i], cells.at(i), layout.texts);
    add_y_labels(drafts[i], layout.texts);
    layout.panels.push_back(drafts[i].out);
  }
  add_key_texts(layout);
  return layout;
}

}  // namespace isoflop
