#include "fit/envelope.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "core/hash.h"
#include "core/units.h"
#include "fit/envelope_lines.h"
#include "fit/envelope_switches.h"
#include "fit/valley_draws.h"

namespace isoflop {
namespace {

constexpr double kSubset = 0.8;
constexpr std::size_t kFewestRuns = 5;
// Horizons closer than this are one: runs end in whole batches.
constexpr double kSameHorizon = 1.05;

struct Envelope {
  std::vector<EnvelopeLine> lines;
  EnvelopeWinners winners;
  std::vector<EnvelopeSwitch> switches;
};

Envelope envelope_of(const EnvelopeCurves& curves, const std::vector<bool>& kept) {
  Envelope out{.lines = curves.lines(kept), .winners = {}, .switches = {}};
  out.winners = winners_of(curves, out.lines);
  out.switches = switches_of(curves.grid(), out.lines, out.winners);
  return out;
}

EnvelopeStep step_of(const std::vector<double>& grid, const Envelope& envelope, std::size_t size) {
  const EnvelopeWinners& winners = envelope.winners;
  EnvelopeStep step{.params = winners.sizes[size]};
  step.bracketed = size > 0 && size + 1 < winners.sizes.size();
  std::set<std::string> runs;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (winners.size_at[i] != static_cast<int>(size)) continue;
    const EnvelopeLine& line = envelope.lines[winners.line_at[i]];
    if (step.grid_points++ == 0) step.flops_low = std::exp(grid[i]);
    step.flops_high = std::exp(grid[i]);
    step.loss = std::exp(line.at(i));
    if (runs.insert(line.runs).second) step.runs += (step.runs.empty() ? "" : ", ") + line.runs;
  }
  const double cost = std::exp(winners.log_cost[size]);
  step.tokens_low = step.flops_low / cost;
  step.tokens_high = step.flops_high / cost;
  return step;
}

double slope_as_printed(const std::vector<double>& grid, const EnvelopeWinners& winners) {
  std::vector<double> x, y;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (winners.size_at[i] < 0) continue;
    x.push_back(grid[i]);
    y.push_back(std::log(winners.sizes[static_cast<std::size_t>(winners.size_at[i])]));
  }
  return weighted_line(x, y, std::vector<double>(x.size(), 1.0)).slope;
}

// Distinct lengths of the runs of one size; ends of cooldowns are told apart elsewhere.
int horizons_of(const EnvelopeCurves& curves, double params) {
  std::vector<double> horizons;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves.run(i).params == params) horizons.push_back(horizon_of(curves.run(i)));
  }
  std::sort(horizons.begin(), horizons.end());
  int count = 0;
  double last = 0;
  for (const double h : horizons) {
    if (h > kSameHorizon * last) ++count, last = h;
  }
  return count;
}

bool from_ends(const EnvelopeCurves& curves, double params) {
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves.run(i).params == params) {
      return curves.run(i).schedule == CurveSchedule::kCooldown;
    }
  }
  return false;
}

void warn_of_horizons(const EnvelopeCurves& curves, const EnvelopeWinners& winners,
                      EnvelopeFit& fit) {
  std::string sizes;
  for (const double params : winners.sizes) {
    if (from_ends(curves, params) || horizons_of(curves, params) > 1) continue;
    sizes += (sizes.empty() ? "" : ", ") + format_quantity(params);
  }
  if (sizes.empty()) return;
  fit.warnings.push_back(
      {.code = "one_horizon",
       .message = "N = " + sizes +
                  " has one horizon: points before the end of a cosine have not seen its low rates "
                  "and lie too high, so that the envelope is biased; give each size several "
                  "horizons (the paper: 4, spanning a factor of 16), or cooldowns"});
}

void warn_of_single_ends(const EnvelopeCurves& curves, EnvelopeFit& fit) {
  std::set<double> single;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const double params = curves.run(i).params;
    if (from_ends(curves, params) && horizons_of(curves, params) < 2) single.insert(params);
  }
  if (single.empty()) return;
  std::string sizes;
  for (const double params : single) sizes += (sizes.empty() ? "" : ", ") + format_quantity(params);
  fit.warnings.push_back({.code = "one_end",
                          .message = "N = " + sizes +
                                     " is left out: only cooled-down ends count, and one end makes "
                                     "no curve; cool the trunk down at 2 lengths or more"});
}

void warn_of_cut(EnvelopeFit& fit) {
  int cut = 0;
  int all = 0;
  for (const EnvelopeStep& step : fit.steps) {
    all += step.grid_points;
    cut += step.bracketed ? 0 : step.grid_points;
  }
  if (2 * cut <= all) return;
  fit.warnings.push_back(
      {.code = "cut_off",
       .message = fmt::format("over {:.0f} % of the range of ln C the lowest size is the smallest "
                              "or the largest trained ({} and {}): that part is not bracketed and "
                              "is cut off; train smaller and larger ones",
                              100.0 * cut / all, format_quantity(fit.steps.front().params),
                              format_quantity(fit.steps.back().params))});
}

void add_thirds(const std::vector<EnvelopeSwitch>& switches, EnvelopeFit& fit) {
  const double low = std::log(fit.flops_low);
  const double width = (std::log(fit.flops_high) - low) / 3;
  for (int third = 0; third < 3; ++third) {
    const double from = low + third * width;
    std::vector<EnvelopeSwitch> inside;
    for (const EnvelopeSwitch& s : switches) {
      const double place = (s.log_flops - from) / width;
      if (place >= -1e-9 && place <= 1 + 1e-9) inside.push_back(s);
    }
    EnvelopeThird& out = fit.thirds.emplace_back();
    out = {.flops_low = std::exp(from), .flops_high = std::exp(from + width), .a = std::nullopt};
    if (const auto law = law_of_switches(inside)) out.a = law->params.slope;
  }
}

std::vector<bool> subset_of(std::size_t runs, SplitMix64& random) {
  std::vector<std::size_t> order(runs);
  for (std::size_t i = 0; i < runs; ++i) order[i] = i;
  std::vector<bool> kept(runs);
  const auto keep = static_cast<std::size_t>(std::lround(kSubset * static_cast<double>(runs)));
  for (std::size_t i = 0; i < keep; ++i) {
    std::swap(order[i], order[i + random.below(runs - i)]);
    kept[order[i]] = true;
  }
  return kept;
}

// The line moved away from `line` by `factor` times the draw's deviation.
PowerLaw stretched(const PowerLaw& line, const PowerLaw& draw, double factor) {
  return {.intercept = line.intercept + factor * (draw.intercept - line.intercept),
          .slope = line.slope + factor * (draw.slope - line.slope)};
}

void add_envelope_draws(const EnvelopeCurves& curves, const EnvelopeOptions& options,
                        EnvelopeFit& fit) {
  if (curves.size() < kFewestRuns || options.draws <= 0) return;
  const auto runs = static_cast<double>(curves.size());
  const double kept_share = std::lround(kSubset * runs) / runs;
  const double factor = std::sqrt(kept_share / (1 - kept_share));
  PowerLawFit params = fit.params_law;
  PowerLawFit tokens = fit.tokens_law;
  for (int k = 0; k < options.draws; ++k) {
    SplitMix64 random(splitmix64(options.seed) ^ splitmix64(static_cast<std::uint64_t>(k)));
    const Envelope drawn = envelope_of(curves, subset_of(curves.size(), random));
    const auto law = law_of_switches(drawn.switches);
    if (!law) continue;
    params.draws.push_back(stretched(fit.params_law.line, law->params, factor));
    tokens.draws.push_back(stretched(fit.tokens_law.line, law->tokens, factor));
  }
  // With most subsets silent the rest would flatter the answer.
  if (2 * params.draws.size() < static_cast<std::size_t>(options.draws)) return;
  fit.params_law = std::move(params);
  fit.tokens_law = std::move(tokens);
  fit.interval_method = "subsets of 80 % of the runs, deviations scaled to all of them";
}

EnvelopeFit refused_envelope(EnvelopeFit fit, const char* code, std::string why_not) {
  fit.code = code;
  fit.why_not = std::move(why_not);
  return fit;
}

void add_envelope_law(const EnvelopeCurves& curves, const Envelope& envelope,
                      const EnvelopeLaw& law, const EnvelopeOptions& options, EnvelopeFit& fit) {
  fit.usable = true;
  fit.flops_low = std::exp(envelope.switches.front().log_flops);
  fit.flops_high = std::exp(envelope.switches.back().log_flops);
  fit.params_law.line = law.params;
  fit.tokens_law.line = law.tokens;
  fit.a_as_printed = slope_as_printed(curves.grid(), envelope.winners);
  add_envelope_draws(curves, options, fit);
  fit.a = slope_interval(fit.params_law, options.level);
  fit.b = slope_interval(fit.tokens_law, options.level);
  add_thirds(envelope.switches, fit);
  warn_of_cut(fit);
}

}  // namespace

EnvelopeFit fit_envelope(std::span<const TrainingCurve> curves, const EnvelopeOptions& options) {
  EnvelopeFit fit{.level = options.level};
  const EnvelopeCurves used(curves, options.grid, options.window, fit.warnings);
  if (curves.empty()) return refused_envelope(fit, "no_curves", "there are no training curves");
  if (used.size() == 0) {
    return refused_envelope(fit, "not_cooled_down",
                            "no run has a point that has seen its whole schedule");
  }
  std::set<double> sizes;
  for (std::size_t i = 0; i < used.size(); ++i) sizes.insert(used.run(i).params);
  fit.runs = static_cast<int>(used.size());
  fit.sizes = static_cast<int>(sizes.size());
  const Envelope envelope = envelope_of(used, std::vector<bool>(used.size(), true));
  for (std::size_t k = 0; k < envelope.winners.sizes.size(); ++k) {
    fit.steps.push_back(step_of(used.grid(), envelope, k));
  }
  warn_of_horizons(used, envelope.winners, fit);
  warn_of_single_ends(used, fit);
  if (fit.steps.size() < 3) {
    return refused_envelope(
        fit, "too_few_sizes",
        fmt::format("{} of {} sizes are lowest somewhere, and the smallest and largest of them are "
                    "not bracketed; an envelope needs 3",
                    fit.steps.size(), fit.sizes));
  }
  const auto law = law_of_switches(envelope.switches);
  if (!law) {
    return refused_envelope(fit, "not_bracketed",
                            "fewer than 2 sizes take over from the next smaller one where both "
                            "have curves");
  }
  add_envelope_law(used, envelope, *law, options, fit);
  return fit;
}

}  // namespace isoflop
