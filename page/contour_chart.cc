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
constexpr int kMostDecimals = 4;  // closer losses nobody tells apart
constexpr std::size_t kContourSteps = 121;
constexpr std::size_t kFrontierSteps = 61;
constexpr double kRoomForNames = 8;
constexpr double kLeastShare = 0.4;  // of the axis for the runs and the plan

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

// A contour's loss with as many digits as tell it from its neighbours.
struct ContourLevel {
  double loss = 0;
  std::string name;
};

// Losses of the frontier, evenly in ln (L - E) or, without a floor, in ln L, rounded so that they
// can be read.
std::vector<ContourLevel> contour_levels(const Frontier& frontier, double floor) {
  const double top = frontier.losses.front() - floor;
  const double bottom = frontier.losses.back() - floor;
  std::vector<ContourLevel> levels;
  if (!(top > bottom) || !(bottom > 0)) return levels;
  const double ratio = std::pow(bottom / top, 1.0 / kContourLevels);
  for (std::size_t i = 0; i < kContourLevels; ++i) {
    const double excess = top * std::pow(ratio, static_cast<double>(i) + 0.5);
    const double apart = excess * (1 - ratio);
    const int decimals = std::max(static_cast<int>(std::ceil(1 - std::log10(apart))), 1);
    if (decimals > kMostDecimals) break;
    const double step = std::pow(10.0, decimals);
    const double rounded = std::round((floor + excess) * step) / step;
    if (rounded > floor) levels.push_back({rounded, with_decimals(rounded, decimals)});
  }
  return levels;
}

struct ContourPoint {
  double flops = 0;
  double params = 0;
};

// Where the law has the loss: for each N the D that gives it, and for each D the N. The one is
// dense where models are large for their tokens, the other where they are small.
std::vector<ContourPoint> contour_points(const DrawnLaw& law, double level,
                                         const ContourRange& range) {
  std::vector<ContourPoint> points;
  const auto add = [&](double n, std::optional<double> tokens) {
    if (!tokens || !(*tokens >= 1)) return;
    const double flops = law.spend.flops(n) * *tokens;
    if (range.flops.holds(flops) && range.sizes.holds(n)) points.push_back({flops, n});
  };
  for (const double n : log_steps(range.sizes.low, range.sizes.high, kContourSteps)) {
    add(n, tokens_for_loss(law.law, n, level));
  }
  const double fewest = range.flops.low / law.spend.flops(range.sizes.high);
  const double most = range.flops.high / law.spend.flops(range.sizes.low);
  for (const double d : log_steps(std::max(fewest, 1.0), std::max(most, 2.0), kContourSteps)) {
    const auto n = params_for_loss(law.law, d, level);
    if (n) add(*n, d);
  }
  std::sort(points.begin(), points.end(),
            [](const ContourPoint& a, const ContourPoint& b) { return a.params < b.params; });
  return points;
}

Series contour_line(const DrawnLaw& law, const ContourLevel& level, const ContourRange& range) {
  Series line{.width = 1.2};
  for (const ContourPoint& point : contour_points(law, level.loss, range)) {
    line.x.push_back(point.flops);
    line.y.push_back(point.params);
  }
  line.hover.assign(line.x.size(), "loss " + level.name);
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

// Named where its lower arm leaves the panel, or else where its upper one does.
void name_contour(const Series& line, const std::string& name, const ContourRange& range,
                  Series& names) {
  const bool low_arm = line.x.front() > range.flops.high / 3;
  names.x.push_back(low_arm ? line.x.front() : line.x.back());
  names.y.push_back(low_arm ? line.y.front() : line.y.back());
  names.labels.push_back(name);
}

void add_contours(const DrawnLaw& law, const Frontier& frontier, const ContourRange& range,
                  Panel& panel) {
  const std::vector<ContourLevel> levels = contour_levels(frontier, law.law.floor());
  Series names{.mark = Mark::kText};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    Series line = contour_line(law, levels[i], range);
    if (line.x.size() < 2) continue;
    line.shade =
        levels.size() < 2 ? 0.5 : static_cast<double>(i) / static_cast<double>(levels.size() - 1);
    name_contour(line, levels[i].name, range, names);
    panel.series.push_back(std::move(line));
  }
  panel.series.push_back(std::move(names));
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

Panel contour_panel(const ReportData& data, const DrawnLaw& law, const ContourRange& range,
                    bool with_models) {
  Panel panel{.x = compute_axis(), .y = params_axis()};
  panel.x.low = range.flops.low, panel.x.high = range.flops.high;
  panel.y.low = range.sizes.low, panel.y.high = range.sizes.high;
  const Frontier frontier = frontier_of(law, range.flops);
  panel.series.push_back(data_region(range));
  add_contours(law, frontier, range, panel);
  const Series line = line_series("efficient frontier N*(C)", 0, frontier.flops, frontier.params);
  for (Series part : dashed_beyond(line, range.data_flops.low, range.data_flops.high)) {
    part.width = 2.5;
    panel.series.push_back(std::move(part));
  }
  panel.series.push_back(run_points(data, kMostPoints / 2));
  if (data.plan) add_plan(*data.plan, panel);
  if (with_models) add_large_models(data, SizeOrTokens::kSize, &law, panel);
  return panel;
}

// Some air, and the frontier's own sizes over the range of the runs and the plan.
ContourRange widened_range(const DrawnLaw& law, ContourRange range) {
  for (const double c : {range.flops.low, range.flops.high}) {
    range.sizes.take(best_allocation(law.law, {.flops = law.spend.flops}, c).params);
  }
  range.flops = {range.flops.low / 3, range.flops.high * kRoomForNames};
  range.sizes = range.sizes.widened(3);
  range.sizes.low = std::max(range.sizes.low, 1.0);
  return range;
}

double decades(const Span& span) { return std::log10(span.high / span.low); }

// The runs in a panel of their own where the large models would press them into a corner.
std::vector<Panel> contour_panels(const ReportData& data, const DrawnLaw& law,
                                  const ContourRange& near, const ContourRange& far) {
  if (data.large_models.empty() || decades(near.flops) > kLeastShare * decades(far.flops)) {
    return {contour_panel(data, law, far, true)};
  }
  std::vector<Panel> panels = {contour_panel(data, law, near, false),
                               contour_panel(data, law, far, true)};
  panels[0].title = "The runs";
  panels[1].title = "As far as the large models";
  return panels;
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
  const ContourRange near = widened_range(law, range);
  take_models(data, range);
  figure.panels = contour_panels(data, law, near, widened_range(law, range));
  figure.columns = 1;
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
