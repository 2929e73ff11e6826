// How well each parameter of the law is known: profile likelihood and bootstrap draws.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/interval.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kHistogramBins = 24;
constexpr double kDrawnShare = 0.98;    // of the draws; the rest lies off the axis
constexpr double kLogarithmicFrom = 8;  // high over low of a positive parameter

// A parameter with all that is known of it.
struct KnownParameter {
  std::string name;
  double value = 0;
  std::vector<double> draws;
  const ParameterRange* range = nullptr;
};

std::vector<KnownParameter> known_parameters(const LawFit& fit) {
  std::vector<KnownParameter> all;
  if (fit.form) {
    for (std::size_t i = 0; i < fit.form->names.size(); ++i) {
      KnownParameter one{.name = fit.form->names[i], .value = fit.form->values[i]};
      for (const std::vector<double>& draw : fit.form->draws) one.draws.push_back(draw[i]);
      all.push_back(std::move(one));
    }
  } else {
    const std::pair<const char*, double LawParameters::*> fields[] = {
        {"E", &LawParameters::E},
        {"A", &LawParameters::A},
        {"B", &LawParameters::B},
        {"alpha", &LawParameters::alpha},
        {"beta", &LawParameters::beta}};
    for (const auto& [name, field] : fields) {
      KnownParameter one{.name = name, .value = fit.parameters.*field};
      for (const LawParameters& draw : fit.draws) one.draws.push_back(draw.*field);
      all.push_back(std::move(one));
    }
  }
  for (KnownParameter& one : all) {
    std::erase_if(one.draws, [](double v) { return !std::isfinite(v); });
    for (const ParameterRange& range : fit.ranges) {
      if (range.name == one.name) one.range = &range;
    }
  }
  return all;
}

struct ParameterAxis {
  double low = 0;
  double high = 0;
  bool logarithmic = false;
};

// Covers value, profile and all but 1 % of the draws; an open end is not let run away.
ParameterAxis parameter_axis(const KnownParameter& one) {
  std::vector<double> ends = {one.value};
  if (!one.draws.empty()) {
    ends.push_back(quantile(one.draws, 0.5 * (1 - kDrawnShare)));
    ends.push_back(quantile(one.draws, 0.5 * (1 + kDrawnShare)));
  }
  if (one.range != nullptr) {
    if (std::isfinite(one.range->low)) ends.push_back(one.range->low);
    if (std::isfinite(one.range->high)) ends.push_back(one.range->high);
  }
  const auto [low, high] = std::minmax_element(ends.begin(), ends.end());
  ParameterAxis axis{*low, *high, *low > 0 && *high > kLogarithmicFrom * *low};
  if (axis.logarithmic) {
    const double air = std::pow(axis.high / axis.low, 0.06);
    axis.low /= air, axis.high *= air;
  } else {
    const double width =
        axis.high > axis.low ? axis.high - axis.low : 0.1 * std::abs(axis.low) + 1e-9;
    axis.low -= 0.06 * width, axis.high += 0.06 * width;
  }
  return axis;
}

// The histogram as steps: heights are shares of the draws.
Series histogram(const KnownParameter& one, const ParameterAxis& axis) {
  Series steps{.name = "bootstrap draws", .mark = Mark::kBand, .colour = kFaint};
  if (one.draws.empty()) return steps;
  const auto place = [&](double v) { return axis.logarithmic ? std::log(v) : v; };
  const double low = place(axis.low), high = place(axis.high);
  std::vector<double> counts(kHistogramBins, 0);
  for (const double draw : one.draws) {
    if (!(draw >= axis.low && draw < axis.high)) continue;
    const double share = (place(draw) - low) / (high - low);
    ++counts[std::min(kHistogramBins - 1, static_cast<std::size_t>(share * kHistogramBins))];
  }
  for (std::size_t i = 0; i < kHistogramBins; ++i) {
    for (const std::size_t edge : {i, i + 1}) {
      const double at = low + (high - low) * static_cast<double>(edge) / kHistogramBins;
      steps.x.push_back(axis.logarithmic ? std::exp(at) : at);
      steps.low.push_back(0);
      steps.high.push_back(counts[i] / static_cast<double>(one.draws.size()));
    }
  }
  return steps;
}

Series interval_bar(const std::string& name, int colour, double y, double value, double low,
                    double high) {
  return {.name = name,
          .mark = Mark::kErrorsX,
          .colour = colour,
          .width = 2,
          .x = {value},
          .y = {y},
          .low = {low},
          .high = {high},
          .hover = {fmt::format("{}: {:.4g}, {:.4g} to {:.4g}", name, value, low, high)}};
}

// Over the highest bin.
constexpr double kProfileHeight = 1.15;
constexpr double kBootstrapHeight = 1.3;

void add_profile(const ParameterRange& range, const ParameterAxis& axis, double top, Panel& panel) {
  const double low = std::clamp(range.low, axis.low, axis.high);
  const double high = std::clamp(range.high, axis.low, axis.high);
  panel.series.push_back(
      interval_bar("profile likelihood", 0, kProfileHeight * top, range.value, low, high));
  Series open{.mark = Mark::kText};
  if (range.low_open) open.x.push_back(low), open.labels.push_back("open");
  if (range.high_open) open.x.push_back(high), open.labels.push_back("open");
  open.y.assign(open.x.size(), kProfileHeight * top);
  if (!open.x.empty()) panel.series.push_back(open);
}

Panel parameter_panel(const KnownParameter& one, double level) {
  const ParameterAxis axis = parameter_axis(one);
  Panel panel{.title = one.name, .y = {.title = "share of draws", .ticks = TickStyle::kPercent}};
  if (axis.logarithmic) panel.x.scale = AxisScale::kLog;
  panel.x.low = axis.low, panel.x.high = axis.high;
  panel.y.low = 0;
  Series steps = histogram(one, axis);
  const double top = steps.high.empty()
                         ? 1
                         : std::max(*std::max_element(steps.high.begin(), steps.high.end()), 1e-3);
  panel.y.high = 1.45 * top;
  if (!steps.x.empty()) {
    panel.series.push_back(std::move(steps));
    const Interval draws = interval_over(one.value, one.draws, level);
    panel.series.push_back(interval_bar("draws, " + level_name(level), 1, kBootstrapHeight * top,
                                        one.value, std::clamp(*draws.low, axis.low, axis.high),
                                        std::clamp(*draws.high, axis.low, axis.high)));
  }
  if (one.range != nullptr) add_profile(*one.range, axis, top, panel);
  panel.series.push_back(
      {.name = "estimate", .mark = Mark::kVertical, .colour = kInk, .width = 1, .x = {one.value}});
  return panel;
}

std::string profile_alt(const std::vector<KnownParameter>& all, double level) {
  std::vector<std::string> known, flat;
  for (const KnownParameter& one : all) {
    if (one.range != nullptr) {
      known.push_back(fmt::format("{} {:.4g} [{}{:.4g}, {:.4g}{}]", one.name, one.value,
                                  one.range->low_open ? "open below " : "", one.range->low,
                                  one.range->high, one.range->high_open ? ", open above" : ""));
      if (!one.range->why_flat.empty()) flat.push_back(one.name);
    } else if (!one.draws.empty()) {
      const Interval draws = interval_over(one.value, one.draws, level);
      known.push_back(
          fmt::format("{} {:.4g} [{:.4g}, {:.4g}]", one.name, one.value, *draws.low, *draws.high));
    }
  }
  std::string text = level_name(level) + "s: " + listed(known, known.size()) + ".";
  if (!flat.empty()) text += " The data do not determine " + listed(flat, flat.size()) + ".";
  return text;
}

Figure drawn_profiles(const ReportData& data, Figure figure) {
  const std::vector<KnownParameter> all = known_parameters(*data.fit);
  const bool any = std::any_of(all.begin(), all.end(), [](const KnownParameter& one) {
    return one.range != nullptr || !one.draws.empty();
  });
  if (!any) {
    return empty_figure(
        figure,
        "the law has neither draws nor profiles: a published law states none; a fit "
        "of your own has them (isoflop fit --profile)");
  }
  figure.columns = 3;
  std::string flat;
  for (const KnownParameter& one : all) {
    if (one.range == nullptr && one.draws.empty()) continue;
    figure.panels.push_back(parameter_panel(one, data.fit->interval_level));
    if (one.range != nullptr && !one.range->why_flat.empty()) {
      flat += " " + one.name + ": " + one.range->why_flat + ".";
    }
  }
  figure.caption =
      "Each parameter of the law with the values that the data allow: by profile likelihood (all "
      "others free) and over bootstrap refits, whose histogram is drawn below." +
      std::string(data.fit->ranges.empty() ? " Profiles were not asked for (isoflop fit --profile)."
                                           : "") +
      flat;
  figure.alt = profile_alt(all, data.fit->interval_level);
  return figure;
}

}  // namespace

Figure profile_chart(const ReportData& data) {
  const Figure shell{.name = "profiles", .title = "How well each parameter is known"};
  const std::string why = why_no_law(data);
  if (!why.empty()) return empty_figure(shell, why);
  return guarded(shell, [&](Figure figure) { return drawn_profiles(data, std::move(figure)); });
}

}  // namespace isoflop
