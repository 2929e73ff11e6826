// What the law leaves over, and which rows do not follow it.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/interval.h"
#include "core/units.h"
#include "law/law_form.h"
#include "law/loss_law.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kResidualPoints = kMostPoints / 3;
constexpr double kNamedScales = 4;  // residuals beyond so many robust scales are named
constexpr double kAxisScales = 10;  // and those beyond so many leave the axis
constexpr std::size_t kMostOutlierNames = 3;
constexpr std::size_t kResidualBins = 21;
constexpr double kClearTrend = 3.1;  // |t|: one in a hundred clean tables has one beyond it
constexpr double kMadScale = 1.4826;
constexpr std::size_t kTrendSteps = 41;

// A row with what the law leaves of it.
struct LeftOver {
  const Observation* run = nullptr;
  double flops = 0;
  double residual = 0;  // ln(measured / predicted); of scores the plain difference
};

double residual_of(const LawFit& fit, const Observation& run) {
  if (!fit.form) {
    return std::log(run.loss / predict_loss(fit.parameters, run.params, run.tokens));
  }
  const LawForm& form = law_form(fit.form->form);
  LawPoint point = law_point(run);
  point.flops = flops_of_run(run, fit);
  const double predicted = form.predict(fit.form->values, point, nullptr);
  const double measured = target_of(form, run).value_or(0);
  return form.target == LawTarget::kScore ? measured - predicted : std::log(measured / predicted);
}

std::vector<LeftOver> left_over(const ReportData& data) {
  std::vector<LeftOver> rows;
  for (const Observation& run : data.observations) {
    const double residual = residual_of(*data.fit, run);
    if (std::isfinite(residual)) rows.push_back({&run, flops_of_run(run, *data.fit), residual});
  }
  return rows;
}

double robust_scale_of(const std::vector<LeftOver>& rows) {
  std::vector<double> absolute;
  for (const LeftOver& row : rows) absolute.push_back(std::abs(row.residual));
  return absolute.empty() ? 0 : kMadScale * quantile(absolute, 0.5);
}

double residual_x(const LeftOver& row, const std::string& against) {
  if (against == "params") return row.run->params;
  return against == "tokens" ? row.run->tokens : row.flops;
}

std::string residual_hover(const LeftOver& row) {
  return run_hover(*row.run) +
         fmt::format(", {} of the law's", percent(std::expm1(row.residual), 2));
}

std::vector<std::size_t> thinned_rows(const std::vector<LeftOver>& rows, std::size_t most) {
  std::vector<double> absolute;
  for (const LeftOver& row : rows) absolute.push_back(std::abs(row.residual));
  return thinned(absolute, most);
}

const ResidualTrend* diagnosed_trend(const LawFit& fit, const std::string& against) {
  if (!fit.diagnostics || !fit.diagnostics->residuals) return nullptr;
  for (const ResidualTrend& trend : fit.diagnostics->residuals->trends) {
    if (trend.against == against) return &trend;
  }
  return nullptr;
}

// Mean and deviation of ln x, as the diagnosis centres it.
struct LogSpread {
  double mean = 0;
  double deviation = 0;
  Span x;
};

LogSpread log_spread(const std::vector<LeftOver>& rows, const std::string& against) {
  LogSpread out;
  const auto count = static_cast<double>(rows.size());
  for (const LeftOver& row : rows) {
    out.mean += std::log(residual_x(row, against)) / count;
    out.x.take(residual_x(row, against));
  }
  for (const LeftOver& row : rows) {
    const double away = std::log(residual_x(row, against)) - out.mean;
    out.deviation += away * away / count;
  }
  out.deviation = std::sqrt(out.deviation);
  return out;
}

// The trend as diagnosed, r = c0 + c1 z + c2 z^2; its level is the median of what is left.
Series trend_line(const ResidualTrend& trend, const std::vector<LeftOver>& rows) {
  Series line = line_series("trend", 1, {}, {});
  const LogSpread spread = log_spread(rows, trend.against);
  if (!(spread.deviation > 0)) return line;
  const auto at = [&](double value) {
    const double z = (std::log(value) - spread.mean) / spread.deviation;
    return trend.slope * z + trend.curvature * z * z;
  };
  std::vector<double> levels;
  for (const LeftOver& row : rows) {
    levels.push_back(row.residual - at(residual_x(row, trend.against)));
  }
  const double level = quantile(levels, 0.5);
  line.x = log_steps(spread.x.low, spread.x.high, kTrendSteps);
  for (const double value : line.x) line.y.push_back(level + at(value));
  return line;
}

// The farthest first.
std::vector<const LeftOver*> outliers_of(const std::vector<LeftOver>& rows, double scale) {
  std::vector<const LeftOver*> far;
  for (const LeftOver& row : rows) {
    if (std::abs(row.residual) > kNamedScales * scale) far.push_back(&row);
  }
  std::stable_sort(far.begin(), far.end(), [](const LeftOver* a, const LeftOver* b) {
    return std::abs(a->residual) > std::abs(b->residual);
  });
  return far;
}

std::string outlier_name(const LeftOver& row) {
  return fmt::format("{} ({})", run_name(row.run->trial, row.run->row),
                     percent(std::expm1(row.residual), 1));
}

// The axis shows the many; what lies beyond it is named at its edge.
void end_residual_axis(const std::vector<LeftOver>& rows, double scale, Axis& axis) {
  std::vector<double> shown = {0};
  for (const LeftOver& row : rows) {
    if (!(std::abs(row.residual) > kAxisScales * scale)) shown.push_back(row.residual);
  }
  fit_axis(axis, shown, 0.12);
}

// Those that the axis holds; the others are in the caption.
Series named_outliers(const std::vector<LeftOver>& rows, double scale, const std::string& against,
                      const Axis& y) {
  Series names{.mark = Mark::kText};
  for (const LeftOver* row : outliers_of(rows, scale)) {
    if (row->residual > *y.high || row->residual < *y.low) continue;
    if (names.x.size() == kMostOutlierNames) break;
    names.x.push_back(residual_x(*row, against));
    names.y.push_back(row->residual);
    names.labels.push_back(run_name(row->run->trial, row->run->row));
  }
  return names;
}

std::size_t off_axis(const std::vector<LeftOver>& rows, const Axis& axis) {
  return static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [&](const auto& row) {
    return row.residual > *axis.high || row.residual < *axis.low;
  }));
}

Series residual_points(const std::vector<LeftOver>& rows, const std::string& against) {
  Series points = point_series("runs", 0);
  points.size = 0.8;
  for (const std::size_t i : thinned_rows(rows, kResidualPoints)) {
    points.x.push_back(residual_x(rows[i], against));
    points.y.push_back(rows[i].residual);
    points.hover.push_back(residual_hover(rows[i]));
  }
  return points;
}

Panel residual_panel(const LawFit& fit, const std::vector<LeftOver>& rows, double scale,
                     const std::string& against, Axis x) {
  Panel panel{.title = "Against " + std::string(1, x.title.back()),
              .x = std::move(x),
              .y = {.title = "residual of ln L", .ticks = TickStyle::kPercent}};
  end_residual_axis(rows, scale, panel.y);
  if (const std::size_t off = off_axis(rows, panel.y); off > 0) {
    panel.title += fmt::format(" ({} off the axis)", off);
  }
  panel.series.push_back({.mark = Mark::kHorizontal, .colour = kFaint, .y = {0}});
  panel.series.push_back(residual_points(rows, against));
  if (const ResidualTrend* trend = diagnosed_trend(fit, against)) {
    Series line = trend_line(*trend, rows);
    if (!line.x.empty()) panel.series.push_back(std::move(line));
  }
  Series names = named_outliers(rows, scale, against, panel.y);
  if (!names.x.empty()) panel.series.push_back(std::move(names));
  return panel;
}

// How many runs lie how far from the law.
Panel spread_panel(const std::vector<LeftOver>& rows, double scale) {
  Panel panel{.title = "How many",
              .x = {.title = "residual of ln L", .ticks = TickStyle::kPercent},
              .y = {.title = "runs", .low = 0}};
  end_residual_axis(rows, scale, panel.x);
  const double width = (*panel.x.high - *panel.x.low) / kResidualBins;
  std::vector<double> counts(kResidualBins, 0);
  for (const LeftOver& row : rows) {
    const double bin = std::floor((row.residual - *panel.x.low) / width);
    if (bin >= 0 && bin < static_cast<double>(kResidualBins)) {
      ++counts[static_cast<std::size_t>(bin)];
    }
  }
  Series bars{.mark = Mark::kBars, .colour = 0};
  for (std::size_t i = 0; i < kResidualBins; ++i) {
    bars.x.push_back(*panel.x.low + (static_cast<double>(i) + 0.5) * width);
    bars.y.push_back(counts[i]);
    bars.hover.push_back(fmt::format("{} within {} of {}",
                                     plural(static_cast<std::size_t>(counts[i]), "run"),
                                     with_decimals(50 * width, 2) + " %", percent(bars.x[i], 2)));
  }
  panel.series = {bars};
  return panel;
}

std::string outlier_words(const std::vector<LeftOver>& rows, double scale) {
  std::vector<std::string> names;
  for (const LeftOver* row : outliers_of(rows, scale)) names.push_back(outlier_name(*row));
  if (names.empty()) return "";
  return fmt::format(" Beyond {:.0f} robust scales: {}; beyond {:.0f} a run is off the axis.",
                     kNamedScales, listed(names, 8), kAxisScales);
}

const char* letter_of(const std::string& against) {
  return against == "params" ? "N" : against == "tokens" ? "D" : "C";
}

std::string trend_words(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->residuals) return "";
  std::vector<std::string> steep, all;
  for (const ResidualTrend& trend : fit.diagnostics->residuals->trends) {
    all.push_back(fmt::format("{} {} and {}", letter_of(trend.against),
                              with_decimals(trend.slope_t, 1),
                              with_decimals(trend.curvature_t, 1)));
    if (std::abs(trend.slope_t) > kClearTrend || std::abs(trend.curvature_t) > kClearTrend) {
      steep.push_back(letter_of(trend.against));
    }
  }
  if (all.empty()) return "";
  return (steep.empty() ? " There is no clear trend"
                        : " There is a trend with " + listed(steep, 3)) +
         "; t of slope and curvature against " + listed(all, 3) + ".";
}

Figure drawn_residuals(const ReportData& data, Figure figure) {
  const std::vector<LeftOver> rows = left_over(data);
  if (rows.empty()) {
    return empty_figure(figure,
                        "the runs of the fit are not at hand: report from the table or "
                        "store itself (isoflop report --csv or --db)");
  }
  const double scale = robust_scale_of(rows);
  figure.panels = {residual_panel(*data.fit, rows, scale, "params", params_axis()),
                   residual_panel(*data.fit, rows, scale, "tokens", tokens_axis()),
                   residual_panel(*data.fit, rows, scale, "flops", compute_axis()),
                   spread_panel(rows, scale)};
  figure.caption =
      "How far each run lies above or below the law (ln L measured minus ln L predicted, as a "
      "share). A law that fits leaves no trend; the line is the trend that there is, with t values "
      "of its slope and curvature." +
      outlier_words(rows, scale) +
      thinned_words(std::min(rows.size(), kResidualPoints), rows.size(), "runs");
  const auto far = std::max_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::abs(a.residual) < std::abs(b.residual);
  });
  figure.alt = fmt::format("{} scatter about the law by {} (robust); the farthest, {}, by {}.{}",
                           plural(rows.size(), "run"), with_decimals(100 * scale, 2) + " %",
                           run_name(far->run->trial, far->run->row),
                           percent(std::expm1(far->residual), 2), trend_words(*data.fit));
  return figure;
}

}  // namespace

Figure residual_chart(const ReportData& data) {
  const Figure shell{.name = "residuals", .title = "Residuals of the law"};
  const std::string why = why_no_law(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_residuals(data, std::move(figure)); });
}

}  // namespace isoflop
