// Predictions that could have failed: hidden runs, and Chinchilla against Gopher.
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
  Series outside = hidden_series("outside", 5, bars);
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
              .y = {.title = "predicted over measured", .ticks = TickStyle::kPercent}};
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
      plural(rows.size(), "run"), format_flops(test.budget), test.fitted,
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

// --- Chinchilla against Gopher.

constexpr double kBeside = 0.13;  // of two models on one row

std::vector<std::string> law_names(const ModelComparison& comparison) {
  std::vector<std::string> names;
  for (const LawVerdict& verdict : comparison.laws) names.push_back(verdict.law);
  return names;
}

Axis law_axis(const ModelComparison& comparison) {
  Axis axis{.title = "law", .names = law_names(comparison)};
  axis.low = 0.4;
  axis.high = static_cast<double>(comparison.laws.size()) + 0.6;
  return axis;
}

void add_interval(Series& series, double y, const Interval& interval, std::string hover) {
  series.x.push_back(interval.value);
  series.y.push_back(y);
  series.low.push_back(interval.low.value_or(interval.value));
  series.high.push_back(interval.high.value_or(interval.value));
  series.hover.push_back(std::move(hover));
}

Panel model_losses_panel(const ReportData& data) {
  const ModelComparison& comparison = *data.gopher;
  Panel panel{.title = "Predicted loss", .x = loss_axis(data), .y = law_axis(comparison)};
  const std::size_t count = comparison.models.size();
  for (std::size_t m = 0; m < count; ++m) {
    const ComparedModel& model = comparison.models[m];
    Series series{.name = fmt::format("{}: N {}, D {}", model.name, format_quantity(model.params),
                                      format_quantity(model.tokens)),
                  .mark = Mark::kErrorsX,
                  .colour = static_cast<int>(m % 7)};
    for (std::size_t i = 0; i < comparison.laws.size(); ++i) {
      const LawVerdict& verdict = comparison.laws[i];
      const double beside =
          kBeside * (static_cast<double>(count - 1) - 2.0 * static_cast<double>(m));
      add_interval(series, static_cast<double>(i + 1) + beside, verdict.models[m].loss,
                   fmt::format("{} by {}: {}", model.name, verdict.law,
                               interval_text(verdict.models[m].loss, fixed3)));
    }
    panel.series.push_back(std::move(series));
  }
  return panel;
}

Panel model_gap_panel(const ReportData& data) {
  const ModelComparison& comparison = *data.gopher;
  const ComparedModel& reference = comparison.models[comparison.reference];
  Panel panel{.title = "Loss beyond " + reference.name + "'s",
              .x = {.title = "difference", .unit = loss_unit_words(data)},
              .y = law_axis(comparison)};
  panel.series.push_back({.mark = Mark::kVertical, .colour = kFaint, .x = {0}});
  for (std::size_t m = 0; m < comparison.models.size(); ++m) {
    if (m == comparison.reference) continue;
    Series series{.name = comparison.models[m].name + " - " + reference.name,
                  .mark = Mark::kErrorsX,
                  .colour = static_cast<int>(m % 7)};
    for (std::size_t i = 0; i < comparison.laws.size(); ++i) {
      const LawVerdict& verdict = comparison.laws[i];
      const ModelUnderLaw& under = verdict.models[m];
      add_interval(
          series, static_cast<double>(i + 1), under.difference,
          fmt::format("by {}: {}, compute wasted {}", verdict.law,
                      interval_text(under.difference, fixed4), factor_text(under.waste.value)));
    }
    panel.series.push_back(std::move(series));
  }
  return panel;
}

std::string gopher_alt(const ModelComparison& comparison) {
  const std::string& reference = comparison.models[comparison.reference].name;
  std::size_t best = 0;
  std::vector<std::string> gaps;
  for (const LawVerdict& verdict : comparison.laws) {
    if (verdict.best == comparison.reference) ++best;
    for (std::size_t m = 0; m < comparison.models.size(); ++m) {
      if (m == comparison.reference) continue;
      gaps.push_back(fmt::format("{} {} by {}", comparison.models[m].name,
                                 interval_text(verdict.models[m].difference, fixed4), verdict.law));
    }
  }
  return fmt::format(
      "{} is predicted to be the better one under {} of {}. Loss beyond its own: {}.", reference,
      best, plural(comparison.laws.size(), "law"), listed(gaps, gaps.size()));
}

Figure drawn_gopher(const ReportData& data, Figure figure) {
  const ModelComparison& comparison = *data.gopher;
  figure.panels = {model_losses_panel(data), model_gap_panel(data)};
  figure.caption =
      "What each law says of both models at their own N and D. Intervals are over a law's draws, "
      "draw by draw the same for both models; published laws have none. Losses of laws fitted on "
      "other data are not comparable with each other, their differences are.";
  figure.alt = gopher_alt(comparison);
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

Figure gopher_chart(const ReportData& data) {
  const Figure shell{.name = "gopher", .title = "Chinchilla against Gopher"};
  if (!data.gopher || data.gopher->laws.empty() || data.gopher->models.size() < 2) {
    return empty_figure(
        shell,
        "no law compared the two: isoflop compare gopher chinchilla does it for any "
        "law of Chinchilla's form");
  }
  return guarded(shell, [&](Figure figure) { return drawn_gopher(data, std::move(figure)); });
}

}  // namespace isoflop
