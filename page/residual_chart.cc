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

// The trend as diagnosed, r = c0 + c1 z + c2 z^2; its level is the median of what is left.
std::vector<Series> trend_line(const LawFit& fit, const std::vector<LeftOver>& rows,
                               const std::string& against) {
  if (!fit.diagnostics || !fit.diagnostics->residuals || rows.size() < 2) return {};
  const auto& trends = fit.diagnostics->residuals->trends;
  const auto trend = std::find_if(trends.begin(), trends.end(),
                                  [&](const ResidualTrend& t) { return t.against == against; });
  if (trend == trends.end()) return {};
  double mean = 0, square = 0;
  Span x;
  for (const LeftOver& row : rows) {
    const double log_x = std::log(residual_x(row, against));
    mean += log_x;
    square += log_x * log_x;
    x.take(residual_x(row, against));
  }
  mean /= static_cast<double>(rows.size());
  const double deviation = std::sqrt(square / static_cast<double>(rows.size()) - mean * mean);
  if (!(deviation > 0) || !(x.high > x.low)) return {};
  const auto at = [&](double value) {
    const double z = (std::log(value) - mean) / deviation;
    return trend->slope * z + trend->curvature * z * z;
  };
  std::vector<double> levels;
  for (const LeftOver& row : rows) levels.push_back(row.residual - at(residual_x(row, against)));
  const double level = quantile(levels, 0.5);
  Series line =
      line_series(fmt::format("trend: slope t {}, curvature t {}", with_decimals(trend->slope_t, 1),
                              with_decimals(trend->curvature_t, 1)),
                  1, log_steps(x.low, x.high, kTrendSteps), {});
  for (const double value : line.x) line.y.push_back(level + at(value));
  return {line};
}

Series named_outliers(const std::vector<LeftOver>& rows, double scale, const std::string& against) {
  Series names{.mark = Mark::kText};
  std::vector<const LeftOver*> far;
  for (const LeftOver& row : rows) {
    if (std::abs(row.residual) > kNamedScales * scale) far.push_back(&row);
  }
  std::stable_sort(far.begin(), far.end(), [](const LeftOver* a, const LeftOver* b) {
    return std::abs(a->residual) > std::abs(b->residual);
  });
  far.resize(std::min<std::size_t>(far.size(), 5));
  for (const LeftOver* row : far) {
    names.x.push_back(residual_x(*row, against));
    names.y.push_back(row->residual);
    names.labels.push_back(run_name(row->run->trial, row->run->row));
  }
  return names;
}

Panel residual_panel(const LawFit& fit, const std::vector<LeftOver>& rows, double scale,
                     const std::string& against, Axis x) {
  Panel panel{.title = "Against " + x.title,
              .x = std::move(x),
              .y = {.title = "measured over predicted", .ticks = TickStyle::kPercent}};
  Series points = point_series("runs", 0);
  points.size = 0.8;
  for (const std::size_t i : thinned_rows(rows, kResidualPoints)) {
    points.x.push_back(residual_x(rows[i], against));
    points.y.push_back(rows[i].residual);
    points.hover.push_back(residual_hover(rows[i]));
  }
  panel.series.push_back({.mark = Mark::kHorizontal, .colour = kFaint, .y = {0}});
  panel.series.push_back(points);
  for (Series& line : trend_line(fit, rows, against)) panel.series.push_back(std::move(line));
  Series names = named_outliers(rows, scale, against);
  if (!names.x.empty()) panel.series.push_back(std::move(names));
  return panel;
}

std::string trend_words(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->residuals) return "";
  std::vector<std::string> steep;
  for (const ResidualTrend& trend : fit.diagnostics->residuals->trends) {
    if (std::abs(trend.slope_t) > 3 || std::abs(trend.curvature_t) > 3) {
      steep.push_back(trend.against == "params" ? "N" : trend.against == "tokens" ? "D" : "C");
    }
  }
  return steep.empty() ? " There is no clear trend with N, D or C."
                       : " They have a trend with " + listed(steep, 3) + ".";
}

Figure drawn_residuals(const ReportData& data, Figure figure) {
  const std::vector<LeftOver> rows = left_over(data);
  if (rows.empty()) {
    return empty_figure(figure,
                        "the runs of the fit are not at hand: report from the table or "
                        "store itself (isoflop report --csv or --db)");
  }
  const double scale = robust_scale_of(rows);
  figure.columns = 3;
  figure.panels = {residual_panel(*data.fit, rows, scale, "params", params_axis()),
                   residual_panel(*data.fit, rows, scale, "tokens", tokens_axis()),
                   residual_panel(*data.fit, rows, scale, "flops", compute_axis())};
  figure.caption =
      "How far each run lies above or below the law (ln L measured minus ln L predicted, as a "
      "share). A law that fits leaves no trend; the line is the trend that there is, with t values "
      "of its slope and curvature. Runs beyond 4 robust scales are named." +
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
