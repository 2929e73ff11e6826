// Predictions that could have failed: hidden runs and what the others say of them.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string hidden_name(const ReportData& data, const HiddenRow& row) {
  for (const Observation& run : data.observations) {
    if (run.row == row.row) return run_name(run.trial, run.row);
  }
  return run_name("", row.row);
}

std::string hidden_hover(const ReportData& data, const HiddenRow& row) {
  return fmt::format("{}: N {}, D {}, measured {}, predicted {}", hidden_name(data, row),
                     format_quantity(row.params), format_quantity(row.tokens), fixed3(row.loss),
                     interval_text(row.predicted, fixed3));
}

std::vector<HiddenRow> drawn_rows(const Backtest& test) {
  std::vector<double> losses;
  for (const HiddenRow& row : test.rows) losses.push_back(row.loss);
  std::vector<HiddenRow> rows;
  for (const std::size_t i : thinned(losses, kMostPoints / 2)) rows.push_back(test.rows[i]);
  return rows;
}

bool is_inside(const HiddenRow& row) {
  return !row.predicted.low || !row.predicted.high ||
         (row.loss >= *row.predicted.low && row.loss <= *row.predicted.high);
}

Series hidden_series(const std::string& name, int colour, bool bars) {
  return {.name = name, .mark = bars ? Mark::kErrors : Mark::kPoints, .colour = colour};
}

// Fills the two families of a panel, inside and outside their intervals.
template <typename X, typename Y>
std::vector<Series> hidden_points(const ReportData& data, const std::vector<HiddenRow>& rows,
                                  double level, X x_of, Y y_of) {
  const bool bars = level > 0;
  Series inside = hidden_series(bars ? "inside the " + level_name(level) : "hidden runs", 0, bars);
  Series outside = hidden_series("outside", 1, bars);
  for (const HiddenRow& row : rows) {
    Series& series = is_inside(row) ? inside : outside;
    series.x.push_back(x_of(row));
    series.y.push_back(y_of(row, row.predicted.value));
    if (bars) {
      series.low.push_back(y_of(row, row.predicted.low.value_or(row.predicted.value)));
      series.high.push_back(y_of(row, row.predicted.high.value_or(row.predicted.value)));
    }
    series.hover.push_back(hidden_hover(data, row));
  }
  std::vector<Series> both;
  for (Series* series : {&inside, &outside}) {
    if (!series->x.empty()) both.push_back(std::move(*series));
  }
  return both;
}

Panel predicted_panel(const ReportData& data, const Backtest& test,
                      const std::vector<HiddenRow>& rows) {
  Panel panel{.title = "Predicted against measured", .x = loss_axis(data), .y = loss_axis(data)};
  panel.x.title = "measured loss";
  panel.y.title = "predicted loss";
  std::vector<double> measured;
  for (const HiddenRow& row : rows) measured.push_back(row.loss);
  fit_axis(panel.x, measured);
  panel.series.push_back(line_series("predicted = measured", kFaint, {*panel.x.low, *panel.x.high},
                                     {*panel.x.low, *panel.x.high}));
  for (Series& series : hidden_points(
           data, rows, test.level, [](const HiddenRow& row) { return row.loss; },
           [](const HiddenRow&, double value) { return value; })) {
    panel.series.push_back(std::move(series));
  }
  return panel;
}

Panel error_panel(const ReportData& data, const Backtest& test,
                  const std::vector<HiddenRow>& rows) {
  Panel panel{.title = "Error of the prediction",
              .x = params_axis(),
              .y = {.title = "predicted / measured - 1", .ticks = TickStyle::kPercent}};
  panel.series.push_back({.mark = Mark::kHorizontal, .colour = kFaint, .y = {0}});
  for (Series& series : hidden_points(
           data, rows, test.level, [](const HiddenRow&row) { return row.params; },
           [](const HiddenRow&row, double value) { return value / row.loss - 1; })) {
    panel.series.push_back(std::move(series));
  }
  return panel;
}

Figure drawn_backtest(const ReportData& data, Figure figure) {
  const Backtest& test = *data.fit->backtest;
  const std::vector<HiddenRow> rows = drawn_rows(test);
  if (rows.empty()) {
    return empty_figure(figure, "the backtest hid no run: it needs at least two levels of compute");
  }
  figure.panels = {predicted_panel(data, test, rows), error_panel(data, test, rows)};
  figure.caption = fmt::format(
      "The {} of {} FLOP and more were hidden, the law fitted on the other {}, and each hidden "
      "loss "
      "predicted.{}{}",
      plural(test.rows.size(), "run"), format_flops(test.budget), test.fitted,
      test.level > 0
          ? " Bars: " + level_name(test.level) + "s of a measured loss, law and scatter together."
          : " Intervals were not asked for.",
      thinned_words(rows.size(), test.rows.size(), "hidden runs"));
  figure.alt =
      fmt::format("The mean error of {} is {}, that of the largest size {}.{}",
                  plural(test.rows.size(), "hidden run"), percent(test.mean_error, 2),
                  percent(test.max_error, 2),
                  test.level > 0 ? fmt::format(" {} of {} losses lie inside their {}.", test.inside,
                                               test.rows.size(), level_name(test.level))
                                 : "");
  return figure;
}

}  // namespace

Figure backtest_chart(const ReportData& data) {
  const Figure shell{.name = "backtest", .title = "Hidden runs and what was predicted for them"};
  const std::string why = why_no_law(data);
  if (!why.empty()) return empty_figure(shell, why);
  if (!data.fit->backtest) {
    return empty_figure(
        shell,
        "no run could be hidden: a backtest needs runs of larger compute than those "
        "that a law can be fitted on (isoflop fit --backtest --hide 0.2)");
  }
  return guarded(shell, [&](Figure figure) { return drawn_backtest(data, std::move(figure)); });
}

}  // namespace isoflop
