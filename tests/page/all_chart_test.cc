// What holds for every figure, whatever the report has.
#include <gmock/gmock.h>

#include "tests/page/chart_data.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

std::vector<ReportData> reports_of_all_kinds() {
  std::vector<ReportData> all = {{}, full_report()};
  ReportData runs_only{.observations = chart_runs()};
  runs_only.why_no_fit = "fit: 3 rows: too few [too_few_rows]; train more (isoflop sweep run)";
  all.push_back(runs_only);

  ReportData no_draws = full_report();
  no_draws.fit->draws.clear();
  no_draws.fit->ranges.clear();
  no_draws.plan = make_plan(*no_draws.fit, 6.4e21);
  all.push_back(no_draws);

  ReportData bits = full_report();
  bits.loss_unit = "bits_per_byte";
  bits.sweep.reset();
  all.push_back(bits);

  ReportData minima_only = full_report();
  minima_only.fit->approach = 2;
  minima_only.fit->parameters = {};
  minima_only.fit->draws.clear();
  minima_only.plan.reset();
  all.push_back(minima_only);

  ReportData preset;
  preset.fit = preset_law("epoch2024");
  preset.plan = make_plan(*preset.fit, 5.76e23);
  preset.large_models = chart_models();
  all.push_back(preset);

  ReportData one_budget = full_report();
  one_budget.observations.resize(7);
  one_budget.fit->isoflop->profiles.resize(1);
  one_budget.fit->isoflop->profiles[0].loss = 0;  // the joint estimator states none
  one_budget.fit->flops_high = one_budget.fit->flops_low;
  all.push_back(one_budget);

  ReportData same_run_again;
  same_run_again.fit = chart_fit(30);
  same_run_again.observations = {chart_runs()[0], chart_runs()[0]};
  same_run_again.curves = chart_curves(1, 1);
  same_run_again.plan = make_plan(*same_run_again.fit, 1e18);
  same_run_again.sweep = ReportSweep{};
  all.push_back(same_run_again);

  ReportData wild = full_report();  // draws without a valley, and without a floor
  for (std::size_t i = 0; i < wild.fit->draws.size(); i += 3) {
    wild.fit->draws[i].alpha = -0.05;
    wild.fit->draws[i].E = 0;
  }
  wild.plan = make_plan(*wild.fit, 6.4e21);
  all.push_back(wild);
  return all;
}

ReportData of_form(const std::string& preset) {
  ReportData data{.observations = chart_runs()};
  data.fit = preset_law(preset);
  data.plan = make_plan(*data.fit, 1e22);
  data.large_models = chart_models();
  return data;
}

void expect_finite(const Figure& figure, const Series& series) {
  for (const auto* values : {&series.x, &series.y, &series.low, &series.high}) {
    for (const double value : *values) {
      ASSERT_TRUE(std::isfinite(value)) << figure.name << ": " << series.name;
    }
  }
}

void expect_even(const Figure& figure, const Series& series) {
  const std::string where = figure.name + ": " + series.name;
  const std::size_t count = series.mark == Mark::kHorizontal ? series.y.size() : series.x.size();
  EXPECT_GT(count, 0u) << where;
  switch (series.mark) {
    case Mark::kVertical:
    case Mark::kHorizontal:
      break;
    case Mark::kBand:
      EXPECT_EQ(series.low.size(), count) << where;
      EXPECT_EQ(series.high.size(), count) << where;
      break;
    case Mark::kErrors:
    case Mark::kErrorsX:
      EXPECT_EQ(series.low.size(), count) << where;
      EXPECT_EQ(series.high.size(), count) << where;
      [[fallthrough]];
    default:
      EXPECT_EQ(series.y.size(), count) << where;
  }
  if (series.mark == Mark::kText) {
    EXPECT_EQ(series.labels.size(), count) << where;
  }
  EXPECT_TRUE(series.hover.empty() || series.hover.size() == count) << where;
}

void expect_sound_axis(const Figure& figure, const Axis& axis) {
  EXPECT_FALSE(axis.scale == AxisScale::kLog && axis.low && !(*axis.low > 0)) << figure.name;
  if (axis.low && axis.high) {
    EXPECT_LT(*axis.low, *axis.high) << figure.name;
  }
}

void expect_sound(const Figure& figure) {
  EXPECT_FALSE(figure.title.empty()) << figure.name;
  EXPECT_FALSE(figure.caption.empty()) << figure.name;
  EXPECT_FALSE(figure.alt.empty()) << figure.name;
  EXPECT_EQ(figure.caption.find("nan"), std::string::npos) << figure.caption;
  EXPECT_EQ(figure.alt.find("nan"), std::string::npos) << figure.alt;
  EXPECT_EQ(figure.empty(), !figure.why_empty.empty()) << figure.name;
  for (const Panel& panel : figure.panels) {
    EXPECT_FALSE(panel.series.empty()) << figure.name << ": " << panel.title;
    expect_sound_axis(figure, panel.x);
    expect_sound_axis(figure, panel.y);
    for (const Series& series : panel.series) {
      expect_finite(figure, series);
      expect_even(figure, series);
    }
  }
}

TEST(EveryChart, IsSoundWhateverTheReportHas) {
  for (const ReportData& data : reports_of_all_kinds()) {
    for (const Figure& figure : report_figures(data)) expect_sound(figure);
  }
}

TEST(EveryChart, WithoutDataSaysWhatToRun) {
  for (const Figure& figure : report_figures({})) {
    EXPECT_TRUE(figure.empty()) << figure.name;
    EXPECT_THAT(figure.why_empty, HasSubstr("isoflop ")) << figure.name;
  }
}

TEST(EveryChart, IsThereWhenTheReportHasEverything) {
  for (const Figure& figure : report_figures(full_report())) {
    EXPECT_FALSE(figure.empty()) << figure.name << ": " << figure.why_empty;
  }
}

TEST(EveryChart, TakesALawOfAnotherForm) {
  for (const Figure& figure : report_figures(of_form("kaplan2020"))) expect_sound(figure);
  EXPECT_FALSE(answer_chart(of_form("kaplan2020")).empty());
  EXPECT_FALSE(contour_chart(of_form("muennighoff2023")).empty());
}

TEST(EveryChart, SaysWhyALawWithoutATradeOffCannotBeDrawn) {
  ReportData data{.observations = chart_runs()};
  data.fit = preset_law("clark2022-sbase");  // a law of N and experts
  for (const Figure& figure : report_figures(data)) expect_sound(figure);
  EXPECT_THAT(contour_chart(data).why_empty, HasSubstr("says nothing of other D"));
}

TEST(EveryChart, SpeaksOfTheReportsOwnUnitOfLoss) {
  ReportData data = full_report();
  data.loss_unit = "bits_per_byte";
  EXPECT_EQ(isoflop_chart(data).panels[0].y.unit, "bits per byte");
  EXPECT_EQ(answer_chart(data).panels[0].y.unit, "bits per byte");
  EXPECT_EQ(gopher_chart(data).panels[0].x.unit, "nats per token");  // the published laws'
}

std::size_t marks_of(const Figure& figure) {
  std::size_t count = 0;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (series.mark == Mark::kPoints || series.mark == Mark::kErrors) count += series.x.size();
    }
  }
  return count;
}

TEST(EveryChart, StaysLightUnderTenThousandRuns) {
  ReportData data = full_report();
  const std::vector<Observation> few = data.observations;
  while (data.observations.size() < 10000) {
    Observation run = few[data.observations.size() % few.size()];
    run.row = static_cast<std::int64_t>(data.observations.size());
    run.loss *= 1 + 0.001 * std::sin(static_cast<double>(run.row));
    data.observations.push_back(run);
  }
  data.observations[5003].loss = 9;  // an extreme is kept
  data.curves = chart_curves(300, 400);
  for (const Figure& figure : report_figures(data)) {
    EXPECT_LE(marks_of(figure), kMostPoints + 50) << figure.name;  // and minima, models
  }
  for (const Figure& figure : {isoflop_chart(data), residual_chart(data)}) {
    EXPECT_THAT(figure.caption, HasSubstr(" of 100")) << "how many were left out";
    bool kept = false;
    for (const Series& series : figure.panels[0].series) {
      for (const std::string& hover : series.hover) {
        kept = kept || hover.find("loss 9.000") != std::string::npos;
      }
    }
    EXPECT_TRUE(kept) << figure.name;
  }
  std::size_t lines = 0;
  const Panel panel = curves_chart(data).panels[0];
  for (const Series& series : panel.series) {
    if (series.mark == Mark::kLine && series.shade) ++lines;
  }
  EXPECT_EQ(lines, kMostCurves);
}

}  // namespace
}  // namespace isoflop
