// The plan in a picture: loss against N at its budget, and what each N needs for its loss.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "plan/near_optimal.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kAnswerSteps = 97;
constexpr std::size_t kAnswerDraws = 1000;
constexpr double kLeastReach = 8;   // of the x axis to each side of N*
constexpr double kMostReach = 100;  // an interval may be wider than any picture

std::string why_no_answer(const ReportData& data) {
  const std::string why = why_no_law(data);
  if (!why.empty()) return why;
  if (data.plan) return "";
  return data.why_no_plan.empty()
             ? "no budget was planned for: give one, as in isoflop plan --flops 1e21"
             : "no plan was made: " + data.why_no_plan;
}

// Sizes on the x axis: N*, its interval and the near-optimal band, with some air.
Span answer_sizes(const Plan& plan) {
  const double centre = plan.params.value;
  Span shown{centre / kLeastReach, centre * kLeastReach};
  Span wanted;
  wanted.take(plan.params);
  wanted.take(plan.near_optimal.params_low);
  wanted.take(plan.near_optimal.params_high);
  wanted = wanted.widened(1.5);
  shown.low = std::max(std::min(shown.low, wanted.low), centre / kMostReach);
  shown.high = std::min(std::max(shown.high, wanted.high), centre * kMostReach);
  shown.low = std::max(shown.low, 1.0);
  return shown;
}

std::string extrapolation_words(const Plan& plan) {
  if (!plan.extrapolation) return " How far the law is from its data is not known.";
  if (*plan.extrapolation <= 1) return " The budget lies within the compute of the runs.";
  return fmt::format(" The budget is {} the largest run: all of this is extrapolated.",
                     factor_text(*plan.extrapolation));
}

std::string size_hover(const Plan& plan, const char* what, double params, double tokens,
                       double loss, double extra) {
  std::string text =
      fmt::format("{}: N {}, D {}, {:.3g} tokens a parameter, loss {}", what,
                  format_quantity(params), format_quantity(tokens), tokens / params, fixed4(loss));
  if (extra > 0) {
    text += fmt::format(", as good as the best model of {} less compute",
                        with_decimals(100 * (1 - 1 / (1 + extra)), 1) + " %");
  }
  return text + " at " + format_flops(plan.flops) + " FLOP";
}

std::string factor_of_best(double factor) {
  return factor < 1 ? fmt::format("1/{:.4g} of N*", 1 / factor)
                    : fmt::format("{:.4g} times N*", factor);
}

Series other_sizes(const Plan& plan, const DrawnLaw& law, const Span& shown) {
  Series points = point_series("1/4, 1/2, 2 and 4 times N*", kInk);
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

// A band over the whole height of the panel.
Series shaded(const std::string& name, double from, double to, const Axis& y, int colour) {
  return {.name = name,
          .mark = Mark::kBand,
          .colour = colour,
          .x = {from, to},
          .low = {*y.low, *y.low},
          .high = {*y.high, *y.high}};
}

std::string near_optimal_name(const Plan& plan) {
  return fmt::format("near-optimal: within {} of the compute",
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

// --- What each size needs.

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
      line.name += fmt::format(", the best of {} FLOP", format_flops(factor * plan.flops));
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
  Panel panel{.title = "Compute beyond the cheapest size",
              .x = params_axis(),
              .y = {.title = "extra compute", .ticks = TickStyle::kPercent}};
  panel.x.low = sizes.front(), panel.x.high = sizes.back();
  panel.y.low = 0, panel.y.high = kMostExtraCompute;
  panel.series.push_back(shaded("near-optimal sizes", plan.near_optimal.params_low,
                                plan.near_optimal.params_high, panel.y, kFaint));
  const double loss = plan.loss.value;
  const double least = cheapest_for_loss(law.law, law.spend, loss).value_or(plan.flops);
  Series line = line_series("extra compute for loss " + fixed3(loss), 0, {}, {});
  for (const double n : sizes) {
    const double extra = std::max(0.0, extra_of(law.law, law.spend, n, loss, least));
    if (!(extra <= kMostExtraCompute)) continue;
    line.x.push_back(n);
    line.y.push_back(extra);
  }
  panel.series.push_back(line);
  Series best = point_series("N*", 1);
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
  std::vector<double> sizes = log_steps(shown.low, shown.high, kAnswerSteps);
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

Figure answer_chart(const ReportData& data) {
  const Figure shell{.name = "answer", .title = "Predicted loss at the plan's budget"};
  const std::string why = why_no_answer(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_answer(data, std::move(figure)); });
}

Figure iso_loss_chart(const ReportData& data) {
  const Figure shell{.name = "iso_loss", .title = "What each size needs for the plan's loss"};
  const std::string why = why_no_answer(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_iso_loss(data, std::move(figure)); });
}

}  // namespace isoflop
