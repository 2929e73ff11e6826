// Reports made by hand: runs of a known law, with all that a fit says of them.
#ifndef ISOFLOP_TESTS_PAGE_CHART_DATA_H_
#define ISOFLOP_TESTS_PAGE_CHART_DATA_H_

#include <cmath>
#include <string>
#include <vector>

#include "law/loss_law.h"
#include "law/optimum.h"
#include "law/presets.h"
#include "page/charts.h"
#include "plan/compare_models.h"
#include "plan/make_plan.h"

namespace isoflop {

inline constexpr LawParameters kChartLaw{
    .E = 1.7, .A = 400, .B = 2000, .alpha = 0.34, .beta = 0.37};
inline constexpr double kChartBudgets[] = {1e18, 4e18, 1.6e19, 6.4e19};

// Seven sizes at each budget around its optimum, losses of the law with a wobble of 0.2 %.
inline std::vector<Observation> chart_runs() {
  std::vector<Observation> runs;
  for (const double budget : kChartBudgets) {
    const Optimum best = compute_optimum(kChartLaw, FlopsPerToken::six_n(), budget);
    for (int i = -3; i <= 3; ++i) {
      const double n = best.params * std::pow(1.8, i);
      const double d = budget / 6 / n;
      const double wobble = 1 + 0.002 * std::sin(7.0 * static_cast<double>(runs.size()));
      runs.push_back({.params = n,
                      .tokens = d,
                      .flops = budget,
                      .loss = predict_loss(kChartLaw, n, d) * wobble,
                      .budget = budget,
                      .trial = "run" + std::to_string(runs.size()),
                      .row = static_cast<std::int64_t>(runs.size())});
    }
  }
  return runs;
}

inline std::vector<LawParameters> chart_draws(int count) {
  std::vector<LawParameters> draws;
  for (int i = 0; i < count; ++i) {
    const double t = 2.0 * i / (count - 1) - 1;
    LawParameters draw = kChartLaw;
    draw.E += 0.04 * t;
    draw.alpha += 0.01 * std::sin(5 * t);
    draw.beta += 0.01 * std::cos(9 * t);
    draws.push_back(draw);
  }
  return draws;
}

inline IsoflopFit chart_isoflop() {
  IsoflopFit fit{.a = {0.52, 0.5, 0.54}, .b = {0.48, 0.46, 0.5}, .usable = true};
  for (const double budget : kChartBudgets) {
    const Optimum best = compute_optimum(kChartLaw, FlopsPerToken::six_n(), budget);
    fit.profiles.push_back({.budget = budget,
                            .points = 7,
                            .sizes = 7,
                            .usable = true,
                            .estimator = "akima",
                            .params = best.params,
                            .tokens = best.tokens,
                            .loss = best.loss,
                            .curvature = 0.15,
                            .akima = best.params,
                            .parabola = best.params,
                            .log_error = 0.1});
  }
  const double slope = kChartLaw.beta / (kChartLaw.alpha + kChartLaw.beta);
  const Optimum first = compute_optimum(kChartLaw, FlopsPerToken::six_n(), 1e18);
  fit.params_law.line = {std::log(first.params) - slope * std::log(1e18), slope};
  fit.tokens_law.line = {std::log(first.tokens) - (1 - slope) * std::log(1e18), 1 - slope};
  return fit;
}

inline LawFit chart_fit(int draws) {
  LawFit fit{.parameters = kChartLaw, .draws = chart_draws(draws), .observations = 28};
  fit.flops_low = kChartBudgets[0];
  fit.flops_high = kChartBudgets[3];
  fit.source = "runs.csv";
  fit.isoflop = chart_isoflop();
  return fit;
}

inline Diagnostics chart_diagnostics(const std::vector<Observation>& runs) {
  Diagnostics out;
  out.residuals = Residuals{.scale = 0.002, .rms = 0.002};
  out.residuals->trends = {{.against = "params", .slope = 0.0003, .slope_t = 1.2},
                           {.against = "tokens", .slope = 0.0001, .slope_t = 0.4},
                           {.against = "flops", .slope = -0.002, .slope_t = -5.5}};
  Influence influence{.budget = 6.4e21, .scale = 0.002, .cutoff = 10, .level = 0.01};
  influence.with = {.law = kChartLaw, .params = 8e9};
  influence.without = {.law = kChartLaw, .params = 7e9};
  influence.rows = {
      {.row = runs[3].row, .trial = runs[3].trial, .params = 7e9, .params_ratio = 0.875}};
  out.influence = influence;
  return out;
}

inline Backtest chart_backtest(const std::vector<Observation>& runs) {
  Backtest test{.budget = 6.4e19, .fitted = 21, .hidden = 7, .level = 0.9, .inside = 6};
  for (std::size_t i = 21; i < runs.size(); ++i) {
    const double loss = predict_loss(kChartLaw, runs[i].params, runs[i].tokens);
    // The last one's interval misses.
    const double shift = i + 1 == runs.size() ? 0.2 : 0;
    test.rows.push_back({.row = runs[i].row,
                         .params = runs[i].params,
                         .tokens = runs[i].tokens,
                         .flops = runs[i].flops,
                         .loss = runs[i].loss,
                         .predicted = {loss + shift, loss + shift - 0.05, loss + shift + 0.05}});
  }
  return test;
}

inline std::vector<TrainingCurve> chart_curves(int count, int points) {
  std::vector<TrainingCurve> curves;
  for (int i = 0; i < count; ++i) {
    TrainingCurve curve{.run = "curve" + std::to_string(i),
                        .params = 1e7 * std::pow(1.5, i % 8),
                        .schedule = CurveSchedule::kCosine,
                        .planned_tokens = 1e9};
    for (int k = 1; k <= points; ++k) {
      const double d = 1e9 * k / points;
      curve.points.push_back({d, predict_loss(kChartLaw, curve.params, d)});
    }
    curves.push_back(curve);
  }
  return curves;
}

inline EnvelopeFit chart_envelope() {
  EnvelopeFit fit{.usable = true, .flops_low = 1e17, .flops_high = 1e18, .a = {0.5, 0.4, 0.6}};
  fit.steps = {{.params = 1e7, .flops_low = 6e16, .flops_high = 1e17, .loss = 4.2},
               {.params = 2e7, .flops_low = 1e17, .flops_high = 4e17, .loss = 3.9}};
  fit.params_law.line = {std::log(1e7) - 0.5 * std::log(1e17), 0.5};
  fit.params_law.draws = {fit.params_law.line};
  fit.tokens_law = fit.params_law;
  return fit;
}

inline ReportSweep chart_sweep() {
  ReportSweep sweep;
  sweep.view.status = {.planned = 3,
                       .running = 1,
                       .done = 20,
                       .failed = 2,
                       .diverged = 1,
                       .flops_total = 1e16,
                       .flops_done = 6e15,
                       .flops_left = 4e15,
                       .flops_spent = 7e15};
  sweep.view.groups = {{.budget_low = 1e14, .budget_high = 1e14, .status = {.done = 10}},
                       {.budget_low = 1e15,
                        .budget_high = 1e15,
                        .status = {.planned = 3, .running = 1, .done = 10, .failed = 2}}};
  sweep.view.sizes = {{.params = 1e5, .flops = 2e15, .seconds = 3600},
                      {.params = 1e6, .flops_left = 4e15, .flops = 4e15, .seconds = 7200}};
  sweep.view.devices = {
      {.device = "one core", .attempts = 23, .seconds = 10800, .uncounted = 1800}};
  sweep.view.failures = {{.state = "out_of_memory",
                          .trials = 2,
                          .reason = "cannot allocate",
                          .identity = std::string(64, 'a')}};
  sweep.rungs = {{.params = 1e5,
                  .tokens = 1e7,
                  .rate = 0.01,
                  .rates = {0.005, 0.01, 0.02},
                  .losses = {3.1, 3.0, INFINITY},
                  .best = 1,
                  .best_rate = 0.01,
                  .ratio = 1}};
  sweep.bill = {.core_hours = 3};
  return sweep;
}

inline std::vector<LargeModel> chart_models() {
  return {{.name = "Gopher", .params = 2.8e11, .tokens = 3e11},
          {.name = "Chinchilla", .params = 7e10, .tokens = 1.4e12}};
}

inline ModelComparison chart_gopher(const LawFit& fit) {
  std::vector<ComparedModel> models;
  for (const LargeModel& model : chart_models()) {
    models.push_back({.name = model.name, .params = model.params, .tokens = model.tokens});
  }
  return compare_models(models, {{"this fit", fit}, {"epoch2024", preset_law("epoch2024")}});
}

// Everything that a report can have.
inline ReportData full_report() {
  ReportData data{.title = "hand-made", .source = "runs.csv", .observations = chart_runs()};
  LawFit fit = chart_fit(60);
  fit.diagnostics = chart_diagnostics(data.observations);
  fit.backtest = chart_backtest(data.observations);
  fit.envelope = chart_envelope();
  fit.ranges = {{.name = "E", .value = 1.7, .low = 1.6, .high = 1.8},
                {.name = "A",
                 .value = 400,
                 .low = 10,
                 .high = 1e5,
                 .high_open = true,
                 .why_flat = "A may be anything"}};
  data.curves = chart_curves(8, 50);
  data.plan = make_plan(fit, 6.4e21);
  data.gopher = chart_gopher(fit);
  data.fit = fit;
  data.large_models = chart_models();
  data.sweep = chart_sweep();
  return data;
}

// The first series of a mark in a panel; named, if a name is given.
inline const Series* find_series(const Panel& panel, Mark mark, const std::string& name = "") {
  for (const Series& series : panel.series) {
    if (series.mark == mark && (name.empty() || series.name.find(name) != std::string::npos)) {
      return &series;
    }
  }
  return nullptr;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_PAGE_CHART_DATA_H_
