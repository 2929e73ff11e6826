// Figures of a sweep and of comparisons: costs, health, parameters, Chinchilla against Gopher.
#include <gmock/gmock.h>

#include "core/interval.h"
#include "tests/page/chart_data.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

TEST(CostChart, StacksWhatIsLeftOnWhatIsTrained) {
  const Figure figure = cost_chart(full_report());
  ASSERT_EQ(figure.panels.size(), 4u);
  const Series* trained = find_series(figure.panels[0], Mark::kBars, "trained");
  const Series* left = find_series(figure.panels[0], Mark::kBars, "left");
  ASSERT_NE(trained, nullptr);
  ASSERT_NE(left, nullptr);
  EXPECT_EQ(trained->y, (std::vector<double>{2e15, 4e15}));
  EXPECT_EQ(left->x, (std::vector<double>{2}));
  EXPECT_EQ(left->low, (std::vector<double>{4e15}));
  EXPECT_EQ(left->y, (std::vector<double>{8e15}));
  // 4e15 FLOP in 2 hours are left of the larger size: 2 hours more.
  const Series* hours = find_series(figure.panels[1], Mark::kBars, "left");
  ASSERT_NE(hours, nullptr);
  EXPECT_NEAR(hours->y[0] - hours->low[0], 2, 1e-12);
}

TEST(CostChart, CountsWorkThatWasLost) {
  const Figure figure = cost_chart(full_report());
  EXPECT_THAT(figure.alt, HasSubstr("1e15 were lost, 14.3 % of what was spent"));
  EXPECT_THAT(figure.alt, HasSubstr("3 core hours"));
}

TEST(CostChart, OfATableIsWhatItsRunsTook) {
  ReportData data;
  data.observations = chart_runs();
  const Figure figure = cost_chart(data);
  ASSERT_EQ(figure.panels.size(), 1u);
  double total = 0;
  for (const Series& series : figure.panels[0].series) {
    for (std::size_t i = 0; i < series.y.size(); ++i) total += series.y[i] - series.low[i];
  }
  EXPECT_NEAR(total, 7 * (1e18 + 4e18 + 1.6e19 + 6.4e19), 1e8);
}

TEST(CostChart, CountsARunOfSeveralPointsOnce) {
  ReportData data;
  data.observations = {{.params = 1e6, .tokens = 1e7, .loss = 4, .run = "a"},
                       {.params = 1e6, .tokens = 2e7, .loss = 3.8, .run = "a"}};
  EXPECT_THAT(cost_chart(data).alt, HasSubstr("1.2e14 FLOP in 2 rows"));
}

TEST(CostChart, PutsNeighbouringSizesTogetherWhenThereAreMany) {
  ReportData data;
  data.sweep = chart_sweep();
  data.sweep->view.sizes.clear();
  for (int i = 0; i < 100; ++i) {
    data.sweep->view.sizes.push_back({.params = 1e5 * (i + 1), .flops = 1, .seconds = 1});
  }
  const Panel panel = cost_chart(data).panels.at(0);
  EXPECT_LE(panel.x.names.size(), 12u);
  double total = 0;
  for (const double height : find_series(panel, Mark::kBars)->y) total += height;
  EXPECT_DOUBLE_EQ(total, 100);
}

TEST(HealthChart, CountsTrialsByStateAndNamesFailures) {
  const Figure figure = health_chart(full_report());
  ASSERT_EQ(figure.panels.size(), 2u);
  const Series* failed = find_series(figure.panels[0], Mark::kBars, "failed");
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->x, (std::vector<double>{2}));
  EXPECT_DOUBLE_EQ(failed->y[0] - failed->low[0], 2);
  EXPECT_DOUBLE_EQ(failed->y[0], 16);
  EXPECT_THAT(figure.caption, HasSubstr("2 out of memory (first aaaaaa: cannot allocate)"));
  EXPECT_THAT(figure.alt, HasSubstr("20 of 27 trials are done"));
}

TEST(HealthChart, LeavesOutRatesAtWhichTrainingDiverged) {
  const Panel panel = health_chart(full_report()).panels.at(1);
  const Series* line = find_series(panel, Mark::kLine, "N 100k");
  ASSERT_NE(line, nullptr);
  EXPECT_EQ(line->x, (std::vector<double>{0.005, 0.01}));
  const Series* own = find_series(panel, Mark::kPoints, "the sweep's rate");
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->y, (std::vector<double>{3.0}));
}

TEST(ProfileChart, ShowsProfilesOpenEndsAndDraws) {
  const ReportData data = full_report();
  const Figure figure = profile_chart(data);
  ASSERT_EQ(figure.panels.size(), 5u);
  const Series* likelihood = find_series(figure.panels[0], Mark::kErrorsX, "profile");
  ASSERT_NE(likelihood, nullptr);
  EXPECT_DOUBLE_EQ(likelihood->low[0], 1.6);
  EXPECT_DOUBLE_EQ(likelihood->high[0], 1.8);
  const Series* draws = find_series(figure.panels[0], Mark::kErrorsX, "draws");
  ASSERT_NE(draws, nullptr);
  std::vector<double> floors;
  for (const LawParameters& draw : data.fit->draws) floors.push_back(draw.E);
  EXPECT_DOUBLE_EQ(draws->low[0], quantile(floors, 0.05));
  EXPECT_LT(draws->y[0], *figure.panels[0].y.high);
  EXPECT_GT(draws->y[0], likelihood->y[0]);
  EXPECT_EQ(figure.panels[1].x.scale, AxisScale::kLog);  // A, from 10 to 1e5
  const Series* open = find_series(figure.panels[1], Mark::kText);
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->labels, (std::vector<std::string>{"open"}));
  EXPECT_THAT(figure.alt, HasSubstr("do not determine A"));
}

TEST(ProfileChart, HistogramHoldsTheDrawsThatTheAxisShows) {
  const ReportData data = full_report();
  const Panel panel = profile_chart(data).panels.at(0);
  const Series* steps = find_series(panel, Mark::kBand, "bootstrap draws");
  ASSERT_NE(steps, nullptr);
  double share = 0;
  for (std::size_t i = 0; i < steps->high.size(); i += 2) share += steps->high[i];
  EXPECT_NEAR(share, 1, 1e-9);  // the profile's range is wider than all draws
}

TEST(GopherChart, StandsBothModelsBesideEachOtherUnderEachLaw) {
  const ReportData data = full_report();
  const Figure figure = gopher_chart(data);
  ASSERT_EQ(figure.panels.size(), 2u);
  EXPECT_EQ(figure.panels[0].y.names, (std::vector<std::string>{"epoch2024", "this fit"}));
  const Series* gopher = find_series(figure.panels[0], Mark::kErrorsX, "Gopher");
  ASSERT_NE(gopher, nullptr);
  EXPECT_NEAR(gopher->x[0], predict_loss(kChartLaw, 2.8e11, 3e11), 1e-12);
  const Series* gap = find_series(figure.panels[1], Mark::kErrorsX);
  ASSERT_NE(gap, nullptr);
  EXPECT_NEAR(gap->x[0],
              predict_loss(kChartLaw, 2.8e11, 3e11) - predict_loss(kChartLaw, 7e10, 1.4e12), 1e-12);
  EXPECT_DOUBLE_EQ(gap->y[0], 2);  // the first law stands at the top
  EXPECT_LT(gap->low[0], gap->x[0]);
  EXPECT_DOUBLE_EQ(gap->low[1], gap->x[1]);  // a published law has no interval
}

}  // namespace
}  // namespace isoflop
