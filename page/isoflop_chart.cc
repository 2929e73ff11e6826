// Losses against size, a family per compute budget, and where each is lowest.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr double kSameBudget = 0.2;   // in ln C, for rows that state no budget
constexpr double kValleyReach = 3;    // as the parabola of approach 2 looks at
constexpr double kParabolaReach = 2;  // how far its curve is drawn
constexpr double kPlausible = 0.8;    // of the lowest run: a spline may swing below it
constexpr std::size_t kMostBudgetNames = 8;
constexpr std::size_t kValleySteps = 25;
constexpr std::size_t kDashSteps = 41;

// Which profile each run belongs to: the one of its budget, or of the nearest compute.
std::map<std::size_t, std::vector<const Observation*>> runs_by_budget(const ReportData& data) {
  std::map<std::size_t, std::vector<const Observation*>> groups;
  const std::vector<BudgetProfile>& profiles = data.fit->isoflop->profiles;
  for (const Observation& run : data.observations) {
    const double flops = run.budget.value_or(flops_of_run(run, *data.fit));
    if (!(flops > 0)) continue;
    const auto apart = [&](const BudgetProfile& p) { return std::abs(std::log(flops / p.budget)); };
    const auto nearest = std::min_element(
        profiles.begin(), profiles.end(),
        [&](const BudgetProfile& a, const BudgetProfile& b) { return apart(a) < apart(b); });
    if (nearest == profiles.end() || apart(*nearest) > kSameBudget) continue;
    groups[static_cast<std::size_t>(nearest - profiles.begin())].push_back(&run);
  }
  return groups;
}

double shade_of(std::size_t i, std::size_t count) {
  return count < 2 ? 0.5 : static_cast<double>(i) / static_cast<double>(count - 1);
}

// The key names few budgets; the shades between them speak for themselves.
bool is_named(std::size_t i, std::size_t count) {
  if (count <= kMostBudgetNames) return true;
  const std::size_t step = (count + kMostBudgetNames - 2) / (kMostBudgetNames - 1);
  return i % step == 0 || i + 1 == count;
}

Series budget_points(const std::vector<const Observation*>& runs, std::size_t most) {
  std::vector<double> losses;
  for (const Observation* run : runs) losses.push_back(run->loss);
  Series points = point_series("", kInk);
  points.size = 0.8;
  for (const std::size_t i : thinned(losses, most)) {
    points.x.push_back(runs[i]->params);
    points.y.push_back(runs[i]->loss);
    points.hover.push_back(run_hover(*runs[i]));
  }
  return points;
}

// Of at least one.
const Observation& lowest_run(const std::vector<const Observation*>& runs) {
  return **std::min_element(runs.begin(), runs.end(),
                            [](const auto* a, const auto* b) { return a->loss < b->loss; });
}

// The parabola of the fit (of ln L in ln N), by its vertex and curvature, near its vertex; its
// level is the mean of what the runs there leave over it.
Series valley_line(const BudgetProfile& profile, const std::vector<const Observation*>& runs) {
  Series line{.width = 1.5};
  const double vertex = profile.parabola.value_or(profile.params);
  const double loss = lowest_run(runs).loss;
  const auto rise = [&](double n) {
    const double u = std::log(n / vertex);
    return 0.5 * profile.curvature / loss * u * u;
  };
  Span sizes;
  double level = 0, count = 0;
  for (const Observation* run : runs) {
    if (run->params < vertex / kParabolaReach || run->params > vertex * kParabolaReach) continue;
    sizes.take(run->params);
    level += std::log(run->loss) - rise(run->params);
    ++count;
  }
  if (!(sizes.high > sizes.low)) return line;
  line.x = log_steps(sizes.low, sizes.high, kValleySteps);
  for (const double n : line.x) line.y.push_back(std::exp(level / count + rise(n)));
  return line;
}

// Where the valley lies at the minimum: what the estimator says where that is near the runs, or
// else the parabola.
double loss_at_minimum(const BudgetProfile& profile, const std::vector<const Observation*>& runs) {
  if (profile.loss > kPlausible * lowest_run(runs).loss) return profile.loss;
  const Series line = valley_line(profile, runs);
  if (line.y.empty()) return lowest_run(runs).loss;
  return *std::min_element(line.y.begin(), line.y.end());
}

Series law_line(const DrawnLaw& law, double budget, const Span& sizes) {
  Series line{.colour = kInk, .dashed = true, .width = 0.8};
  for (const double n : log_steps(sizes.low, sizes.high, kDashSteps)) {
    const double loss = loss_of_size(law.law, {.flops = law.spend.flops}, budget, n);
    if (!std::isfinite(loss)) continue;
    line.x.push_back(n);
    line.y.push_back(loss);
  }
  return line;
}

using BudgetRuns = std::map<std::size_t, std::vector<const Observation*>>;

Series minima_points(const IsoflopFit& fit, const BudgetRuns& groups) {
  Series points{.name = "minimum, ± a standard error", .mark = Mark::kErrorsX, .size = 1.2};
  for (const auto& [i, runs] : groups) {
    const BudgetProfile& profile = fit.profiles[i];
    if (!profile.usable) continue;
    const double error = std::exp(profile.log_error.value_or(0));
    const double loss = loss_at_minimum(profile, runs);
    points.x.push_back(profile.params);
    points.y.push_back(loss);
    points.low.push_back(profile.params / error);
    points.high.push_back(profile.params * error);
    points.hover.push_back(
        fmt::format("{} FLOP: minimum at N {}, D {}, loss {} ({})", format_flops(profile.budget),
                    format_quantity(profile.params), format_quantity(profile.tokens), fixed3(loss),
                    profile.estimator));
  }
  return points;
}

// A few runs far up a valley's side would press all valleys flat: the axis ends above the highest
// valley by as much as the valleys' floors lie apart, or as the runs within kValleyReach rise.
double top_of_valleys(const IsoflopFit& fit, const BudgetRuns& groups) {
  double lowest = INFINITY, floor = -INFINITY, near = -INFINITY, top = -INFINITY;
  for (const auto& [i, runs] : groups) {
    const Observation& best = lowest_run(runs);
    lowest = std::min(lowest, best.loss);
    floor = std::max(floor, best.loss);
    for (const Observation* run : runs) {
      top = std::max(top, run->loss);
      const double apart = run->params / best.params;
      if (apart <= kValleyReach && apart >= 1 / kValleyReach) near = std::max(near, run->loss);
    }
  }
  return fit.profiles.empty() ? top : std::min(top, std::max(near, floor + 0.5 * (floor - lowest)));
}

struct DrawnBudgets {
  Panel panel;
  std::size_t drawn = 0;
  std::size_t all = 0;
  std::vector<std::string> above;  // runs beyond the axis
};

void end_axis(double top, const BudgetRuns& groups, DrawnBudgets& out) {
  double lowest = top;
  for (const auto& [i, runs] : groups) {
    for (const Observation* run : runs) {
      lowest = std::min(lowest, run->loss);
      if (run->loss > top) {
        out.above.push_back(
            fmt::format("{} ({})", run_name(run->trial, run->row), fixed3(run->loss)));
      }
    }
  }
  fit_axis(out.panel.y, {lowest, top});
}

DrawnBudgets budgets_panel(const ReportData& data, const std::optional<DrawnLaw>& law) {
  const IsoflopFit& fit = *data.fit->isoflop;
  DrawnBudgets out{.panel = {.x = params_axis(), .y = loss_axis(data)}};
  std::vector<Series> points, lines, dashes;
  const auto groups = runs_by_budget(data);
  for (const auto& [i, runs] : groups) {
    const BudgetProfile& profile = fit.profiles[i];
    Span sizes;
    for (const Observation* run : runs) sizes.take(run->params);
    Series measured = budget_points(runs, std::max<std::size_t>(kMostPoints / groups.size(), 3));
    measured.shade = shade_of(i, fit.profiles.size());
    if (is_named(i, fit.profiles.size())) measured.name = format_flops(profile.budget) + " FLOP";
    out.drawn += measured.x.size();
    out.all += runs.size();
    points.push_back(measured);
    Series valley = profile.usable ? valley_line(profile, runs) : Series{};
    valley.shade = measured.shade;
    if (!valley.x.empty()) lines.push_back(valley);
    if (law && (profile.usable || groups.size() <= kMostBudgetNames)) {
      dashes.push_back(law_line(*law, profile.budget, sizes));
    }
  }
  if (!dashes.empty()) dashes.front().name = "the fitted law";
  for (auto* several : {&dashes, &lines, &points}) {
    out.panel.series.insert(out.panel.series.end(), several->begin(), several->end());
  }
  const Series minima = minima_points(fit, groups);
  if (!minima.x.empty()) out.panel.series.push_back(minima);
  if (!groups.empty()) end_axis(top_of_valleys(fit, groups), groups, out);
  return out;
}

std::string unusable_words(const IsoflopFit& fit) {
  std::map<std::string, std::size_t> reasons;
  for (const BudgetProfile& profile : fit.profiles) {
    if (!profile.usable) ++reasons[profile.code];
  }
  std::vector<std::string> words;
  for (const auto& [code, count] : reasons) {
    std::string plain = code;
    std::replace(plain.begin(), plain.end(), '_', ' ');
    words.push_back(fmt::format("{} ({})", plural(count, "budget"), plain));
  }
  if (words.empty()) return "";
  return " Without a minimum that can be used: " + listed(words, 4) + ".";
}

std::string isoflop_alt(const IsoflopFit& fit) {
  std::vector<std::string> minima;
  for (const BudgetProfile& profile : fit.profiles) {
    if (!profile.usable) continue;
    minima.push_back(fmt::format("{} at {} FLOP", format_quantity(profile.params),
                                 format_flops(profile.budget)));
  }
  if (minima.empty()) {
    return fmt::format("Losses at {}; none has a minimum that can be used.",
                       plural(fit.profiles.size(), "compute budget"));
  }
  std::string text = fmt::format(
      "Of {}, {} a minimum in N: {}.", plural(fit.profiles.size(), "compute budget"),
      minima.size() == 1 ? "1 has" : fmt::format("{} have", minima.size()), listed(minima, 8));
  if (fit.usable) {
    text += fmt::format(" N* grows as C^a with a {}.", interval_text(fit.a, fixed3));
  }
  return text;
}

std::optional<DrawnLaw> law_without_draws(const ReportData& data) {
  if (!why_no_law(data).empty()) return std::nullopt;
  try {
    return drawn_law(data, 0);
  } catch (const std::exception&) {
    return std::nullopt;  // a law that is not one of N and D has no line here
  }
}

Figure drawn_isoflop(const ReportData& data, Figure figure) {
  const IsoflopFit& fit = *data.fit->isoflop;
  const auto law = law_without_draws(data);
  const DrawnBudgets drawn = budgets_panel(data, law);
  if (drawn.all == 0) {
    return empty_figure(figure,
                        "the runs of the fit are not at hand, only its minima: report from "
                        "the table or store itself (isoflop report --csv or --db)");
  }
  figure.panels = {drawn.panel};
  figure.caption =
      "Measured losses of runs of equal compute (light to dark: small to large budgets), and a "
      "parabola through those near each minimum." +
      std::string(law ? " Dashed: the fitted law, which knows all runs at once." : "") +
      (drawn.above.empty() ? "" : " Above the axis: " + listed(drawn.above, 4) + ".") +
      unusable_words(fit) + thinned_words(drawn.drawn, drawn.all, "runs");
  figure.alt = isoflop_alt(fit);
  return figure;
}

}  // namespace

Figure isoflop_chart(const ReportData& data) {
  const Figure shell{.name = "isoflop", .title = "IsoFLOP profiles"};
  if (data.fit && data.fit->isoflop && !data.fit->isoflop->profiles.empty()) {
    return guarded(shell, [&](Figure figure) { return drawn_isoflop(data, std::move(figure)); });
  }
  if (data.observations.empty() && !data.fit)
    return empty_figure(
        shell, "there are no finished runs yet: isoflop sweep run GRID.toml, then report again");
  return empty_figure(shell,
                      "no runs share a compute budget, so that there is no profile: train several "
                      "sizes at each of a few budgets (isoflop sweep run examples/demo.toml)");
}

}  // namespace isoflop
