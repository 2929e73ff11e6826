#include <gtest/gtest.h>

#include "figure/draw.h"

namespace isoflop {
namespace {

Figure two_series() {
  return {
      .name = "loss",
      .panels = {
          {.x = {.title = "parameters N"},
           .y = {.title = "loss", .unit = "nats per token"},
           .series = {
               {.name = "law, fitted", .x = {1e6, 2e6}, .y = {3.5, 0.1}},
               {.name = "90 %", .mark = Mark::kBand, .x = {1e6}, .low = {3.25}, .high = {3.75}}}}}};
}

TEST(FigureCsv, HoldsEveryPointAtFullPrecision) {
  EXPECT_EQ(figure_csv(two_series()),
            "panel,series,parameters N,loss (nats per token),low,high,label\n"
            ",\"law, fitted\",1e+06,3.5,,,\n"
            ",\"law, fitted\",2e+06,0.1,,,\n"
            ",90 %,1e+06,,3.25,3.75,\n");
}

TEST(FigureCsv, AFigureWithNothingToDrawIsItsHeaderOnly) {
  EXPECT_EQ(figure_csv({.name = "loss", .why_empty = "no runs"}),
            "panel,series,x,y,low,high,label\n");
}

}  // namespace
}  // namespace isoflop
