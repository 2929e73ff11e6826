// Figures of the law against the law itself.
#include <algorithm>
#include <gmock/gmock.h>

#include "core/interval.h"
#include "tests/page/chart_data.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

const FlopsPerToken kSixN = FlopsPerToken::six_n();

TEST(AnswerChart, IsLowestAtNStar) {
  const ReportData data = full_report();
  const Panel panel = answer_chart(data).panels.at(0);
  const Series* line = find_series(panel, Mark::kLine, "predicted loss");
  ASSERT_NE(line, nullptr);
  const auto lowest = std::min_element(line->y.begin(), line->y.end());
  const Optimum best = compute_optimum(kChartLaw, kSixN, data.plan->flops);
  // N* itself is one of the sizes.
  EXPECT_DOUBLE_EQ(line->x[static_cast<std::size_t>(lowest - line->y.begin())], best.params);
  EXPECT_NEAR(*lowest, best.loss, 1e-12);
  for (std::size_t i = 0; i < line->x.size(); ++i) {
    EXPECT_NEAR(line->y[i], loss_at_size(kChartLaw, kSixN, data.plan->flops, line->x[i]), 1e-12);
  }
}

TEST(AnswerChart, ShadesTheNearOptimalSizesAndBracketsNStar) {
  const ReportData data = full_report();
  const Panel panel = answer_chart(data).panels.at(0);
  const Series* shade = find_series(panel, Mark::kBand, "near-optimal");
  ASSERT_NE(shade, nullptr);
  EXPECT_DOUBLE_EQ(shade->x.front(), data.plan->near_optimal.params_low);
  EXPECT_DOUBLE_EQ(shade->x.back(), data.plan->near_optimal.params_high);
  const Series* best = find_series(panel, Mark::kErrorsX);
  ASSERT_NE(best, nullptr);
  EXPECT_DOUBLE_EQ(best->x[0], data.plan->params.value);
  EXPECT_DOUBLE_EQ(best->low[0], *data.plan->params.low);
  EXPECT_DOUBLE_EQ(best->high[0], *data.plan->params.high);
}

TEST(AnswerChart, BandIsTheQuantilesOfTheDrawsAndHoldsTheLine) {
  const ReportData data = full_report();
  const Panel panel = answer_chart(data).panels.at(0);
  const Series* band = find_series(panel, Mark::kBand, "90 % interval");
  const Series* line = find_series(panel, Mark::kLine, "predicted loss");
  ASSERT_NE(band, nullptr);
  ASSERT_EQ(band->x, line->x);
  const std::size_t middle = band->x.size() / 2;
  std::vector<double> losses;
  for (const LawParameters& draw : data.fit->draws) {
    losses.push_back(loss_at_size(draw, kSixN, data.plan->flops, band->x[middle]));
  }
  EXPECT_DOUBLE_EQ(band->low[middle], quantile(losses, 0.05));
  EXPECT_DOUBLE_EQ(band->high[middle], quantile(losses, 0.95));
  for (std::size_t i = 0; i < band->x.size(); ++i) {
    EXPECT_LE(band->low[i], line->y[i]);
    EXPECT_GE(band->high[i], line->y[i]);
  }
}

TEST(AnswerChart, SaysHowFarItExtrapolates) {
  const ReportData data = full_report();
  EXPECT_THAT(answer_chart(data).caption, HasSubstr("100x the largest run"));
  ReportData inside = data;
  inside.plan = make_plan(*data.fit, 1e19);
  EXPECT_THAT(answer_chart(inside).caption, HasSubstr("within the compute of the runs"));
}

TEST(AnswerChart, CountsWhatElseTheBudgetPaysFor) {
  ReportData data = full_report();
  PlanRequest request{.flops = 6.4e21};
  request.inference_tokens = 3e11;
  data.plan = make_plan(*data.fit, request);
  const Panel panel = answer_chart(data).panels.at(0);
  const Series* line = find_series(panel, Mark::kLine, "predicted loss");
  const auto lowest = std::min_element(line->y.begin(), line->y.end());
  // The plan's own point lies on the curve, at its lowest; N* was searched to 1e-9.
  EXPECT_NEAR(line->x[static_cast<std::size_t>(lowest - line->y.begin())], data.plan->params.value,
              1e-6 * data.plan->params.value);
  EXPECT_NEAR(*lowest, data.plan->loss.value, 1e-9);
}

TEST(IsoLossChart, EveryPointHasItsLoss) {
  const ReportData data = full_report();
  const Figure figure = iso_loss_chart(data);
  const Series* line = find_series(figure.panels.at(0), Mark::kLine, "loss");
  ASSERT_NE(line, nullptr);
  for (const Series& series : figure.panels[0].series) {
    if (series.mark != Mark::kLine || series.colour != 0) continue;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      // tokens_for_loss ends at 1e-9 or better in ln D.
      EXPECT_NEAR(predict_loss(kChartLaw, series.x[i], series.y[i]), data.plan->loss.value, 1e-7);
    }
  }
  const Series* extra = find_series(figure.panels.at(1), Mark::kLine);
  ASSERT_NE(extra, nullptr);
  const auto least = std::min_element(extra->y.begin(), extra->y.end());
  EXPECT_NEAR(*least, 0, 1e-6);
  EXPECT_NEAR(
      extra->x[static_cast<std::size_t>(least - extra->y.begin())] / data.plan->params.value, 1,
      0.1);  // a step of the sizes
}

TEST(ContourChart, PointsHaveTheLevelOfTheirContour) {
  const ReportData data = full_report();
  const Panel panel = contour_chart(data).panels.at(0);
  std::size_t contours = 0;
  for (const Series& series : panel.series) {
    if (series.mark != Mark::kLine || !series.shade) continue;
    ++contours;
    const double level = std::stod(series.hover.at(0).substr(5));
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      EXPECT_NEAR(predict_loss(kChartLaw, series.y[i], series.x[i] / 6 / series.y[i]), level, 1e-6);
    }
  }
  EXPECT_GE(contours, 5u);
}

TEST(ContourChart, FrontierIsTheOptimumAndDashedBeyondTheRuns) {
  const ReportData data = full_report();
  const Panel panel = contour_chart(data).panels.at(0);
  const Series* solid = find_series(panel, Mark::kLine, "efficient frontier");
  ASSERT_NE(solid, nullptr);
  EXPECT_FALSE(solid->dashed);
  EXPECT_GE(solid->x.front(), data.fit->flops_low);
  EXPECT_LE(solid->x.back(), data.fit->flops_high);
  for (std::size_t i = 0; i < solid->x.size(); ++i) {
    EXPECT_DOUBLE_EQ(solid->y[i], compute_optimum(kChartLaw, kSixN, solid->x[i]).params);
  }
  bool dashed = false;
  for (const Series& series : panel.series)
    dashed = dashed || (series.dashed && series.colour == 0);
  EXPECT_TRUE(dashed);
}

TEST(ContourChart, PlacesLargeModelsByTheirNAndC) {
  const Panel panel = contour_chart(full_report()).panels.at(0);
  const Series* models = find_series(panel, Mark::kPoints, "large models");
  ASSERT_NE(models, nullptr);
  EXPECT_DOUBLE_EQ(models->x[0], 6 * 2.8e11 * 3e11);
  EXPECT_DOUBLE_EQ(models->y[0], 2.8e11);
  EXPECT_THAT(models->hover[0], HasSubstr("Gopher: N 280B, D 300B"));
}

TEST(ContourChart, GivesTinyRunsAPanelOfTheirOwn) {
  ReportData data = full_report();
  EXPECT_EQ(contour_chart(data).panels.size(), 1u);
  for (Observation& run : data.observations) run.params /= 1e4, run.tokens /= 1e4, run.flops /= 1e8;
  data.fit->flops_low /= 1e8, data.fit->flops_high /= 1e8;
  data.plan = make_plan(*data.fit, 6.4e13);
  EXPECT_EQ(contour_chart(data).panels.size(), 2u);
}

TEST(AllocationChart, LinesAreTheOptimumAndTheMinimasLaw) {
  const ReportData data = full_report();
  const Figure figure = allocation_chart(data);
  ASSERT_EQ(figure.panels.size(), 2u);
  const Series* law = find_series(figure.panels[1], Mark::kLine, "3: the law");
  ASSERT_NE(law, nullptr);
  for (std::size_t i = 0; i < law->x.size(); ++i) {
    EXPECT_DOUBLE_EQ(law->y[i], compute_optimum(kChartLaw, kSixN, law->x[i]).tokens);
  }
  const Series* minima = find_series(figure.panels[0], Mark::kLine, "2: IsoFLOP");
  ASSERT_NE(minima, nullptr);
  for (std::size_t i = 0; i < minima->x.size(); ++i) {
    EXPECT_DOUBLE_EQ(minima->y[i], value_at(data.fit->isoflop->params_law.line, minima->x[i]));
  }
  ASSERT_NE(find_series(figure.panels[0], Mark::kLine, "1: envelope"), nullptr);
}

TEST(AllocationChart, DashesWhatAnApproachHasNotSeen) {
  const ReportData data = full_report();
  for (const Series& series : allocation_chart(data).panels.at(0).series) {
    if (series.mark != Mark::kLine || series.dashed || series.colour != 1) continue;
    EXPECT_GE(series.x.front(), kChartBudgets[0]);
    EXPECT_LE(series.x.back(), kChartBudgets[3]);
  }
}

TEST(AllocationChart, BandHoldsTheLaw) {
  const Panel panel = allocation_chart(full_report()).panels.at(0);
  const Series* band = find_series(panel, Mark::kBand, "law's 90 % interval");
  ASSERT_NE(band, nullptr);
  for (std::size_t i = 0; i < band->x.size(); ++i) {
    const double best = compute_optimum(kChartLaw, kSixN, band->x[i]).params;
    EXPECT_LE(band->low[i], best);
    EXPECT_GE(band->high[i], best);
  }
}

TEST(AllocationChart, DoesWithoutALaw) {
  ReportData data = full_report();
  data.fit->parameters = {};
  data.fit->approach = 2;
  data.plan.reset();
  const Figure figure = allocation_chart(data);
  ASSERT_FALSE(figure.empty());
  EXPECT_EQ(find_series(figure.panels[0], Mark::kLine, "3: the law"), nullptr);
  EXPECT_NE(find_series(figure.panels[0], Mark::kErrors, "minima"), nullptr);
}

}  // namespace
}  // namespace isoflop
