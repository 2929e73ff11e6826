// The plan in a picture: loss against N at its budget.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "page/plan_parts.h"
#include "plan/near_optimal.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kAnswerSteps = 97;
constexpr std::size_t kAnswerDraws = 1000;

std::string factor_of_best(double factor) {
  return factor < 1 ? fmt::format("1/{:.4g} of N*", 1 / factor)
                    : fmt::format("{:.4g} times N*", factor);
}

Series other_sizes(const Plan& plan, const DrawnLaw& law, const Span& shown) {
  Series points = point_series("N* times 1/4, 1/2, 2 and 4", kInk);
  points.size = 0.8;
  for (const SizePrice& price : price_of_size(law.law, law.spend, plan.flops)) {
    if (price.params < shown.low || price.params > shown.high) continue;
    points.x.push_back(price.params);
    points.y.push_back(price.loss);
    points.hover.push_back(size_hover(plan, factor_of_best(price.factor).c_str(), price.params,
                                      price.tokens, price.loss, price.extra_compute));
  }
  return points;
}

Series best_size(const Plan& plan, const Span& shown) {
  Series best{.name = "N* " + interval_text(plan.params, format_quantity),
              .mark = Mark::kPoints,
              .colour = 1,
              .size = 1.4};
  best.x = {plan.params.value};
  best.y = {plan.loss.value};
  best.hover = {size_hover(plan, "N*", plan.params.value, plan.tokens.value, plan.loss.value, 0)};
  if (plan.params.low && plan.params.high) {
    best.mark = Mark::kErrorsX;
    best.low = {shown.clamp(*plan.params.low)};
    best.high = {shown.clamp(*plan.params.high)};
  }
  return best;
}

std::string near_optimal_name(const Plan& plan) {
  return fmt::format("near-optimal, {} of the compute",
                     with_decimals(100 * plan.near_optimal.extra_compute, 0) + " %");
}

std::vector<double> losses_at(const DrawnLaw& law, double flops, const std::vector<double>& sizes) {
  std::vector<double> losses;
  for (const double n : sizes) losses.push_back(loss_of_size(law.law, law.spend, flops, n));
  return losses;
}

// Sizes for which the budget buys tokens, evenly in ln N, N* among them.
std::vector<double> payable_sizes(const DrawnLaw& law, double flops, const Span& shown,
                                  double best) {
  std::vector<double> sizes = log_steps(shown.low, shown.high, kAnswerSteps);
  sizes.push_back(best);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  std::erase_if(
      sizes, [&](double n) { return !std::isfinite(loss_of_size(law.law, law.spend, flops, n)); });
  return sizes;
}

Panel answer_panel(const ReportData& data, const DrawnLaw& law) {
  const Plan& plan = *data.plan;
  const Span shown = answer_sizes(plan);
  const std::vector<double> sizes = payable_sizes(law, plan.flops, shown, plan.params.value);
  const std::vector<double> losses = losses_at(law, plan.flops, sizes);
  Panel panel{.x = params_axis(), .y = loss_axis(data)};
  panel.x.low = shown.low;
  panel.x.high = shown.high;
  std::vector<double> heights = losses;
  for (const auto& end : {plan.loss.low, plan.loss.high}) {
    if (end && std::isfinite(*end)) heights.push_back(*end);
  }
  fit_axis(panel.y, heights);
  const NearOptimal& near = plan.near_optimal;
  panel.series.push_back(shaded(near_optimal_name(plan), shown.clamp(near.params_low),
                                shown.clamp(near.params_high), panel.y, kFaint));
  Series band = draw_band(law, 0, sizes, {*panel.y.low, *panel.y.high},
                          [&](const LossSurface& draw, double n) {
                            return loss_of_size(draw, law.spend, plan.flops, n);
                          });
  if (!band.x.empty()) panel.series.push_back(band);
  panel.series.push_back(line_series("predicted loss", 0, sizes, losses));
  panel.series.push_back(other_sizes(plan, law, shown));
  panel.series.push_back(best_size(plan, shown));
  return panel;
}

std::string answer_caption(const Plan& plan, const DrawnLaw& law) {
  std::string text =
      fmt::format("Loss by the law {} when {} FLOP ({}) are spent on a model of N parameters.",
                  plan.law, format_flops(plan.flops), plan.convention);
  if (law.draws.empty()) {
    text += " The law has no draws, so that its uncertainty is not shown.";
  } else {
    text += fmt::format(" Band: {} over {} of the fit, at each N.", level_name(law.level),
                        plural(law.draws.size(), "draw"));
  }
  text +=
      fmt::format(" Grey: sizes as good as the best model of {} less compute.",
                  with_decimals(100 * (1 - 1 / (1 + plan.near_optimal.extra_compute)), 1) + " %");
  return text + extrapolation_words(plan);
}

std::string answer_alt(const Plan& plan) {
  return fmt::format(
      "At {} FLOP the loss is lowest, {}, at N* {} with D* {}, {:.3g} tokens a parameter; any N "
      "from {} to {} costs at most {} more compute.",
      format_flops(plan.flops), interval_text(plan.loss, fixed3),
      interval_text(plan.params, format_quantity), interval_text(plan.tokens, format_quantity),
      plan.tokens.value / plan.params.value, format_quantity(plan.near_optimal.params_low),
      format_quantity(plan.near_optimal.params_high),
      with_decimals(100 * plan.near_optimal.extra_compute, 0) + " %");
}

Figure drawn_answer(const ReportData& data, Figure figure) {
  const DrawnLaw law = drawn_law(data, kAnswerDraws);
  figure.title = "Predicted loss at " + format_flops(data.plan->flops) + " FLOP";
  figure.caption = answer_caption(*data.plan, law);
  figure.alt = answer_alt(*data.plan);
  figure.panels.push_back(answer_panel(data, law));
  return figure;
}

}  // namespace

Figure answer_chart(const ReportData& data) {
  const Figure shell{.name = "answer", .title = "Predicted loss at the plan's budget"};
  const std::string why = why_no_answer(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_answer(data, std::move(figure)); });
}

}  // namespace isoflop
