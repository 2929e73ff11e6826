// What each size needs for the loss of the plan.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "page/plan_parts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kIsoLossSteps = 97;
constexpr std::size_t kIsoLossDraws = 300;
constexpr double kNeverReached = std::numeric_limits<double>::infinity();
constexpr double kMostExtraCompute = 3;  // top of the second panel: four times the least

double tokens_needed(const LossSurface& surface, double params, double loss) {
  return tokens_for_loss(surface, params, loss).value_or(kNeverReached);
}

// D at each size for one loss, as long as it is reached and no more than the axis shows.
Series iso_loss_line(const DrawnLaw& law, const std::vector<double>& sizes, double loss,
                     const Span& tokens) {
  Series line;
  for (const double n : sizes) {
    const double d = tokens_needed(law.law, n, loss);
    if (!(d <= tokens.high && d >= tokens.low)) continue;
    line.x.push_back(n);
    line.y.push_back(d);
    line.hover.push_back(
        fmt::format("loss {}: N {}, D {}", fixed3(loss), format_quantity(n), format_quantity(d)));
  }
  return line;
}

Panel needed_tokens_panel(const Plan& plan, const DrawnLaw& law, const std::vector<double>& sizes) {
  Panel panel{.title = "Tokens", .x = params_axis(), .y = tokens_axis()};
  const Span shown{plan.tokens.value / 30, plan.tokens.value * 30};
  panel.x.low = sizes.front(), panel.x.high = sizes.back();
  panel.y.low = shown.low, panel.y.high = shown.high;
  panel.series.push_back(shaded("near-optimal sizes", plan.near_optimal.params_low,
                                plan.near_optimal.params_high, panel.y, kFaint));
  double shade = 0.25;
  for (const double factor : {0.1, 1.0, 10.0}) {
    const Optimum best = best_allocation(law.law, law.spend, factor * plan.flops);
    const double loss = factor == 1 ? plan.loss.value : best.loss;
    Series line = iso_loss_line(law, sizes, loss, shown);
    line.name = fmt::format("loss {}", fixed3(loss));
    if (factor == 1) {
      line.colour = 0;
      line.width = 2.5;
    } else {
      line.shade = shade;
      line.name += fmt::format(" (best of {} FLOP)", format_flops(factor * plan.flops));
    }
    shade += 0.25;
    panel.series.push_back(line);
  }
  Series best = point_series("the plan", 1);
  best.size = 1.4;
  best.x = {plan.params.value};
  best.y = {plan.tokens.value};
  best.hover = {
      size_hover(plan, "the plan", plan.params.value, plan.tokens.value, plan.loss.value, 0)};
  panel.series.push_back(best);
  return panel;
}

double extra_of(const LossSurface& surface, const Spend& spend, double params, double loss,
                double least) {
  const double tokens = tokens_needed(surface, params, loss);
  return spend.flops(params) * (tokens + spend.extra_tokens) / least - 1;
}

// Over the draws each size is held against the cheapest way of the same draw to the same loss.
Panel extra_compute_panel(const Plan& plan, const DrawnLaw& law, const std::vector<double>& sizes) {
  Panel panel{.title = "Extra compute",
              .x = params_axis(),
              .y = {.title = "beyond the cheapest size", .ticks = TickStyle::kPercent}};
  panel.x.low = sizes.front(), panel.x.high = sizes.back();
  panel.y.low = 0, panel.y.high = kMostExtraCompute;
  panel.series.push_back(shaded("near-optimal sizes", plan.near_optimal.params_low,
                                plan.near_optimal.params_high, panel.y, kFaint));
  const double loss = plan.loss.value;
  const double least = cheapest_for_loss(law.law, law.spend, loss).value_or(plan.flops);
  Series line = line_series("loss " + fixed3(loss), 0, {}, {});
  line.width = 2.5;
  for (const double n : sizes) {
    const double extra = std::max(0.0, extra_of(law.law, law.spend, n, loss, least));
    if (!(extra <= kMostExtraCompute)) continue;
    line.x.push_back(n);
    line.y.push_back(extra);
  }
  panel.series.push_back(line);
  Series best = point_series("the plan", 1);
  best.size = 1.4;
  best.x = {plan.params.value};
  best.y = {std::max(0.0, extra_of(law.law, law.spend, plan.params.value, loss, least))};
  best.hover = {size_hover(plan, "N*", plan.params.value, plan.tokens.value, loss, 0)};
  panel.series.push_back(best);
  return panel;
}

// The range of sizes that reach the loss for at most four times the least compute.
std::string reach_words(const Panel& extra) {
  for (const Series& series : extra.series) {
    if (series.mark != Mark::kLine || series.x.empty()) continue;
    Span within;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (series.y[i] <= 0.5) within.take(series.x[i]);
    }
    return fmt::format("N from {} to {} reach it with at most half as much compute again",
                       format_quantity(within.low), format_quantity(within.high));
  }
  return "no size reaches it";
}

Figure drawn_iso_loss(const ReportData& data, Figure figure) {
  const Plan& plan = *data.plan;
  const DrawnLaw law = drawn_law(data, kIsoLossDraws);
  const Span shown = answer_sizes(plan);
  std::vector<double> sizes = log_steps(shown.low, shown.high, kIsoLossSteps);
  sizes.push_back(plan.params.value);
  std::sort(sizes.begin(), sizes.end());
  figure.title = "What each size needs for loss " + fixed3(plan.loss.value);
  figure.panels = {needed_tokens_panel(plan, law, sizes), extra_compute_panel(plan, law, sizes)};
  figure.caption = fmt::format(
      "Left: tokens D with which a model of N parameters has the loss, by the law {}; beside it "
      "the "
      "best losses of a tenth and of ten times the budget. Right: how much more compute ({}) that "
      "takes than the cheapest size. Grey: the sizes that waste at most {} of it.{}",
      plan.law, plan.convention, with_decimals(100 * plan.near_optimal.extra_compute, 0) + " %",
      extrapolation_words(plan));
  figure.alt = fmt::format("Loss {} takes the least compute, {} FLOP, at N {} with D {}; {}.",
                           fixed3(plan.loss.value), format_flops(plan.flops),
                           format_quantity(plan.params.value), format_quantity(plan.tokens.value),
                           reach_words(figure.panels.back()));
  return figure;
}

}  // namespace

Figure iso_loss_chart(const ReportData& data) {
  const Figure shell{.name = "iso_loss", .title = "What each size needs for the plan's loss"};
  const std::string why = why_no_answer(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_iso_loss(data, std::move(figure)); });
}

}  // namespace isoflop
