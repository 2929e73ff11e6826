// Rows that do not follow the law of the others, and what N* is without them.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/units.h"
#include "law/loss_law.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

// N* with all rows, and as each leaves.
Panel leaving_panel(const Influence& influence) {
  Panel panel{
      .title = "N* as rows leave", .x = {.title = "rows that have left"}, .y = params_axis()};
  panel.y.title = "N* at " + format_flops(influence.budget) + " FLOP";
  Series line = line_series("", 0, {0}, {influence.with.params});
  Series points = point_series("", 0);
  points.x = {0};
  points.y = {influence.with.params};
  points.hover = {"all rows: N* " + format_quantity(influence.with.params)};
  Series names{.mark = Mark::kText};
  Span y;
  y.take(influence.with.params);
  for (std::size_t i = 0; i < influence.rows.size(); ++i) {
    const InfluentialRow& row = influence.rows[i];
    const double left = static_cast<double>(i + 1);
    const std::string name = run_name(row.trial, row.row);
    line.x.push_back(left), line.y.push_back(row.params);
    points.x.push_back(left), points.y.push_back(row.params);
    y.take(row.params);
    points.hover.push_back(fmt::format("without {}: N* {} ({} of all rows')", name,
                                       format_quantity(row.params), factor_text(row.params_ratio)));
    if (influence.rows.size() <= 12) {
      names.x.push_back(left), names.y.push_back(row.params);
      names.labels.push_back(name);
    }
  }
  panel.x.low = -0.5;
  panel.x.high = static_cast<double>(influence.rows.size()) + 0.9;
  if (y.valid()) panel.y.low = y.widened(1.3).low, panel.y.high = y.widened(1.3).high;
  panel.series = {line, points, names};
  return panel;
}

bool is_foreign(const Influence& influence, const Observation& run) {
  return std::any_of(influence.rows.begin(), influence.rows.end(),
                     [&](const InfluentialRow& row) { return row.row == run.row; });
}

struct ForeignRow {
  const Observation* run = nullptr;
  double scaled = 0;  // residual of ln L over the scatter
};

std::vector<ForeignRow> scaled_rows(const ReportData& data, const Influence& influence) {
  const LawParameters& law = influence.without.law;
  std::vector<ForeignRow> rows;
  std::vector<double> sizes;
  for (const Observation& run : data.observations) {
    const double residual = std::log(run.loss / predict_loss(law, run.params, run.tokens));
    if (!std::isfinite(residual)) continue;
    rows.push_back({&run, residual / influence.scale});
    sizes.push_back(std::abs(rows.back().scaled));
  }
  std::vector<ForeignRow> drawn;
  for (const std::size_t i : thinned(sizes, kMostPoints)) drawn.push_back(rows[i]);
  return drawn;
}

// Every row under the law of those that stay, in units of their scatter.
Panel foreign_panel(const ReportData& data, const Influence& influence) {
  Panel panel{.title = "Rows under the others' law",
              .x = compute_axis(),
              .y = {.title = "residual of ln L", .unit = "in scatters"}};
  Series staying = point_series("follow the law", 0);
  Series leaving = point_series("foreign", 1);
  staying.size = 0.8;
  for (const ForeignRow& row : scaled_rows(data, influence)) {
    Series& series = is_foreign(influence, *row.run) ? leaving : staying;
    series.x.push_back(flops_of_run(*row.run, *data.fit));
    series.y.push_back(row.scaled);
    series.hover.push_back(run_hover(*row.run) +
                           fmt::format(", {} scatters", with_decimals(row.scaled, 1)));
  }
  panel.series.push_back({.name = "cutoff",
                          .mark = Mark::kHorizontal,
                          .colour = kInk,
                          .dashed = true,
                          .y = {-influence.cutoff, influence.cutoff}});
  panel.series.push_back(staying);
  if (!leaving.x.empty()) panel.series.push_back(leaving);
  return panel;
}

std::string influence_alt(const Influence& influence) {
  if (influence.rows.empty()) {
    return fmt::format(
        "No row is foreign: all lie within {} scatters of the law. N* at {} FLOP is {}.",
        with_decimals(influence.cutoff, 1), format_flops(influence.budget),
        format_quantity(influence.with.params));
  }
  std::vector<std::string> names;
  for (const InfluentialRow& row : influence.rows) names.push_back(run_name(row.trial, row.row));
  return fmt::format(
      "{} not follow the law of the others: {}. With all rows N* at {} FLOP is {}, without them "
      "{}.",
      influence.rows.size() == 1 ? "1 row does" : fmt::format("{} rows do", influence.rows.size()),
      listed(names, 8), format_flops(influence.budget), format_quantity(influence.with.params),
      format_quantity(influence.without.params));
}

Figure drawn_influence(const ReportData& data, Figure figure) {
  const Influence& influence = *data.fit->diagnostics->influence;
  if (!influence.why_not.empty()) return empty_figure(figure, influence.why_not);
  if (!influence.rows.empty()) figure.panels.push_back(leaving_panel(influence));
  if (!data.observations.empty() && influence.scale > 0) {
    figure.panels.push_back(foreign_panel(data, influence));
  }
  if (figure.panels.empty()) {
    return empty_figure(figure, "no row is foreign, and the runs themselves are not at hand");
  }
  figure.title = influence.rows.empty() ? "No run is foreign to the law" : figure.title;
  figure.caption = fmt::format(
      "Rows beyond the cutoff of {} scatters do not follow the law that fits the others best; "
      "clean "
      "data would name a row in {} of cases. They are named, never left out by themselves{}.",
      with_decimals(influence.cutoff, 1), fmt::format("{:.2g} %", 100 * influence.level),
      influence.rows.empty() ? "" : " (isoflop fit --exclude ROW --because WHY)");
  figure.alt = influence_alt(influence);
  return figure;
}

}  // namespace

Figure influence_chart(const ReportData& data) {
  const Figure shell{.name = "influence", .title = "Runs that do not follow the law"};
  const std::string why = why_no_law(data);
  if (!why.empty()) return empty_figure(shell, why);
  if (!data.fit->diagnostics || !data.fit->diagnostics->influence) {
    return empty_figure(shell,
                        data.fit->form
                            ? "influence is studied for Chinchilla's law without constraints only: "
                              "isoflop fit without --law"
                            : "the fit was made without diagnostics: isoflop fit without "
                              "--no-diagnostics");
  }
  return guarded(shell, [&](Figure figure) { return drawn_influence(data, std::move(figure)); });
}

}  // namespace isoflop
