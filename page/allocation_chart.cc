// N*(C) and D*(C) by every approach that was made, with their intervals.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/interval.h"
#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kAllocationSteps = 61;
constexpr std::size_t kBandSteps = 25;  // bands are nearly straight in logarithms
constexpr std::size_t kBandDraws = 400;
constexpr std::size_t kBandSearchDraws = 60;  // of laws whose optimum is searched for
constexpr double kRoomAtRight = 8;            // for the names of large models
constexpr double kBeyond = 3;                 // the axes end so far beyond the last thing shown

struct AllocationRange {
  Span data;   // C of the runs
  Span shown;  // C of the axis
};

AllocationRange allocation_range(const ReportData& data) {
  AllocationRange range;
  range.data.take(data.fit->flops_low);
  range.data.take(data.fit->flops_high);
  if (!range.data.valid()) {
    for (const Observation& run : data.observations) {
      range.data.take(flops_of_run(run, *data.fit));
    }
  }
  range.shown = range.data;
  if (data.plan) range.shown.take(data.plan->flops);
  for (const LargeModel& model : data.large_models) {
    range.shown.take(data.fit->flops(model.params) * model.tokens);
  }
  range.shown = {range.shown.low / kBeyond, range.shown.high * kRoomAtRight};
  return range;
}

double share_of(const Optimum& best, SizeOrTokens share) {
  return share == SizeOrTokens::kSize ? best.params : best.tokens;
}

// Lines first, so that the axis is known before bands are clipped to it.
struct ApproachDrawing {
  std::string name;
  std::string whose;  // interval, in the key
  int colour = 0;
  std::vector<double> flops;
  std::vector<double> values;
  std::vector<double> band_flops, low, high;
  double level = 0.9;
  Span known;  // C that it has seen; beyond it is dashed
};

ApproachDrawing power_drawing(ApproachDrawing out, const PowerLawFit& fit,
                              const AllocationRange& range) {
  const double level = out.level;
  out.flops = log_steps(range.shown.low, range.shown.high, kAllocationSteps);
  for (const double c : out.flops) out.values.push_back(value_at(fit.line, c));
  if (fit.draws.empty()) return out;
  for (const double c : log_steps(range.shown.low, range.shown.high, kBandSteps)) {
    const Interval interval = interval_at(fit, c, level);
    out.band_flops.push_back(c);
    out.low.push_back(*interval.low);
    out.high.push_back(*interval.high);
  }
  return out;
}

ApproachDrawing law_drawing(const ReportData& data, const DrawnLaw& law, SizeOrTokens share,
                            const AllocationRange& range) {
  ApproachDrawing out{.name = data.fit->approach == 3 && !data.fit->citation.empty()
                                  ? "the law " + data.fit->law
                                  : "3: the law",
                      .whose = "law's ",
                      .level = law.level,
                      .known = range.data};
  const Spend spend{.flops = law.spend.flops};
  out.flops = log_steps(range.shown.low, range.shown.high, kAllocationSteps);
  for (const double c : out.flops) {
    out.values.push_back(share_of(best_allocation(law.law, spend, c), share));
  }
  if (law.draws.empty()) return out;
  for (const double c : log_steps(range.shown.low, range.shown.high, kBandSteps)) {
    std::vector<double> values;
    for (const LossSurface& draw : law.draws) {
      values.push_back(share_of(best_allocation(draw, spend, c), share));
    }
    const Interval interval = interval_over(0, std::move(values), law.level);
    out.band_flops.push_back(c);
    out.low.push_back(*interval.low);
    out.high.push_back(*interval.high);
  }
  return out;
}

std::vector<ApproachDrawing> approach_drawings(const ReportData& data,
                                               const std::optional<DrawnLaw>& law,
                                               SizeOrTokens share, const AllocationRange& range) {
  std::vector<ApproachDrawing> all;
  if (law) all.push_back(law_drawing(data, *law, share, range));
  if (data.fit->isoflop && data.fit->isoflop->usable) {
    const IsoflopFit& fit = *data.fit->isoflop;
    Span known;
    for (const BudgetProfile& profile : fit.profiles) {
      if (profile.usable) known.take(profile.budget);
    }
    all.push_back(power_drawing({.name = "2: IsoFLOP minima",
                                 .whose = "minima's ",
                                 .colour = 1,
                                 .level = fit.level,
                                 .known = known},
                                share == SizeOrTokens::kSize ? fit.params_law : fit.tokens_law,
                                range));
  }
  if (data.fit->envelope && data.fit->envelope->usable) {
    const EnvelopeFit& fit = *data.fit->envelope;
    all.push_back(power_drawing({.name = "1: envelope of curves",
                                 .whose = "envelope's ",
                                 .colour = 2,
                                 .level = fit.level,
                                 .known = {fit.flops_low, fit.flops_high}},
                                share == SizeOrTokens::kSize ? fit.params_law : fit.tokens_law,
                                range));
  }
  return all;
}

Series minima_errors(const IsoflopFit& fit, SizeOrTokens share) {
  Series points{.name = "minima, ± a standard error", .mark = Mark::kErrors, .colour = 1};
  for (const BudgetProfile& profile : fit.profiles) {
    if (!profile.usable) continue;
    const double value = share == SizeOrTokens::kSize ? profile.params : profile.tokens;
    const double error = std::exp(profile.log_error.value_or(0));
    points.x.push_back(profile.budget);
    points.y.push_back(value);
    points.low.push_back(value / error);
    points.high.push_back(value * error);
    points.hover.push_back(fmt::format("{} FLOP: N {}, D {}", format_flops(profile.budget),
                                       format_quantity(profile.params),
                                       format_quantity(profile.tokens)));
  }
  return points;
}

// All that is drawn but bands, which may be endless.
Span heights_of(const ReportData& data, const std::vector<ApproachDrawing>& drawings,
                SizeOrTokens share) {
  Span y;
  for (const ApproachDrawing& drawing : drawings) {
    y.take(drawing.values.front());
    y.take(drawing.values.back());
  }
  for (const LargeModel& model : data.large_models) {
    y.take(share == SizeOrTokens::kSize ? model.params : model.tokens);
  }
  return y.widened(kBeyond);
}

Series clipped_band(const ApproachDrawing& drawing, const Span& y) {
  Series band{.name = drawing.whose + level_name(drawing.level),
              .mark = Mark::kBand,
              .colour = drawing.colour,
              .x = drawing.band_flops};
  for (std::size_t i = 0; i < drawing.band_flops.size(); ++i) {
    band.low.push_back(y.clamp(drawing.low[i]));
    band.high.push_back(y.clamp(drawing.high[i]));
  }
  return band;
}

Panel allocation_panel(const ReportData& data, const std::optional<DrawnLaw>& law,
                       SizeOrTokens share, const AllocationRange& range) {
  Panel panel{.title = share == SizeOrTokens::kSize ? "N*: parameters" : "D*: tokens",
              .x = compute_axis(),
              .y = share == SizeOrTokens::kSize ? params_axis() : tokens_axis()};
  panel.x.low = range.shown.low, panel.x.high = range.shown.high;
  const auto drawings = approach_drawings(data, law, share, range);
  const Span y = heights_of(data, drawings, share);
  if (y.valid()) panel.y.low = y.low, panel.y.high = y.high;
  for (const ApproachDrawing& drawing : drawings) {
    if (!drawing.low.empty()) panel.series.push_back(clipped_band(drawing, y));
  }
  for (const ApproachDrawing& drawing : drawings) {
    Series line = line_series(drawing.name, drawing.colour, drawing.flops, drawing.values);
    line.width = 2;
    for (Series& part : dashed_beyond(line, drawing.known.low, drawing.known.high)) {
      panel.series.push_back(std::move(part));
    }
  }
  if (data.fit->isoflop) {
    const Series minima = minima_errors(*data.fit->isoflop, share);
    if (!minima.x.empty()) panel.series.push_back(minima);
  }
  if (data.plan) {
    panel.series.push_back(
        {.name = fmt::format("the plan, {} FLOP", format_flops(data.plan->flops)),
         .mark = Mark::kVertical,
         .colour = kFaint,
         .x = {data.plan->flops}});
  }
  add_large_models(data, share, law ? &*law : nullptr, panel);
  return panel;
}

std::string exponent_words(const ReportData& data, bool has_law) {
  std::vector<std::string> words;
  const LawFit& fit = *data.fit;
  if (has_law && !fit.form) {
    words.push_back("the law " + interval_text(exponent_a(fit), fixed3));
  }
  if (fit.isoflop && fit.isoflop->usable) {
    words.push_back("IsoFLOP minima " + interval_text(fit.isoflop->a, fixed3));
  }
  if (fit.envelope && fit.envelope->usable) {
    words.push_back("the envelope " + interval_text(fit.envelope->a, fixed3));
  }
  return words.empty() ? "" : " Exponents a of N* ~ C^a: " + listed(words, 3) + ".";
}

std::string allocation_alt(const ReportData& data, bool has_law) {
  std::string text = "N* and D* grow with compute.";
  if (data.plan) {
    text = fmt::format("At {} FLOP N* is {} and D* {}.", format_flops(data.plan->flops),
                       interval_text(data.plan->params, format_quantity),
                       interval_text(data.plan->tokens, format_quantity));
  }
  text += exponent_words(data, has_law);
  if (data.fit->approaches && !data.fit->approaches->verdict.empty()) {
    text += " The verdict: " + data.fit->approaches->verdict + ".";
  }
  return text;
}

std::string missing_approaches(const LawFit& fit) {
  std::string text;
  if (fit.isoflop && !fit.isoflop->usable) text += " No approach 2: " + fit.isoflop->why_not + ".";
  if (fit.envelope && !fit.envelope->usable) {
    text += " No approach 1: " + fit.envelope->why_not + ".";
  }
  return text;
}

std::size_t draws_worth_drawing(const LawFit& fit) {
  return fit.form && fit.form->form != "chinchilla" ? kBandSearchDraws : kBandDraws;
}

Figure drawn_allocation(const ReportData& data, Figure figure) {
  std::optional<DrawnLaw> law;
  if (data.fit->has_law()) law = drawn_law(data, draws_worth_drawing(*data.fit));
  const AllocationRange range = allocation_range(data);
  if (!range.data.valid() && !data.plan && data.large_models.empty()) {
    return empty_figure(figure,
                        "the fit says nothing of the compute of its runs and no budget was "
                        "planned for: give one (isoflop report --flops 1e21)");
  }
  figure.columns = 1;
  figure.panels = {allocation_panel(data, law, SizeOrTokens::kSize, range),
                   allocation_panel(data, law, SizeOrTokens::kTokens, range)};
  if (figure.panels.front().series.empty()) {
    return empty_figure(figure, "no approach gave an answer:" + missing_approaches(*data.fit));
  }
  figure.caption = fmt::format(
      "The best size and its tokens at each compute ({}): solid within the compute that an "
      "approach "
      "has seen, dashed beyond it; bands are intervals over draws.{}{}",
      data.fit->flops.convention(),
      law && law->draws.size() < law->all_draws
          ? fmt::format(" The law's is over {} of its {} draws.", law->draws.size(), law->all_draws)
          : "",
      missing_approaches(*data.fit));
  figure.alt = allocation_alt(data, law.has_value());
  return figure;
}

}  // namespace

Figure allocation_chart(const ReportData& data) {
  const Figure shell{.name = "allocation", .title = "Size and tokens against compute"};
  if (!data.fit) return empty_figure(shell, why_no_law(data));
  return guarded(shell, [&](Figure figure) { return drawn_allocation(data, std::move(figure)); });
}

}  // namespace isoflop
