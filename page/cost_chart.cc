// What the runs have cost: by size, by device, and what was lost.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "core/units.h"
#include "page/bar_parts.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostBars = 12;
constexpr double kHour = 3600;

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

// Hours that are minutes are written so.
Panel with_short_times(Panel panel) {
  constexpr double kMinutes = 60;
  for (const Series& series : panel.series) {
    if (std::any_of(series.y.begin(), series.y.end(), [](double y) { return y > 0.5; })) {
      return panel;
    }
  }
  for (Series& series : panel.series) {
    for (double& y : series.y) y *= kMinutes;
    for (double& low : series.low) low *= kMinutes;
  }
  panel.y.unit = "minutes";
  return panel;
}

Panel hours_panel(const std::vector<SizeCost>& costs) {
  const auto names = names_of(costs);
  Panel panel{.title = "Time by size",
              .x = category_axis("parameters N", names),
              .y = {.title = "worker time", .unit = "hours", .low = 0}};
  add_stacks({{"trained", 0, heights(costs, [](const auto& c) { return c.hours; })},
              {"left", kFaint, heights(costs, [](const auto& c) { return c.hours_left; })}},
             names, hour_words, panel);
  return with_short_times(std::move(panel));
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
  add_stacks({{"trained", 0, counted}, {"killed or failed", 1, uncounted}}, names, hour_words,
             panel);
  return with_short_times(std::move(panel));
}

Panel spend_panel(const SweepStatus& status) {
  const double lost = std::max(0.0, status.flops_spent - status.flops_done);
  const std::vector<std::string> names = {"done", "lost", "left"};
  Panel panel{.title = "Where the FLOP went",
              .x = category_axis("", names),
              .y = {.title = "compute", .unit = "FLOP", .ticks = TickStyle::kPower, .low = 0}};
  const double values[] = {status.flops_done, lost, status.flops_left};
  const int colours[] = {0, 1, kFaint};
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
  for (Series& series : figure.panels.front().series) series.name = "";  // there is only one
  figure.caption =
      "Training compute of the table's runs by size, points of one run counted once. A table does "
      "not say how long they took, nor what was lost; a store does (isoflop sweep run).";
  figure.alt = fmt::format("{} FLOP in {} rows; the most, {} FLOP, on N {}.", format_flops(total),
                           data.observations.size(), format_flops(dearest->flops_done),
                           size_name(dearest->low, dearest->high));
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

}  // namespace isoflop
