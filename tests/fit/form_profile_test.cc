#include "fit/form_profile.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "tests/fit/synthetic.h"
#include "tests/law/form_truths.h"

namespace isoflop {
namespace {

const LawForm& two_terms() { return law_form("chinchilla"); }

// All but A fixed, plain least squares: the profile is that of a straight line.
FormFitOptions only_a() {
  return {.space = FitSpace::kPlain,
          .huber_delta = 0,
          .constraints = {{.name = "E", .fixed = kTruth.E},
                          {.name = "B", .fixed = kTruth.B},
                          {.name = "alpha", .fixed = kTruth.alpha},
                          {.name = "beta", .fixed = kTruth.beta}}};
}

// Least squares through one coefficient: 90 % interval A -+ t s / sqrt(sum x^2), t(.95, 17) =
// 1.7396. The sandwich scale may be the larger one; with 18 rows it is within a third of s.
TEST(FormProfile, AStraightLineHasItsTextbookInterval) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19}, 6, 0.01, 4);
  const FormFit fit = fit_form(two_terms(), runs, only_a());
  const FormProfile profile = profile_form(two_terms(), runs, fit, only_a());
  ASSERT_EQ(profile.parameters.size(), 1u);
  const ParameterProfile& a = profile.parameters.front();
  double xx = 0;
  for (const Observation& run : runs) xx += std::pow(run.params, -2 * kTruth.alpha);
  const double textbook = 1.7396 * std::sqrt(fit.noise_scale / xx);
  const double widened = std::sqrt(a.threshold / (1.7396 * 1.7396 * fit.noise_scale / 2));
  EXPECT_GE(widened, 1 - 1e-3);
  EXPECT_LT(widened, 1.35);
  EXPECT_NEAR((a.high - a.value) / (textbook * widened), 1, 0.005);
  EXPECT_NEAR((a.value - a.low) / (textbook * widened), 1, 0.005);
  EXPECT_FALSE(a.flat);
}

TEST(FormProfile, EndsOfTheIntervalAreWhereRefitsRiseByTheThreshold) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 7, 0.003, 4);
  const FormFit fit = fit_form(two_terms(), runs);
  const FormProfile profile = profile_form(two_terms(), runs, fit);
  ASSERT_EQ(profile.parameters.size(), 5u);
  for (const ParameterProfile& p : profile.parameters) {
    EXPECT_LT(p.low, p.value);
    EXPECT_GT(p.high, p.value);
    for (const double end : {p.low, p.high}) {
      // A whole fit with the parameter fixed, from its own starts.
      const FormFit refit =
          fit_form(two_terms(), runs, {.constraints = {{.name = p.name, .fixed = end}}});
      EXPECT_NEAR((refit.objective - fit.objective) / p.threshold, 1, 0.02) << p.name;
    }
  }
}

// 60 worlds of a known law: a 90 % interval covers 45 to 60 of them (the binomial's 0.1 %).
TEST(FormProfile, IntervalsCoverTheTruthAsOftenAsTheySay) {
  int covered = 0;
  for (std::uint64_t world = 0; world < 60; ++world) {
    const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 7, 0.003, 900 + world);
    const FormFitOptions options{
        .constraints = {{.name = "E", .fixed = kTruth.E}, {.name = "beta", .fixed = kTruth.beta}},
        .refined = 2};
    const FormFit fit = fit_form(two_terms(), runs, options);
    const FormProfile profile = profile_form(two_terms(), runs, fit, options);
    const auto alpha = std::find_if(profile.parameters.begin(), profile.parameters.end(),
                                    [](const ParameterProfile& p) { return p.name == "alpha"; });
    covered += alpha->low <= kTruth.alpha && kTruth.alpha <= alpha->high ? 1 : 0;
  }
  EXPECT_GE(covered, 45);
}

// Tokens are never repeated: nothing can be said of what repeating them would cost.
TEST(FormProfile, AParameterWithoutDataIsFlat) {
  const auto truths = form_truths();
  std::vector<Observation> runs;
  for (Observation run : isoflop_grid({1e17, 1e18, 1e19, 1e20}, 7, 0.003, 4)) {
    run.extra["unique_tokens"] = run.tokens;
    runs.push_back(run);
  }
  const FormFitOptions options{.constraints = {{.name = "R_N", .fixed = 5.3}}};
  const FormFit fit = fit_form(law_form("muennighoff"), runs, options);
  const FormProfile profile = profile_form(law_form("muennighoff"), runs, fit, options);
  const ParameterProfile& rate = profile.parameters.back();
  ASSERT_EQ(rate.name, "R_D");
  EXPECT_TRUE(rate.flat);
  EXPECT_TRUE(rate.low_open || rate.high_open);
  EXPECT_FALSE(rate.why_flat.empty());
  EXPECT_FALSE(profile.parameters[3].flat);  // alpha
}

// A plain power law: nothing says where it would turn.
TEST(FormProfile, ABreakThatIsNotThereIsFlat) {
  std::vector<Observation> runs;
  SplitMix64 random(4);
  for (int k = 0; k < 30; ++k) {
    Observation run{.flops = 1e17 * std::pow(10, k / 10.0)};
    run.loss = (1.5 + 900 * std::pow(run.flops, -0.17)) * std::exp(0.003 * normal(random));
    runs.push_back(run);
  }
  const FormFit fit = fit_form(law_form("broken_power"), runs);
  const FormProfile profile = profile_form(law_form("broken_power"), runs, fit);
  const auto place = std::find_if(profile.parameters.begin(), profile.parameters.end(),
                                  [](const ParameterProfile& p) { return p.name == "d1"; });
  EXPECT_TRUE(place->flat) << place->low << " to " << place->high;
}

TEST(FormProfile, ABoundThatIsReachedIsSaid) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 7, 0.003, 4);
  const FormFitOptions options{.constraints = {{.name = "alpha", .low = 0.3475, .high = 0.348}}};
  const FormFit fit = fit_form(two_terms(), runs, options);
  const FormProfile profile = profile_form(two_terms(), runs, fit, options);
  const ParameterProfile& alpha = profile.parameters[3];
  EXPECT_TRUE(alpha.low_open);
  EXPECT_TRUE(alpha.high_open);
  EXPECT_TRUE(alpha.flat);
  EXPECT_DOUBLE_EQ(alpha.low, 0.3475);
  EXPECT_DOUBLE_EQ(alpha.high, 0.348);
}

TEST(FormProfile, APriorNarrowsTheInterval) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 7, 0.01, 4);
  const auto width = [&](const FormFitOptions& options) {
    const FormFit fit = fit_form(two_terms(), runs, options);
    const FormProfile profile = profile_form(two_terms(), runs, fit, options);
    return profile.parameters[3].high - profile.parameters[3].low;
  };
  EXPECT_LT(width({.constraints = {{.name = "alpha", .prior_mean = 0.35, .prior_sd = 0.01}}}),
            0.7 * width({}));
}

TEST(FormProfile, AFitThatWasNotAtItsOptimumIsCaught) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 7, 0.003, 4);
  FormFit fit = fit_form(two_terms(), runs);
  fit.values[3] *= 1.01;
  const FormProfile profile = profile_form(two_terms(), runs, fit);
  ASSERT_FALSE(profile.better_values.empty());
  EXPECT_LT(profile.better_objective, 0.5 * objective_of(two_terms(), fit.values, runs).objective);
  EXPECT_EQ(profile.warnings.back().code, "better_optimum");
}

}  // namespace
}  // namespace isoflop
