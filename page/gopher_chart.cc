// Two models of one budget under each law: Chinchilla against Gopher.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr double kBeside = 0.13;  // of two models on one row

std::vector<std::string> law_names(const ModelComparison& comparison) {
  std::vector<std::string> names;
  for (const LawVerdict& verdict : comparison.laws) names.push_back(verdict.law);
  std::reverse(names.begin(), names.end());
  return names;
}

Axis law_axis(const ModelComparison& comparison) {
  Axis axis{.names = law_names(comparison)};
  axis.low = 0.4;
  axis.high = static_cast<double>(comparison.laws.size()) + 0.6;
  return axis;
}

// The first law stands at the top.
double law_place(const ModelComparison& comparison, std::size_t i) {
  return static_cast<double>(comparison.laws.size() - i);
}

void add_interval(Series& series, double y, const Interval& interval, std::string hover) {
  series.x.push_back(interval.value);
  series.y.push_back(y);
  series.low.push_back(interval.low.value_or(interval.value));
  series.high.push_back(interval.high.value_or(interval.value));
  series.hover.push_back(std::move(hover));
}

// The published laws' losses, whatever the report's runs are measured in.
constexpr const char* kLawUnit = "nats per token";

Panel model_losses_panel(const ModelComparison& comparison) {
  Panel panel{.title = "Predicted loss",
              .x = {.title = "loss", .unit = kLawUnit},
              .y = law_axis(comparison)};
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
      add_interval(series, law_place(comparison, i) + beside, verdict.models[m].loss,
                   fmt::format("{} by {}: {}", model.name, verdict.law,
                               interval_text(verdict.models[m].loss, fixed3)));
    }
    panel.series.push_back(std::move(series));
  }
  return panel;
}

Panel model_gap_panel(const ModelComparison& comparison) {
  const ComparedModel& reference = comparison.models[comparison.reference];
  Panel panel{
      .title = comparison.models.size() == 2
                   ? comparison.models[1 - comparison.reference].name + " - " + reference.name
                   : "Loss beyond " + reference.name + "'s",
      .x = {.title = "difference", .unit = kLawUnit},
      .y = law_axis(comparison)};
  panel.series.push_back({.mark = Mark::kVertical, .colour = kFaint, .x = {0}});
  for (std::size_t m = 0; m < comparison.models.size(); ++m) {
    if (m == comparison.reference) continue;
    Series series{.name = comparison.models.size() > 2 ? comparison.models[m].name : "",
                  .mark = Mark::kErrorsX,
                  .colour = static_cast<int>(m % 7)};
    for (std::size_t i = 0; i < comparison.laws.size(); ++i) {
      const LawVerdict& verdict = comparison.laws[i];
      const ModelUnderLaw& under = verdict.models[m];
      add_interval(
          series, law_place(comparison, i), under.difference,
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
  figure.panels = {model_losses_panel(*data.gopher), model_gap_panel(*data.gopher)};
  figure.caption =
      "What each law says of both models at their own N and D. Intervals are over a law's draws, "
      "draw by draw the same for both models; published laws have none. Losses of laws fitted on "
      "other data are not comparable with each other, their differences are.";
  figure.alt = gopher_alt(comparison);
  return figure;
}

}  // namespace

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
