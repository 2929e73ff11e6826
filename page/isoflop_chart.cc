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

constexpr double kSameBudget = 0.2;  // in ln C, for rows that state no budget
constexpr double kValleyReach = 3;   // as the parabola of approach 2 looks at
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

// The parabola through the minimum with its curvature, near the minimum.
Series valley_line(const BudgetProfile& profile, const Span& sizes) {
  Series line{.width = 1.5};
  const double low = std::max(sizes.low, profile.params / kValleyReach);
  const double high = std::min(sizes.high, profile.params * kValleyReach);
  if (!(high > low)) return line;
  line.x = log_steps(low, high, kValleySteps);
  for (const double n : line.x) {
    const double u = std::log(n / profile.params);
    line.y.push_back(profile.loss + 0.5 * profile.curvature * u * u);
  }
  return line;
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

Series minima_points(const IsoflopFit& fit) {
  Series points{.name = "minimum, ± a standard error", .mark = Mark::kErrorsX, .colour = 1};
  points.size = 1.3;
  for (const BudgetProfile& profile : fit.profiles) {
    if (!profile.usable) continue;
    const double error = std::exp(profile.log_error.value_or(0));
    points.x.push_back(profile.params);
    points.y.push_back(profile.loss);
    points.low.push_back(profile.params / error);
    points.high.push_back(profile.params * error);
    points.hover.push_back(
        fmt::format("{} FLOP: minimum at N {}, D {}, loss {} ({})", format_flops(profile.budget),
                    format_quantity(profile.params), format_quantity(profile.tokens),
                    fixed3(profile.loss), profile.estimator));
  }
  return points;
}

struct DrawnBudgets {
  Panel panel;
  std::size_t drawn = 0;
  std::size_t all = 0;
};

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
    Series valley = profile.usable ? valley_line(profile, sizes) : Series{};
    valley.shade = measured.shade;
    if (!valley.x.empty()) lines.push_back(valley);
    if (law) dashes.push_back(law_line(*law, profile.budget, sizes));
  }
  if (!dashes.empty()) dashes.front().name = "the fitted law";
  for (auto* several : {&dashes, &lines, &points}) {
    out.panel.series.insert(out.panel.series.end(), several->begin(), several->end());
  }
  const Series minima = minima_points(fit);
  if (!minima.x.empty()) out.panel.series.push_back(minima);
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
      "parabola through each minimum with the curvature there." +
      std::string(law ? " Dashed: the fitted law, which knows all runs at once." : "") +
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
