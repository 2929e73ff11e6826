// The numbers of docs/plan.md are the program's.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "core/units.h"
#include "law/presets.h"
#include "plan/allocation.h"
#include "plan/make_plan.h"
#include "plan/size_trade.h"
#include "plan/unique_text.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

const std::string& plan_page() {
  static const std::string text = [] {
    std::ifstream in(std::string(ISOFLOP_SOURCE_DIR) + "/docs/plan.md");
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  }();
  return text;
}

TEST(PlanDocs, TheFolkClaimHoldsWhereThePageSays) {
  for (const char* law :
       {"hoffmann2022", "epoch2024", "chinchilla-huber", "muennighoff2023-c4", "kaplan2020"}) {
    const SizeTrade trade = size_trade(surface_of(preset_law(law)), 1e8, 1e9, 10);
    const std::string row =
        "| " + std::string(law) + " | " + format_quantity(*trade.ratio_at_small) + " | " +
        format_quantity(*trade.ratio_at_large) + " | " + fixed3(*trade.ratio_at_loss) + " | " +
        format_quantity(*trade.beyond_small_one) + " |";
    EXPECT_THAT(plan_page(), HasSubstr(row));
  }
  const LossSurface epoch = surface_of(preset_law("epoch2024"));
  const auto ratio = [&](double d) { return d / *tokens_for_loss(epoch, 1e9, epoch(1e8, d)); };
  EXPECT_EQ(format_quantity(ratio(2e9)), "3.20");
  EXPECT_THAT(plan_page(), HasSubstr("(`epoch2024`: 3.20). At 10B it is " +
                                     with_decimals(ratio(1e10), 1) + ", at 24B 10"));
}

TEST(PlanDocs, ThePricesOfSizesAreThePrograms) {
  const Plan plan = make_plan(preset_law("chinchilla-huber"), 5.76e23);
  const char* names[] = {"N*/4", "N*/2", "N*x2", "N*x4"};
  for (std::size_t i = 0; i < 4; ++i) {
    const SizePrice& price = plan.price_of_size[i];
    const std::string row = "| " + std::string(names[i]) + ", " + format_quantity(price.params) +
                            " | " + with_decimals(100 * price.extra_compute, 0) + " % | +" +
                            fixed4(price.loss_difference) + " |";
    EXPECT_THAT(plan_page(), HasSubstr(row));
  }
  EXPECT_THAT(plan_page(), HasSubstr("| " + format_quantity(plan.near_optimal.params_low) + " to " +
                                     format_quantity(plan.near_optimal.params_high) +
                                     " | at most 5 % | at most +" +
                                     fixed4(plan.near_optimal.loss_difference) + " |"));
  const Plan small = make_plan(preset_law("epoch2024"), {.flops = 5.76e23, .params = 7e9});
  EXPECT_THAT(plan_page(),
              HasSubstr("spends " + with_decimals(100 * small.against_optimum->extra_compute, 0) +
                        " % more"));
}

TEST(PlanDocs, RepeatedTextAsThePageSays) {
  const PlanRequest request{.flops = 5.76e23, .settings = {.unique_tokens = 1e11}};
  const Plan tokens_only = make_plan(preset_law("epoch2024"), request);
  const Plan both = make_plan(preset_law("muennighoff2023"), request);
  EXPECT_THAT(plan_page(), HasSubstr("the first says " + format_quantity(tokens_only.params.value) +
                                     " parameters and " + with_decimals(*tokens_only.epochs, 1) +
                                     " passes, the second " + format_quantity(both.params.value) +
                                     " and\n" + with_decimals(*both.epochs, 0) + " passes"));
}

TEST(PlanDocs, NamesEveryUniqueText) {
  for (const UniqueText& text : unique_texts()) {
    const std::string tokens = exact_number(text.tokens / 1e12) + "T";
    EXPECT_THAT(plan_page(), HasSubstr("| `" + std::string(text.name) + "` | " + tokens + " |"));
  }
}

}  // namespace
}  // namespace isoflop
