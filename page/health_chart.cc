// How a sweep is: trials by state, and the brackets of learning rates.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/units.h"
#include "page/bar_parts.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

struct TrialState {
  const char* name;
  int colour;
  std::int64_t SweepStatus::*count;
};
constexpr TrialState kTrialStates[] = {
    {"done", 0, &SweepStatus::done},         {"running", 2, &SweepStatus::running},
    {"leased", 5, &SweepStatus::leased},     {"planned", kFaint, &SweepStatus::planned},
    {"diverged", 4, &SweepStatus::diverged}, {"out of memory", 3, &SweepStatus::out_of_memory},
    {"failed", 1, &SweepStatus::failed},     {"cancelled", 6, &SweepStatus::cancelled}};

std::string group_name(const SweepGroup& group) {
  std::string name;
  if (group.budget_low > 0) {
    name = format_flops(group.budget_low);
    if (group.budget_high > group.budget_low) name += "-" + format_flops(group.budget_high);
  } else {
    name = size_name(group.params_low, group.params_high);
  }
  return group.bracket ? "rates" : name;
}

Panel states_panel(const SweepView& view) {
  std::vector<std::string> names;
  std::vector<const SweepGroup*> groups;
  for (const SweepGroup& group : view.groups) {
    groups.push_back(&group);
    names.push_back(group_name(group));
  }
  const bool budgets = !groups.empty() && groups.front()->budget_low > 0;
  Panel panel{.title = "Trials by state",
              .x = category_axis(budgets ? "budget (FLOP)" : "parameters N", names),
              .y = {.title = "trials", .low = 0}};
  std::vector<BarStack> stacks;
  for (const TrialState& state : kTrialStates) {
    BarStack stack{state.name, state.colour, {}};
    for (const SweepGroup* group : groups) {
      stack.heights.push_back(static_cast<double>(group->status.*state.count));
    }
    stacks.push_back(std::move(stack));
  }
  add_stacks(
      stacks, names, [](double count) { return fmt::format("{:.0f}", count); }, panel);
  return panel;
}

std::string rung_hover(const RateRung& rung, std::size_t i) {
  return fmt::format("N {}: rate {:.3g}, loss {}", format_quantity(rung.params), rung.rates[i],
                     std::isfinite(rung.losses[i]) ? fixed3(rung.losses[i]) : "diverged");
}

// A line a size; where training diverged there is no loss to draw.
Panel rates_panel(const ReportData& data, const std::vector<RateRung>& rungs) {
  Panel panel{.title = "Learning-rate brackets",
              .x = {.title = "peak learning rate", .scale = AxisScale::kLog},
              .y = loss_axis(data)};
  Series own = point_series("the sweep's rate", kInk);
  own.size = 1.4;
  for (std::size_t r = 0; r < rungs.size(); ++r) {
    const RateRung& rung = rungs[r];
    Series line{.name = "N " + format_quantity(rung.params)};
    line.shade = rungs.size() < 2 ? 0.5 : static_cast<double>(r) / (rungs.size() - 1.0);
    for (std::size_t i = 0; i < rung.rates.size(); ++i) {
      if (!std::isfinite(rung.losses[i])) continue;
      line.x.push_back(rung.rates[i]);
      line.y.push_back(rung.losses[i]);
      line.hover.push_back(rung_hover(rung, i));
      if (rung.rates[i] == rung.rate) {
        own.x.push_back(rung.rate);
        own.y.push_back(rung.losses[i]);
        own.hover.push_back(rung_hover(rung, i) + ", the sweep's own");
      }
    }
    Series points = line;
    points.name = "";
    points.mark = Mark::kPoints;
    points.size = 0.8;
    panel.series.push_back(std::move(line));
    panel.series.push_back(std::move(points));
  }
  if (!own.x.empty()) panel.series.push_back(std::move(own));
  return panel;
}

std::string failure_words(const SweepView& view) {
  std::vector<std::string> words;
  for (const FailureClass& failure : view.failures) {
    std::string state = failure.state;
    std::replace(state.begin(), state.end(), '_', ' ');
    words.push_back(fmt::format("{} {} (first {}{})", failure.trials, state,
                                run_name(failure.identity, 0),
                                failure.reason.empty() ? "" : ": " + failure.reason));
  }
  return words.empty() ? " No trial failed." : " " + listed(words, 6) + ".";
}

std::string rung_words(const std::vector<RateRung>& rungs) {
  if (rungs.empty()) return "";
  std::size_t edges = 0;
  double worst = 1;
  for (const RateRung& rung : rungs) {
    if (rung.at_edge) ++edges;
    if (std::abs(std::log(rung.ratio)) > std::abs(std::log(worst))) worst = rung.ratio;
  }
  return fmt::format(" Of {}, {} lowest at an edge; the best rate is at most {} times the sweep's.",
                     plural(rungs.size(), "learning-rate bracket"),
                     edges == 1 ? "1 is" : fmt::format("{} are", edges), with_decimals(worst, 2));
}

std::vector<RateRung> drawn_rungs(const std::vector<RateRung>& rungs) {
  std::vector<RateRung> drawn;
  const std::size_t most = 12;
  for (std::size_t i = 0; i < std::min(most, rungs.size()); ++i) {
    drawn.push_back(rungs[rungs.size() <= most ? i : i * (rungs.size() - 1) / (most - 1)]);
  }
  return drawn;
}

Figure drawn_health(const ReportData& data, Figure figure) {
  const SweepView& view = data.sweep->view;
  const SweepStatus& status = view.status;
  if (!view.groups.empty()) figure.panels.push_back(states_panel(view));
  if (!data.sweep->rungs.empty()) {
    figure.panels.push_back(rates_panel(data, drawn_rungs(data.sweep->rungs)));
  }
  if (figure.panels.empty()) {
    return empty_figure(figure, "no trials are planned yet: isoflop sweep run GRID.toml");
  }
  figure.caption =
      "Trials of the grid by what became of them." + failure_words(view) +
      (data.sweep->rungs.empty()
           ? ""
           : " Right: losses of the same trial at other learning rates; rates at which "
             "it diverged have no point.");
  figure.alt = fmt::format(
      "{} of {} trials are done, {} running, {} planned, {} diverged, {} failed or out of "
      "memory.{}",
      status.done, status.trials(), status.running, status.planned, status.diverged,
      status.in_trouble(), rung_words(data.sweep->rungs));
  return figure;
}

}  // namespace

Figure health_chart(const ReportData& data) {
  const Figure shell{.name = "health", .title = "How the sweep is"};
  if (!data.sweep) {
    return empty_figure(shell,
                        "the runs come from a table, which says nothing of failures and retries: a "
                        "store does (isoflop sweep run GRID.toml)");
  }
  return guarded(shell, [&](Figure figure) { return drawn_health(data, std::move(figure)); });
}

}  // namespace isoflop
