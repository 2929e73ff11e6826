#include "page/chart_parts.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/interval.h"
#include "core/loss_unit.h"
#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kIdentityLength = 64;  // hexadecimal, core/trial.h
constexpr std::size_t kShortIdentity = 6;

bool is_identity(const std::string& trial) {
  return trial.size() == kIdentityLength &&
         trial.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Axis log_axis(const char* title, const char* unit, TickStyle ticks) {
  return {.title = title, .unit = unit, .scale = AxisScale::kLog, .ticks = ticks};
}

// K of plan/allocation.h: what the plan pays for beside training, as tokens.
double extra_tokens_of(const Plan& plan, const FlopsPerToken& flops) {
  const double extra = plan.flops / flops(plan.params.value) - plan.tokens.value;
  return extra > 1e-9 * plan.tokens.value ? extra : 0;
}

template <typename Draws>
Draws evenly_taken(const Draws& all, std::size_t most) {
  if (all.size() <= most) return all;
  Draws some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[i * all.size() / most]);
  return some;
}

Series slice(const Series& whole, double low, double high) {
  Series part = whole;
  part.x.clear();
  part.y.clear();
  for (std::size_t i = 0; i < whole.x.size(); ++i) {
    if (whole.x[i] < low || whole.x[i] > high) continue;
    part.x.push_back(whole.x[i]);
    part.y.push_back(whole.y[i]);
  }
  return part;
}

}  // namespace

Axis params_axis() { return log_axis("parameters N", "", TickStyle::kQuantity); }
Axis tokens_axis() { return log_axis("training tokens D", "", TickStyle::kQuantity); }
Axis compute_axis() { return log_axis("training compute C", "FLOP", TickStyle::kPower); }
Axis loss_axis(const ReportData& data) {
  return {.title = "loss", .unit = loss_unit_words(data.loss_unit)};
}

std::string level_name(double level) { return with_decimals(100 * level, 0) + " % interval"; }

std::string run_name(const std::string& trial, std::int64_t row) {
  if (is_identity(trial)) return trial.substr(0, kShortIdentity);
  return trial.empty() ? fmt::format("row {}", row) : trial;
}

std::string run_hover(const Observation& run) {
  return fmt::format("{}: N {}, D {}, loss {}", run_name(run.trial, run.row),
                     format_quantity(run.params), format_quantity(run.tokens), fixed3(run.loss));
}

std::string plural(std::size_t count, const std::string& one, const std::string& several) {
  if (count == 1) return "1 " + one;
  return fmt::format("{} {}", count, several.empty() ? one + "s" : several);
}

std::string listed(const std::vector<std::string>& names, std::size_t most) {
  std::string out;
  const std::size_t shown = std::min(most, names.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == names.size();
    out += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  if (names.size() > shown) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

void Span::take(double value) {
  if (!(value > 0) || !std::isfinite(value)) return;
  low = low > 0 ? std::min(low, value) : value;
  high = std::max(high, value);
}

void Span::take(const Interval& interval) {
  take(interval.value);
  if (interval.low) take(*interval.low);
  if (interval.high) take(*interval.high);
}

double Span::clamp(double value) const {
  return std::isnan(value) ? high : std::clamp(value, low, high);
}

std::vector<double> log_steps(double low, double high, std::size_t count) {
  std::vector<double> steps;
  const double width = std::log(high / low);
  for (std::size_t i = 0; i < count; ++i) {
    const double share = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0;
    steps.push_back(i + 1 == count && count > 1 ? high : low * std::exp(share * width));
  }
  return steps;
}

void fit_axis(Axis& axis, const std::vector<double>& values, double air) {
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double width = *high > *low ? *high - *low : std::max(std::abs(*low), 1e-6) * 0.1;
  axis.low = *low - air * width;
  axis.high = *high + air * width;
}

std::vector<std::size_t> thinned(const std::vector<double>& values, std::size_t most) {
  std::set<std::size_t> kept;
  const std::size_t count = values.size();
  if (count <= most || most < 3) {
    for (std::size_t i = 0; i < std::min(count, most); ++i) kept.insert(i);
    return {kept.begin(), kept.end()};
  }
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  kept.insert(static_cast<std::size_t>(low - values.begin()));
  kept.insert(static_cast<std::size_t>(high - values.begin()));
  const std::size_t even = most - kept.size();
  for (std::size_t i = 0; i < even; ++i) kept.insert(i * (count - 1) / (even - 1));
  return {kept.begin(), kept.end()};
}

std::string thinned_words(std::size_t drawn, std::size_t all, const std::string& what) {
  if (drawn >= all) return "";
  return fmt::format(" {} of {} {} are drawn, evenly taken, with the extremes.", drawn, all, what);
}

Figure empty_figure(Figure figure, const std::string& why) {
  figure.panels.clear();
  figure.why_empty = why;
  figure.alt = "No figure: " + why;
  if (figure.caption.empty()) figure.caption = figure.title + ".";
  return figure;
}

std::string why_no_law(const ReportData& data) {
  if (!data.fit) {
    return data.why_no_fit.empty() ? "no law was fitted: run isoflop fit to see what the runs lack"
                                   : "no law was fitted: " + data.why_no_fit;
  }
  if (data.fit->has_law()) return "";
  return fmt::format(
      "approach {} alone gives exponents and no loss law: fit again with isoflop fit "
      "--approach all",
      data.fit->approach);
}

Figure guarded(const Figure& shell, const std::function<Figure(Figure)>& draw) {
  try {
    return draw(shell);
  } catch (const Error& error) {
    return empty_figure(shell, error.what());
  }
}

Series line_series(std::string name, int colour, std::vector<double> x, std::vector<double> y) {
  return {.name = std::move(name), .colour = colour, .x = std::move(x), .y = std::move(y)};
}

Series point_series(std::string name, int colour) {
  return {.name = std::move(name), .mark = Mark::kPoints, .colour = colour};
}

std::vector<Series> dashed_beyond(const Series& whole, double low, double high) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<Series> parts;
  Series inside = slice(whole, low, high);
  Series below = slice(whole, -infinity, low);
  Series above = slice(whole, high, infinity);
  below.dashed = above.dashed = true;
  // The pieces meet in the point nearest to the border.
  if (!inside.x.empty() && !below.x.empty() && below.x.back() < inside.x.front()) {
    below.x.push_back(inside.x.front());
    below.y.push_back(inside.y.front());
  }
  if (!inside.x.empty() && !above.x.empty() && above.x.front() > inside.x.back()) {
    above.x.insert(above.x.begin(), inside.x.back());
    above.y.insert(above.y.begin(), inside.y.back());
  }
  if (inside.x.size() > 1)
    below.name = above.name = "";
  else if (below.x.size() > 1)
    above.name = "";
  for (Series* part : {&inside, &below, &above}) {
    if (part->x.size() > 1) parts.push_back(*part);
  }
  return parts;
}

double flops_of_run(const Observation& run, const LawFit& fit) {
  return run.flops > 0 ? run.flops : fit.flops(run.params) * run.tokens;
}

DrawnLaw drawn_law(const ReportData& data, std::size_t most_draws) {
  LawFit fit = *data.fit;
  const std::size_t all = fit.form ? fit.form->draws.size() : fit.draws.size();
  fit.draws = evenly_taken(fit.draws, most_draws);
  if (fit.form) fit.form->draws = evenly_taken(fit.form->draws, most_draws);
  SurfaceSettings settings;
  Spend spend{.flops = fit.flops};
  if (data.plan) {
    settings.unique_tokens = data.plan->unique_tokens;
    spend.extra_tokens = extra_tokens_of(*data.plan, fit.flops);
  }
  return {.law = surface_of(fit, settings),
          .draws = draw_surfaces(fit, settings),
          .all_draws = all,
          .level = fit.interval_level,
          .spend = spend};
}

void add_large_models(const ReportData& data, SizeOrTokens y, const DrawnLaw* law, Panel& panel) {
  Series points = point_series("large models", 3);
  Series names{.mark = Mark::kText};
  for (const LargeModel& model : data.large_models) {
    const double flops = data.fit->flops(model.params) * model.tokens;
    if (!(flops > 0) || !std::isfinite(flops)) continue;
    points.x.push_back(flops);
    points.y.push_back(y == SizeOrTokens::kSize ? model.params : model.tokens);
    points.hover.push_back(fmt::format("{}: N {}, D {}, {} FLOP", model.name,
                                       format_quantity(model.params), format_quantity(model.tokens),
                                       format_flops(flops)));
    if (law != nullptr) {
      points.hover.back() += ", loss by this law " + fixed3(law->law(model.params, model.tokens));
    }
    names.labels.push_back(model.name);
  }
  if (points.x.empty()) return;
  names.x = points.x;
  names.y = points.y;
  panel.series.push_back(std::move(points));
  panel.series.push_back(std::move(names));
}

Series draw_band(const DrawnLaw& law, int colour, const std::vector<double>& x, const Span& edge,
                 const std::function<double(const LossSurface&, double)>& value) {
  Series band{.name = level_name(law.level), .mark = Mark::kBand, .colour = colour};
  if (law.draws.empty()) return band;
  std::vector<double> values(law.draws.size());
  for (const double at : x) {
    for (std::size_t i = 0; i < law.draws.size(); ++i) {
      values[i] = edge.clamp(value(law.draws[i], at));
    }
    const Interval interval = interval_over(0, values, law.level);
    band.x.push_back(at);
    band.low.push_back(*interval.low);
    band.high.push_back(*interval.high);
  }
  return band;
}

}  // namespace isoflop
