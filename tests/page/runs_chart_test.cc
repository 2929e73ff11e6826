// Figures of the runs: profiles, curves, residuals, foreign rows, hidden rows.
#include <algorithm>
#include <gmock/gmock.h>

#include "tests/page/chart_data.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(IsoflopChart, DrawsEveryRunInTheFamilyOfItsBudget) {
  const ReportData data = full_report();
  const Panel panel = isoflop_chart(data).panels.at(0);
  std::size_t families = 0, runs = 0;
  for (const Series& series : panel.series) {
    if (series.mark != Mark::kPoints) continue;
    EXPECT_TRUE(series.shade.has_value());
    ++families;
    runs += series.x.size();
  }
  EXPECT_EQ(families, 4u);
  EXPECT_EQ(runs, data.observations.size());
  const Series* first = find_series(panel, Mark::kPoints, "1e18 FLOP");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->x.size(), 7u);
  EXPECT_THAT(first->hover.at(0), HasSubstr("run0: N "));
}

TEST(IsoflopChart, FindsTheBudgetOfARunThatStatesNone) {
  ReportData data = full_report();
  for (Observation& run : data.observations) {
    run.budget.reset();
    run.flops *= 1.03;  // read from a figure
  }
  std::size_t runs = 0;
  for (const Series& series : isoflop_chart(data).panels.at(0).series) {
    if (series.mark == Mark::kPoints) runs += series.x.size();
  }
  EXPECT_EQ(runs, data.observations.size());
}

TEST(IsoflopChart, MarksTheMinimaWithTheirErrors) {
  const ReportData data = full_report();
  const Panel panel = isoflop_chart(data).panels.at(0);
  const Series* minima = find_series(panel, Mark::kErrorsX);
  ASSERT_NE(minima, nullptr);
  ASSERT_EQ(minima->x.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const BudgetProfile& profile = data.fit->isoflop->profiles[i];
    EXPECT_DOUBLE_EQ(minima->x[i], profile.params);
    EXPECT_DOUBLE_EQ(minima->y[i], profile.loss);
    EXPECT_NEAR(std::log(minima->high[i] / minima->x[i]), *profile.log_error, 1e-12);
    EXPECT_NEAR(std::log(minima->x[i] / minima->low[i]), *profile.log_error, 1e-12);
  }
}

TEST(IsoflopChart, ParabolaRunsThroughTheRunsNearTheMinimum) {
  const ReportData data = full_report();
  const Panel panel = isoflop_chart(data).panels.at(0);
  std::size_t curves = 0;
  for (const Series& series : panel.series) {
    if (series.mark != Mark::kLine || !series.shade) continue;
    ++curves;
    const auto lowest = std::min_element(series.y.begin(), series.y.end());
    const double n = series.x[static_cast<std::size_t>(lowest - series.y.begin())];
    const BudgetProfile* nearest = nullptr;
    for (const BudgetProfile& profile : data.fit->isoflop->profiles) {
      if (nearest == nullptr ||
          std::abs(std::log(profile.params / n)) < std::abs(std::log(nearest->params / n))) {
        nearest = &profile;
      }
    }
    EXPECT_NEAR(n / nearest->params, 1, 0.1);  // a step of the curve
    // The runs' wobble is 0.2 %, the hand-made curvature is not quite the law's.
    EXPECT_NEAR(*lowest / nearest->loss, 1, 0.01);
  }
  EXPECT_EQ(curves, 4u);
}

TEST(IsoflopChart, SaysWhatKeepsABudgetFromHavingAMinimum) {
  ReportData data = full_report();
  data.fit->isoflop->profiles[2].usable = false;
  data.fit->isoflop->profiles[2].code = "not_bracketed";
  const Figure figure = isoflop_chart(data);
  EXPECT_THAT(figure.caption, HasSubstr("1 budget (not bracketed)"));
  EXPECT_THAT(figure.alt, HasSubstr("Of 4 compute budgets, 3 have a minimum"));
}

TEST(IsoflopChart, NamesRunsAboveTheAxis) {
  ReportData data = full_report();
  data.observations[6].loss = 30;
  const Figure figure = isoflop_chart(data);
  EXPECT_THAT(figure.caption, HasSubstr("run6 (30.000)"));
  EXPECT_LT(*figure.panels[0].y.high, 10);
}

TEST(IsoflopChart, DoesNotFollowASplineThatSwingsBelowItsRuns) {
  ReportData data = full_report();
  data.fit->isoflop->profiles[1].loss = 1e-200;
  const Panel panel = isoflop_chart(data).panels.at(0);
  for (const double loss : find_series(panel, Mark::kErrorsX)->y) EXPECT_GT(loss, 2);
  EXPECT_GT(*panel.y.low, 1);
}

TEST(CurvesChart, DrawsCurvesAgainstComputeAndTokensWithTheEnvelope) {
  const ReportData data = full_report();
  const Figure figure = curves_chart(data);
  ASSERT_EQ(figure.panels.size(), 2u);
  const Series* envelope = find_series(figure.panels[0], Mark::kLine, "envelope");
  ASSERT_NE(envelope, nullptr);
  EXPECT_EQ(envelope->x, (std::vector<double>{1e17, 4e17}));
  EXPECT_EQ(envelope->y, (std::vector<double>{4.2, 3.9}));
  const Series* ends = find_series(figure.panels[1], Mark::kPoints, "cooled down");
  ASSERT_NE(ends, nullptr);
  EXPECT_EQ(ends->x.size(), 8u);
  EXPECT_DOUBLE_EQ(ends->x[0], 1e9);
}

TEST(CurvesChart, TellsWhichRunsAreNotCooledDown) {
  ReportData data = full_report();
  data.curves[2].schedule = CurveSchedule::kConstant;
  const Panel panel = curves_chart(data).panels.at(0);
  const Series* others = find_series(panel, Mark::kPoints, "not cooled down");
  ASSERT_NE(others, nullptr);
  EXPECT_EQ(others->x.size(), 1u);
  EXPECT_THAT(others->hover[0], HasSubstr("curve2"));
  EXPECT_THAT(curves_chart(data).alt, HasSubstr("7 of 8 end cooled down"));
}

TEST(ResidualChart, ShowsLogRatiosAndTheDiagnosedTrend) {
  const ReportData data = full_report();
  const Figure figure = residual_chart(data);
  ASSERT_EQ(figure.panels.size(), 4u);
  const Series* points = find_series(figure.panels[0], Mark::kPoints);
  ASSERT_NE(points, nullptr);
  for (std::size_t i = 0; i < points->x.size(); ++i) {
    const Observation& run = data.observations[i];
    EXPECT_DOUBLE_EQ(points->x[i], run.params);
    EXPECT_NEAR(points->y[i], std::log(run.loss / predict_loss(kChartLaw, run.params, run.tokens)),
                1e-15);
  }
  EXPECT_THAT(figure.alt, HasSubstr("trend with C"));
  const Series* trend = find_series(figure.panels[2], Mark::kLine, "trend");
  ASSERT_NE(trend, nullptr);
  EXPECT_GT(trend->y.front(), trend->y.back());  // its slope is negative
}

TEST(ResidualChart, NamesWhatLiesFarOff) {
  ReportData data = full_report();
  data.observations[9].loss *= 1.3;
  const Figure figure = residual_chart(data);
  EXPECT_THAT(figure.caption, HasSubstr("run9 (+30"));
  EXPECT_THAT(figure.alt, HasSubstr("the farthest, run9"));
  EXPECT_THAT(figure.panels[0].title, HasSubstr("1 off the axis"));
  EXPECT_LT(*figure.panels[0].y.high, 0.1);
}

TEST(InfluenceChart, ShowsNStarAsRowsLeave) {
  const ReportData data = full_report();
  const Figure figure = influence_chart(data);
  ASSERT_EQ(figure.panels.size(), 2u);
  const Series* line = find_series(figure.panels[0], Mark::kLine);
  EXPECT_EQ(line->y, (std::vector<double>{8e9, 7e9}));
  const Series* foreign = find_series(figure.panels[1], Mark::kPoints, "foreign");
  ASSERT_NE(foreign, nullptr);
  EXPECT_EQ(foreign->x.size(), 1u);
  EXPECT_THAT(figure.alt, HasSubstr("run3"));
}

TEST(InfluenceChart, StillShowsAllRowsWhenNoneIsForeign) {
  ReportData data = full_report();
  data.fit->diagnostics->influence->rows.clear();
  const Figure figure = influence_chart(data);
  ASSERT_EQ(figure.panels.size(), 1u);
  EXPECT_THAT(figure.alt, HasSubstr("No row is foreign"));
  const Series* cutoff = find_series(figure.panels[0], Mark::kHorizontal, "cutoff");
  ASSERT_NE(cutoff, nullptr);
  EXPECT_EQ(cutoff->y, (std::vector<double>{-10, 10}));
  EXPECT_THAT(figure.caption, Not(HasSubstr("--exclude")));
}

TEST(BacktestChart, TellsHiddenRunsInsideTheirIntervalFromThoseOutside) {
  const ReportData data = full_report();
  const Figure figure = backtest_chart(data);
  const Series* inside = find_series(figure.panels.at(0), Mark::kErrors, "inside");
  const Series* outside = find_series(figure.panels.at(0), Mark::kErrors, "outside");
  ASSERT_NE(inside, nullptr);
  ASSERT_NE(outside, nullptr);
  EXPECT_EQ(inside->x.size(), 6u);
  EXPECT_EQ(outside->x.size(), 1u);
  const HiddenRow& first = data.fit->backtest->rows[0];
  EXPECT_DOUBLE_EQ(inside->x[0], first.loss);
  EXPECT_DOUBLE_EQ(inside->y[0], first.predicted.value);
  EXPECT_DOUBLE_EQ(inside->low[0], *first.predicted.low);
  const Series* errors = find_series(figure.panels.at(1), Mark::kErrors, "inside");
  EXPECT_DOUBLE_EQ(errors->y[0], first.predicted.value / first.loss - 1);
}

TEST(BacktestChart, HasNoBarsWithoutIntervals) {
  ReportData data = full_report();
  data.fit->backtest->level = 0;
  for (HiddenRow& row : data.fit->backtest->rows) row.predicted.low = row.predicted.high = {};
  const Panel panel = backtest_chart(data).panels.at(0);
  EXPECT_EQ(find_series(panel, Mark::kErrors), nullptr);
  ASSERT_NE(find_series(panel, Mark::kPoints), nullptr);
  EXPECT_EQ(find_series(panel, Mark::kPoints)->x.size(), 7u);
}

}  // namespace
}  // namespace isoflop
