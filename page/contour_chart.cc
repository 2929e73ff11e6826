// The law as a map: lines of equal loss over compute and size, with the efficient frontier.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kContourLevels = 8;
constexpr std::size_t kContourSteps = 121;
constexpr std::size_t kFrontierSteps = 61;

struct ContourRange {
  Span flops;
  Span sizes;
  Span data_flops;
  Span data_sizes;
};

ContourRange contour_range(const ReportData& data) {
  ContourRange range;
  for (const Observation& run : data.observations) {
    range.data_flops.take(flops_of_run(run, *data.fit));
    range.data_sizes.take(run.params);
  }
  for (const double flops : {data.fit->flops_low, data.fit->flops_high}) {
    range.data_flops.take(flops);
  }
  for (const double params : {data.fit->params_low, data.fit->params_high}) {
    range.data_sizes.take(params);
  }
  range.flops = range.data_flops;
  range.sizes = range.data_sizes;
  if (data.plan) {
    range.flops.take(data.plan->flops);
    range.sizes.take(data.plan->params.value);
  }
  return range;
}

void take_models(const ReportData& data, ContourRange& range) {
  for (const LargeModel& model : data.large_models) {
    range.flops.take(data.fit->flops(model.params) * model.tokens);
    range.sizes.take(model.params);
  }
}

struct Frontier {
  std::vector<double> flops, params, losses;
};

Frontier frontier_of(const DrawnLaw& law, const Span& flops) {
  Frontier frontier;
  for (const double c : log_steps(flops.low, flops.high, kFrontierSteps)) {
    const Optimum best = best_allocation(law.law, {.flops = law.spend.flops}, c);
    frontier.flops.push_back(c);
    frontier.params.push_back(best.params);
    frontier.losses.push_back(best.loss);
  }
  return frontier;
}

// Losses of the frontier, evenly in ln (L - E) or, without a floor, in ln L, rounded so that they
// can be read.
std::vector<double> contour_levels(const Frontier& frontier, double floor) {
  const double top = frontier.losses.front() - floor;
  const double bottom = frontier.losses.back() - floor;
  std::vector<double> levels;
  if (!(top > bottom) || !(bottom > 0)) return levels;
  for (std::size_t i = 0; i < kContourLevels; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / kContourLevels;
    const double level = floor + top * std::pow(bottom / top, share);
    const double step = level - floor > 0.2 ? 100 : 1000;
    const double rounded = std::round(level * step) / step;
    if (levels.empty() || rounded < levels.back()) levels.push_back(rounded);
  }
  return levels;
}

// Where the law has the loss: at each N the D that gives it, and the C that costs.
Series contour_line(const DrawnLaw& law, double level, const ContourRange& range) {
  Series line{.width = 1.2};
  for (const double n : log_steps(range.sizes.low, range.sizes.high, kContourSteps)) {
    const auto tokens = tokens_for_loss(law.law, n, level);
    if (!tokens || !(*tokens >= 1)) continue;
    const double flops = law.spend.flops(n) * *tokens;
    if (!(flops <= range.flops.high && flops >= range.flops.low)) continue;
    line.x.push_back(flops);
    line.y.push_back(n);
  }
  return line;
}

Series run_points(const ReportData& data, std::size_t most) {
  std::vector<double> losses;
  for (const Observation& run : data.observations) losses.push_back(run.loss);
  Series points = point_series("runs", kInk);
  points.size = 0.6;
  for (const std::size_t i : thinned(losses, most)) {
    const Observation& run = data.observations[i];
    points.x.push_back(flops_of_run(run, *data.fit));
    points.y.push_back(run.params);
    points.hover.push_back(run_hover(run));
  }
  return points;
}

Series data_region(const ContourRange& range) {
  const Span& c = range.data_flops;
  const Span& n = range.data_sizes;
  return {.name = "range of the runs",
          .mark = Mark::kBand,
          .colour = kFaint,
          .x = {c.low, c.high},
          .low = {n.low, n.low},
          .high = {n.high, n.high}};
}

void add_contours(const DrawnLaw& law, const Frontier& frontier, const ContourRange& range,
                  Panel& panel) {
  const std::vector<double> levels = contour_levels(frontier, law.law.floor());
  Series names{.mark = Mark::kText};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    Series line = contour_line(law, levels[i], range);
    if (line.x.size() < 2) continue;
    line.shade = levels.size() < 2 ? 0.5 : static_cast<double>(i) / (levels.size() - 1.0);
    line.hover.assign(line.x.size(), "loss " + fixed3(levels[i]));
    names.x.push_back(line.x.back());
    names.y.push_back(line.y.back());
    names.labels.push_back(fmt::format("{:.4g}", levels[i]));
    panel.series.push_back(line);
  }
  panel.series.push_back(names);
}

void add_plan(const Plan& plan, Panel& panel) {
  Series point = point_series("the plan", 1);
  point.size = 1.5;
  point.x = {plan.flops};
  point.y = {plan.params.value};
  point.hover = {fmt::format("the plan: N {}, D {}, {} FLOP, loss {}",
                             format_quantity(plan.params.value), format_quantity(plan.tokens.value),
                             format_flops(plan.flops), fixed3(plan.loss.value))};
  panel.series.push_back(point);
}

Panel contour_panel(const ReportData& data, const DrawnLaw& law, const ContourRange& range) {
  Panel panel{.x = compute_axis(), .y = params_axis()};
  panel.x.low = range.flops.low, panel.x.high = range.flops.high;
  panel.y.low = range.sizes.low, panel.y.high = range.sizes.high;
  const Frontier frontier = frontier_of(law, range.flops);
  panel.series.push_back(data_region(range));
  add_contours(law, frontier, range, panel);
  const Series line = line_series("efficient frontier N*(C)", 0, frontier.flops, frontier.params);
  for (Series part : dashed_beyond(line, range.data_flops.low, range.data_flops.high)) {
    part.width = 2.5;
    panel.series.push_back(part);
  }
  panel.series.push_back(run_points(data, kMostPoints / 2));
  if (data.plan) add_plan(*data.plan, panel);
  add_large_models(data, SizeOrTokens::kSize, &law, panel);
  return panel;
}

// Sizes to show: half a decade of air, and the frontier's own.
void widen(const DrawnLaw& law, ContourRange& range) {
  range.flops = range.flops.widened(3);
  range.sizes = range.sizes.widened(3);
  for (const double c : {range.flops.low, range.flops.high}) {
    range.sizes.take(best_allocation(law.law, {.flops = law.spend.flops}, c).params);
  }
  range.sizes.low = std::max(range.sizes.low, 1.0);
}

std::string contour_alt(const ReportData& data, const DrawnLaw& law, const ContourRange& range) {
  const auto best = [&](double c) {
    return best_allocation(law.law, {.flops = law.spend.flops}, c);
  };
  const Optimum low = best(range.data_flops.low);
  const Optimum high = best(range.data_flops.high);
  std::string text = fmt::format(
      "Along the efficient frontier the best size grows from {} at {} FLOP (loss {}) to {} at {} "
      "FLOP (loss {}), over the range of the runs.",
      format_quantity(low.params), format_flops(range.data_flops.low), fixed3(low.loss),
      format_quantity(high.params), format_flops(range.data_flops.high), fixed3(high.loss));
  for (const LargeModel& model : data.large_models) {
    if (model.name != "Gopher" && model.name != "Chinchilla") continue;
    const double flops = data.fit->flops(model.params) * model.tokens;
    text += fmt::format(" {} is {} the frontier's size at its compute.", model.name,
                        factor_text(model.params / best(flops).params));
  }
  return text;
}

Figure drawn_contours(const ReportData& data, Figure figure) {
  const DrawnLaw law = drawn_law(data, 0);
  ContourRange range = contour_range(data);
  if (!range.flops.valid()) {
    return empty_figure(figure,
                        "the law says nothing of the compute of its runs and no budget was "
                        "planned for: give one (isoflop report --flops 1e21)");
  }
  take_models(data, range);
  widen(law, range);
  figure.panels = {contour_panel(data, law, range)};
  figure.caption = fmt::format(
      "Lines of equal loss by the law {} over training compute ({}) and size; the efficient "
      "frontier runs through the least compute of each, dashed beyond the compute of the runs "
      "(grey: their range). Large models are placed by their N and D; their losses are on other "
      "data.{}",
      data.fit->law, data.fit->flops.convention(),
      thinned_words(std::min(data.observations.size(), kMostPoints / 2), data.observations.size(),
                    "runs"));
  figure.alt = contour_alt(data, law, range);
  return figure;
}

}  // namespace

Figure contour_chart(const ReportData& data) {
  const Figure shell{.name = "contours", .title = "Loss over compute and size"};
  const std::string why = why_no_law(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_contours(data, std::move(figure)); });
}

}  // namespace isoflop
