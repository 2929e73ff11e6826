#include "law/presets.h"

#include <cmath>
#include <gtest/gtest.h>
#include <set>

#include "core/error.h"
#include "law/law_form.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

TEST(Presets, NamesAreUniqueAndEveryLawIsCited) {
  std::set<std::string> names;
  for (const LawFit& law : preset_laws()) {
    EXPECT_TRUE(names.insert(law.law).second) << law.law;
    EXPECT_GT(law.citation.size(), 20u) << law.law;
    EXPECT_TRUE(law.draws.empty());
  }
  EXPECT_EQ(names.size(), 21u);
}

TEST(Presets, ALawOfAnotherFormHasThatFormsParameters) {
  int forms = 0;
  for (const LawFit& law : preset_laws()) {
    if (!law.form) {
      EXPECT_GT(law.parameters.A, 0) << law.law;
      continue;
    }
    ++forms;
    const LawForm& form = law_form(law.form->form);
    EXPECT_EQ(law.form->names, parameter_names(form)) << law.law;
    ASSERT_EQ(law.form->values.size(), law.form->names.size()) << law.law;
    for (std::size_t k = 0; k < law.form->values.size(); ++k) {
      EXPECT_GE(law.form->values[k], form.parameters[k].low) << law.law;
      EXPECT_LE(law.form->values[k], form.parameters[k].high) << law.law;
    }
  }
  EXPECT_EQ(forms, 12);
}

// N* and D*/N* at Gopher's 5.76e23 under 6 N D, to the digits of the published tables.
TEST(Presets, OptimaAtGophersBudget) {
  const struct {
    const char* law;
    double params, ratio, a;
  } table[] = {{"hoffmann2022-rounded", 32.2e9, 92.6, .4516},
               {"hoffmann2022", 40.4e9, 58.9, .4565},
               {"hoffmann2022-tableA3", 41.7e9, 55.2, .4572},
               {"epoch2024", 72.2e9, 18.4, .5126},
               {"epoch2024-unrounded", 72.4e9, 18.3, .5126},
               {"chinchilla-huber", 73.2e9, 17.9, .51390},
               {"kyo-takano", 118e9, 6.9, .5515},
               {"muennighoff2023-c4", 69.96e9, 19.6, .5}};
  for (const auto& row : table) {
    const LawFit& law = preset_law(row.law);
    const double params = compute_optimum(law.parameters, FlopsPerToken::six_n(), 5.76e23).params;
    EXPECT_NEAR(params / row.params, 1, 0.005) << row.law;
    EXPECT_NEAR(5.76e23 / (6 * params * params) / row.ratio, 1, 0.01) << row.law;
    EXPECT_NEAR(law.a(), row.a, 6e-5) << row.law;
  }
}

// The approach-3 column of Table A3: 400M and its budget, 2.21e19 FLOP and 9.2B tokens.
TEST(Presets, TableA3sExponentsGiveItsFirstRow) {
  const LawParameters& law = preset_law("hoffmann2022-tableA3").parameters;
  EXPECT_NEAR(compute_optimum(law, FlopsPerToken::six_n(), 2.21e19).params / 400e6, 1, 0.01);
  EXPECT_NEAR(2.21e19 / (6 * 400e6) / 9.2e9, 1, 0.01);
}

// The paper prints its constants to three digits: 1.51 + (141 M^.121 + 190 M^-.121) C^-.121 for C4,
// 1.84, 212, 367, .136 for RedPajama and 1.73, 157, 246, .127 for RefinedWeb.
TEST(Presets, GadresLawsRoundToThePrintedOnes) {
  const struct {
    const char* law;
    double floor, a, b, eta;
  } table[] = {{"gadre2024-c4", 1.51, 141, 190, .121},
               {"gadre2024-redpajama", 1.84, 212, 367, .136},
               {"gadre2024-refinedweb", 1.73, 157, 246, .127}};
  for (const auto& row : table) {
    const std::vector<double> v = preset_law(row.law).form.value().values;
    EXPECT_NEAR(v[0], row.floor, 0.005) << row.law;
    EXPECT_NEAR(v[1], row.a, 0.5) << row.law;
    EXPECT_NEAR(v[2], row.b, 0.5) << row.law;
    EXPECT_NEAR(v[3], row.eta, 0.0005) << row.law;
  }
}

TEST(Presets, UnknownNamesListTheKnownOnes) {
  try {
    preset_law("chinchilla");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("kumar2024"), std::string::npos);
  }
}

}  // namespace
}  // namespace isoflop
