// What the runs have cost, and how the sweep is: by size, by device, by state.
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

constexpr std::size_t kMostBars = 16;
constexpr double kHour = 3600;

// Bars beside names, stacked: drawn from the highest to the lowest, each from 0.
struct BarStack {
  std::string name;
  int colour = 0;
  std::vector<double> heights;  // of its own, one a category
};

Axis category_axis(const std::string& title, std::vector<std::string> names) {
  Axis axis{.title = title, .names = std::move(names)};
  axis.low = 0.4;
  axis.high = static_cast<double>(axis.names.size()) + 0.6;
  return axis;
}

template <typename Words>
void add_stacks(const std::vector<BarStack>& stacks, const std::vector<std::string>& names,
                Words words, Panel& panel) {
  std::vector<Series> bars;
  std::vector<double> total(names.size(), 0);
  for (const BarStack& stack : stacks) {
    Series series{.name = stack.name, .mark = Mark::kBars, .colour = stack.colour};
    double any = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      total[i] += stack.heights[i];
      any += stack.heights[i];
      series.x.push_back(static_cast<double>(i + 1));
      series.y.push_back(total[i]);
      series.hover.push_back(names[i] + ": " + words(stack.heights[i]) + " " + stack.name);
    }
    if (any > 0) bars.push_back(std::move(series));
  }
  panel.series.insert(panel.series.end(), bars.rbegin(), bars.rend());
}

// Neighbouring sizes together where there are more than kMostBars.
struct SizeCost {
  double low = 0, high = 0;  // N
  double flops_done = 0, flops_left = 0;
  double hours = 0, hours_left = 0;
};

double pace_of(const SizePace& size) { return size.seconds > 0 ? size.flops / size.seconds : 0; }

// FLOP/s at the nearest size that was measured.
double nearest_pace(const std::vector<SizePace>& sizes, double params) {
  double pace = 0, nearest = INFINITY;
  for (const SizePace& size : sizes) {
    const double apart = std::abs(std::log(size.params / params));
    if (!(pace_of(size) > 0) || !(apart < nearest)) continue;
    pace = pace_of(size), nearest = apart;
  }
  return pace;
}

std::vector<SizeCost> size_costs(const std::vector<SizePace>& sizes) {
  std::vector<SizeCost> costs;
  const std::size_t together = (sizes.size() + kMostBars - 1) / kMostBars;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const SizePace& size = sizes[i];
    if (i % together == 0) costs.push_back({.low = size.params});
    SizeCost& cost = costs.back();
    cost.high = size.params;
    cost.flops_done += size.flops;
    cost.flops_left += size.flops_left;
    cost.hours += size.seconds / kHour;
    const double pace = nearest_pace(sizes, size.params);
    if (pace > 0) cost.hours_left += size.flops_left / pace / kHour;
  }
  return costs;
}

std::string size_name(double low, double high) {
  return low == high ? format_quantity(low) : format_quantity(low) + "-" + format_quantity(high);
}

std::vector<std::string> names_of(const std::vector<SizeCost>& costs) {
  std::vector<std::string> names;
  for (const SizeCost& cost : costs) names.push_back(size_name(cost.low, cost.high));
  return names;
}

template <typename Get>
std::vector<double> heights(const std::vector<SizeCost>& costs, Get get) {
  std::vector<double> out;
  for (const SizeCost& cost : costs) out.push_back(get(cost));
  return out;
}

std::string flop_words(double flops) { return format_flops(flops) + " FLOP"; }
std::string hour_words(double hours) { return format_duration(hours * kHour); }

Panel flops_panel(const std::vector<SizeCost>& costs) {
  const auto names = names_of(costs);
  Panel panel{.title = "FLOP by size",
              .x = category_axis("parameters N", names),
              .y = {.title = "compute", .unit = "FLOP", .ticks = TickStyle::kPower, .low = 0}};
  add_stacks({{"trained", 0, heights(costs, [](const auto& c) { return c.flops_done; })},
              {"left", kFaint, heights(costs, [](const auto& c) { return c.flops_left; })}},
             names, flop_words, panel);
  return panel;
}

Panel hours_panel(const std::vector<SizeCost>& costs) {
  const auto names = names_of(costs);
  Panel panel{.title = "Time by size",
              .x = category_axis("parameters N", names),
              .y = {.title = "worker time", .unit = "hours", .low = 0}};
  add_stacks({{"trained", 0, heights(costs, [](const auto& c) { return c.hours; })},
              {"left, at the measured pace", kFaint,
               heights(costs, [](const auto& c) { return c.hours_left; })}},
             names, hour_words, panel);
  return panel;
}

Panel device_panel(const SweepView& view) {
  std::vector<std::string> names;
  std::vector<double> counted, uncounted;
  for (const DeviceUse& use : view.devices) {
    if (names.size() >= kMostBars) break;
    names.push_back(use.device.empty() ? "unknown" : use.device);
    counted.push_back((use.seconds - use.uncounted) / kHour);
    uncounted.push_back(use.uncounted / kHour);
  }
  Panel panel{.title = "Time by device",
              .x = category_axis("device", names),
              .y = {.title = "worker time", .unit = "hours", .low = 0}};
  add_stacks(
      {{"of attempts that ended well", 0, counted}, {"of attempts killed or failed", 5, uncounted}},
      names, hour_words, panel);
  return panel;
}

Panel spend_panel(const SweepStatus& status) {
  const double lost = std::max(0.0, status.flops_spent - status.flops_done);
  const std::vector<std::string> names = {"done", "lost", "left"};
  Panel panel{.title = "Where the FLOP went",
              .x = category_axis("", names),
              .y = {.title = "compute", .unit = "FLOP", .ticks = TickStyle::kPower, .low = 0}};
  const double values[] = {status.flops_done, lost, status.flops_left};
  const int colours[] = {0, 5, kFaint};
  for (std::size_t i = 0; i < names.size(); ++i) {
    panel.series.push_back({.mark = Mark::kBars,
                            .colour = colours[i],
                            .x = {static_cast<double>(i + 1)},
                            .y = {values[i]},
                            .hover = {names[i] + ": " + flop_words(values[i])}});
  }
  return panel;
}

std::string bill_words(const SweepBill& bill) {
  std::vector<std::string> words;
  if (bill.gpu_hours > 0) words.push_back(fmt::format("{:.3g} GPU hours", bill.gpu_hours));
  if (bill.core_hours > 0) words.push_back(fmt::format("{:.3g} core hours", bill.core_hours));
  if (bill.energy) words.push_back(fmt::format("{:.3g} kWh", *bill.energy));
  if (bill.money) words.push_back(format_money(*bill.money));
  return listed(words, words.size());
}

Figure sweep_costs(const ReportSweep& sweep, Figure figure) {
  const SweepStatus& status = sweep.view.status;
  const std::vector<SizeCost> costs = size_costs(sweep.view.sizes);
  if (!costs.empty()) figure.panels = {flops_panel(costs), hours_panel(costs)};
  figure.panels.push_back(spend_panel(status));
  if (!sweep.view.devices.empty()) figure.panels.push_back(device_panel(sweep.view));
  figure.caption =
      "Exact FLOP of the sweep's trials, a shared trunk counted once, and the time of workers. "
      "Lost "
      "is what attempts spent beyond what finished trials needed: killed, failed, repeated. Time "
      "left assumes the pace measured at the same or the nearest size." +
      (sweep.bill.basis.empty() ? "" : " Cost: " + sweep.bill.basis + ".");
  const double lost = std::max(0.0, status.flops_spent - status.flops_done);
  const std::string bill = bill_words(sweep.bill);
  figure.alt = fmt::format(
      "{} of {} FLOP are done, {} left; {} were lost, {} of what was spent.{}",
      format_flops(status.flops_done), format_flops(status.flops_total),
      format_flops(status.flops_left), format_flops(lost),
      with_decimals(status.flops_spent > 0 ? 100 * lost / status.flops_spent : 0, 1) + " %",
      bill.empty() ? "" : " So far: " + bill + ".");
  return figure;
}

// A table says what its runs took; points of one run count once, by the last.
std::vector<SizeCost> table_costs(const ReportData& data) {
  std::map<std::string, std::pair<double, double>> runs;  // name: N, C
  for (const Observation& run : data.observations) {
    const double flops = run.flops > 0 ? run.flops : 6 * run.params * run.tokens;
    auto& [params, most] = runs[run.run.empty() ? fmt::format("#{}", run.row) : run.run];
    if (flops > most) params = run.params, most = flops;
  }
  std::map<double, double> by_size;
  for (const auto& [name, cost] : runs) by_size[cost.first] += cost.second;
  std::vector<SizePace> sizes;
  for (const auto& [params, flops] : by_size) sizes.push_back({.params = params, .flops = flops});
  return size_costs(sizes);
}

Figure table_cost_figure(const ReportData& data, Figure figure) {
  const std::vector<SizeCost> costs = table_costs(data);
  double total = 0;
  const SizeCost* dearest = &costs.front();
  for (const SizeCost& cost : costs) {
    total += cost.flops_done;
    if (cost.flops_done > dearest->flops_done) dearest = &cost;
  }
  figure.panels = {flops_panel(costs)};
  figure.panels.front().title = "";
  figure.caption =
      "Training compute of the table's runs by size, points of one run counted once. A table does "
      "not say how long they took, nor what was lost; a store does (isoflop sweep run).";
  figure.alt = fmt::format("{} FLOP in {} rows; the most, {} FLOP, on N {}.", format_flops(total),
                           data.observations.size(), format_flops(dearest->flops_done),
                           size_name(dearest->low, dearest->high));
  return figure;
}

// --- Health.

struct TrialState {
  const char* name;
  int colour;
  std::int64_t SweepStatus::*count;
};
constexpr TrialState kTrialStates[] = {
    {"done", 0, &SweepStatus::done},         {"running", 2, &SweepStatus::running},
    {"leased", 4, &SweepStatus::leased},     {"planned", kFaint, &SweepStatus::planned},
    {"diverged", 1, &SweepStatus::diverged}, {"out of memory", 3, &SweepStatus::out_of_memory},
    {"failed", 5, &SweepStatus::failed},     {"cancelled", 6, &SweepStatus::cancelled}};

std::string group_name(const SweepGroup& group) {
  std::string name;
  if (group.budget_low > 0) {
    name = format_flops(group.budget_low);
    if (group.budget_high > group.budget_low) name += "-" + format_flops(group.budget_high);
  } else {
    name = size_name(group.params_low, group.params_high);
  }
  return group.bracket ? name + " rates" : name;
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
  Series own{.name = "the sweep's rate", .mark = Mark::kPoints, .colour = 1};
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

Figure cost_chart(const ReportData& data) {
  const Figure shell{.name = "costs", .title = "What the runs cost"};
  return guarded(shell, [&](Figure figure) {
    if (data.sweep) return sweep_costs(*data.sweep, std::move(figure));
    if (!data.observations.empty()) return table_cost_figure(data, std::move(figure));
    return empty_figure(figure, "there are no runs: isoflop sweep run GRID.toml trains some");
  });
}

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
