#include "report/diagnostics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

Influence group_of_three() {
  Influence influence{.budget = 5.76e23, .scale = 0.0049, .cutoff = 11.2};
  for (const std::int64_t row : {1, 0, 7}) {
    influence.rows.push_back({.row = row,
                              .run_params = 2e9,
                              .run_tokens = 5e8,
                              .run_loss = 4.6652,
                              .residual = 0.3,
                              .params = 73.19e9,
                              .params_ratio = 0.617});
  }
  influence.with = {.observations = 245, .objective = 1.826e-3, .params = 118.7e9};
  influence.without = {.observations = 242, .objective = 1.018e-3, .params = 73.19e9};
  return influence;
}

TEST(DiagnosticsText, PutsBothAnswersSideBySideAndEachRowAsItLeaves) {
  const std::string text = influence_text(group_of_three());
  EXPECT_THAT(text, AllOf(HasSubstr("3 rows do not follow"), HasSubstr("all 245 rows"),
                          HasSubstr("without the 3"), HasSubstr("119B"), HasSubstr("73.2B"),
                          HasSubstr("0.617"), HasSubstr("+35.0 %")));
  EXPECT_THAT(text, HasSubstr("--exclude 0-1 --exclude 7 --because \"...\""));
}

TEST(DiagnosticsText, HasNoWordOnRowsWhenThereAreNone) {
  EXPECT_THAT(influence_text({}), IsEmpty());
  EXPECT_THAT(diagnostics_text({}), IsEmpty());
}

TEST(DiagnosticsText, SaysWhyAConventionHasNoExponent) {
  ConventionTable table;
  table.rows = {{.params = "total", .flops = "6nd", .how = "columns", .usable = true, .a = 0.5139},
                {.params = "total", .flops = "exact", .why_not = "no column exact_flops"}};
  EXPECT_THAT(convention_text(table), AllOf(HasSubstr("0.514"), HasSubstr("no column exact_flops"),
                                            Not(HasSubstr("Pearce"))));
  table.nonembedding = {
      .simulated = 0.78054, .exact = 0.7751, .large = 0.5147, .asymptotic = 0.5126};
  EXPECT_THAT(convention_text(table), AllOf(HasSubstr("a = 0.7805"), HasSubstr("0.5147")));
}

TEST(DiagnosticsText, NamesTheFormThatPredictsBestOnlyWhenItIsClear) {
  Diagnostics diagnostics;
  diagnostics.model_choice = ModelChoice{.budget = 1e21, .fitted = 30, .hidden = 9};
  diagnostics.model_choice->forms = {{.form = "kaplan", .parameters = 4, .usable = true},
                                     {.form = "power", .parameters = 3, .why_not = "too few"}};
  EXPECT_THAT(diagnostics_text(diagnostics),
              AllOf(HasSubstr("cannot be told apart"), HasSubstr("too few")));
  diagnostics.model_choice->clear = true;
  EXPECT_THAT(diagnostics_text(diagnostics), HasSubstr("kaplan predicts best"));
}

TEST(DiagnosticsText, ListsTrendsAndTheLargestResiduals) {
  Diagnostics diagnostics;
  diagnostics.residuals = Residuals{.scale = 0.0048, .rms = 0.01};
  diagnostics.residuals->trends = {{.against = "flops", .slope_t = 0.2, .curvature_t = -4.2}};
  diagnostics.residuals->largest = {{.row = 1, .residual = 0.2635}, {.row = 3, .trial = "big"}};
  EXPECT_THAT(diagnostics_text(diagnostics),
              AllOf(HasSubstr("0.48 %"), HasSubstr("ln C slope t 0.2, curvature t -4.2"),
                    HasSubstr("row 1 +30.15 %, row 3 (big)")));
}

}  // namespace
}  // namespace isoflop
