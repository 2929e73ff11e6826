// Fits of other forms on measured losses, held to what their authors published.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "fit/form_fit.h"
#include "fit/form_profile.h"
#include "law/presets.h"
#include "tests/fit/form_data.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

const ParameterProfile& profile_of(const FormProfile& profile, const std::string& name) {
  return *std::find_if(profile.parameters.begin(), profile.parameters.end(),
                       [&](const ParameterProfile& p) { return p.name == name; });
}

class RepeatedData : public ::testing::Test {
 protected:
  void SetUp() override {
    runs_ = repeated_data_runs();
    if (runs_.empty()) GTEST_SKIP() << "the runs of Muennighoff et al. are not at hand";
    ASSERT_EQ(runs_.size(), 182u);
  }

  // The published base law, R_D and R_N free.
  FormFitOptions published_base() const {
    return {.constraints = {{.name = "E", .fixed = published_[0]},
                            {.name = "A", .fixed = published_[1]},
                            {.name = "B", .fixed = published_[2]},
                            {.name = "alpha", .fixed = published_[3]}}};
  }

  std::vector<Observation> runs_;
  std::vector<double> published_ = preset_law("muennighoff2023").form.value().values;
  const LawForm& form_ = law_form("muennighoff");
};

TEST_F(RepeatedData, ThePublishedLawHasThePublishedObjective) {
  const FormObjective at = objective_of(form_, published_, runs_);
  EXPECT_NEAR(at.objective, 0.0158259353, 5e-11);
  EXPECT_NEAR(at.r_squared, 0.7722046, 5e-8);
}

TEST_F(RepeatedData, WithoutDecayItExplainsLess) {
  const std::vector<double> base(published_.begin(), published_.begin() + 5);
  EXPECT_NEAR(objective_of(law_form("chinchilla"), base, runs_).r_squared, 0.4451684, 5e-8);
}

TEST_F(RepeatedData, TheFitIsAtLeastAsGoodAsThePublishedAndTheOtherKnownOptimum) {
  std::vector<double> other = published_;
  other[5] = 46.99;
  other[6] = 2.33;
  const double known = objective_of(form_, other, runs_).objective;
  EXPECT_NEAR(known, 0.0158074, 5e-8);
  const FormFit fit = fit_form(form_, runs_, published_base());
  ASSERT_TRUE(fit.usable());
  EXPECT_LE(fit.objective, 0.0158259353);
  EXPECT_LE(fit.objective, known);
}

TEST_F(RepeatedData, RepetitionsRateIsFlaggedFlat) {
  const FormFitOptions options = published_base();
  const FormFit fit = fit_form(form_, runs_, options);
  const FormProfile profile = profile_form(form_, runs_, fit, options);
  const ParameterProfile& rate = profile_of(profile, "R_D");
  EXPECT_TRUE(rate.flat) << rate.low << " to " << rate.high;
  EXPECT_LE(rate.low, 14);
  EXPECT_GE(rate.high, 80);
}

TEST_F(RepeatedData, FittedFreelyItIsStillFlat) {
  const FormFit fit = fit_form(form_, runs_);
  ASSERT_TRUE(fit.usable());
  EXPECT_LT(fit.objective, 0.0158);
  EXPECT_TRUE(profile_of(profile_form(form_, runs_, fit), "R_N").flat);
}

TEST(RoutedExperts, CoefficientsAreThoseOfClarksTable) {
  const struct {
    const char *router, *preset;
  } table[] = {
      {"S-Base", "clark2022-sbase"}, {"RL-R", "clark2022-rlr"}, {"Hash", "clark2022-hash"}};
  for (const auto& row : table) {
    const std::vector<Observation> runs = routed_runs(row.router);
    if (runs.empty()) GTEST_SKIP() << "the runs of Clark et al. are not at hand";
    const FormFit fit = fit_form(law_form("clark"), runs);
    ASSERT_TRUE(fit.usable());
    EXPECT_LT(fit.residual_rms, 0.0035) << row.router;  // of lg L
    const std::vector<double> published = preset_law(row.preset).form.value().values;
    // Within 0.01; the table is printed to three decimals.
    for (std::size_t k = 0; k < 4; ++k) {
      EXPECT_NEAR(fit.values[k], published[k], 0.0105) << row.router << " " << fit.names[k];
    }
    EXPECT_LE(fit.objective, objective_of(law_form("clark"), published, runs).objective);
  }
}

class CleanPoints : public ::testing::Test {
 protected:
  void SetUp() override {
    rows_ = extracted_points(5);
    if (rows_.empty()) GTEST_SKIP() << "the extracted Chinchilla points are not at hand";
  }
  std::vector<Observation> rows_;
};

TEST_F(CleanPoints, EndAtTheKnownOptimum) {
  const FormFit fit = fit_form(law_form("chinchilla"), rows_);
  ASSERT_TRUE(fit.usable());
  EXPECT_LE(fit.objective, 1.0182741e-3);
  EXPECT_EQ(fit.starts_agreeing, fit.starts_tried);
  EXPECT_TRUE(fit.warnings.empty());
  const LawParameters fast = fit_parametric(rows_).parameters;
  for (const Observation& row : rows_) {
    const double loss = law_form("chinchilla").predict(fit.values, law_point(row), nullptr);
    EXPECT_NEAR(loss / predict_loss(fast, row.params, row.tokens), 1, 1e-7);
  }
}

// Least squares on the loss itself: alpha .3576, beta .4276, E 1.883 on the same points.
TEST_F(CleanPoints, OtherSpacesGiveOtherLaws) {
  const FormFit fit =
      fit_form(law_form("chinchilla"), rows_, {.space = FitSpace::kPlain, .huber_delta = 0});
  EXPECT_NEAR(fit.values[0], 1.883, 5e-4);
  EXPECT_NEAR(fit.values[3], 0.3576, 5e-5);
  EXPECT_NEAR(fit.values[4], 0.4276, 5e-5);
}

// No parameter of Chinchilla's law is flat there, and Besiroglu et al.'s values lie inside.
TEST_F(CleanPoints, ProfilesHoldThePublishedValues) {
  const FormFit fit = fit_form(law_form("chinchilla"), rows_);
  const FormProfile profile = profile_form(law_form("chinchilla"), rows_, fit);
  EXPECT_TRUE(profile.warnings.empty());
  const LawParameters law = preset_law("epoch2024").parameters;
  const double published[] = {law.E, law.A, law.B, law.alpha, law.beta};
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_LT(profile.parameters[k].low, published[k]) << fit.names[k];
    EXPECT_GT(profile.parameters[k].high, published[k]) << fit.names[k];
  }
}

}  // namespace
}  // namespace isoflop
