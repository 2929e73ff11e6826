// What fixing, bounding, tying and priors do to a fit.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "fit/form_fit.h"
#include "tests/fit/synthetic.h"
#include "tests/law/form_truths.h"

namespace isoflop {
namespace {

const LawForm& constrained_law() { return law_form("chinchilla"); }

double constrained_value(const FormFit& fit, const std::string& name) {
  const auto found = std::find(fit.names.begin(), fit.names.end(), name);
  return fit.values.at(static_cast<std::size_t>(found - fit.names.begin()));
}

bool says_at_bound(const FormFit& fit) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(),
                     [](const Warning& w) { return w.code == "parameter_at_bound"; });
}

TEST(FormConstraints, AFixedParameterKeepsItsValueAndTheOthersMakeTheBestOfIt) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  const FormFit free = fit_form(constrained_law(), runs);
  const FormFit fixed =
      fit_form(constrained_law(), runs, {.constraints = {{.name = "E", .fixed = 1.7}}});
  ASSERT_TRUE(fixed.usable());
  EXPECT_EQ(constrained_value(fixed, "E"), 1.7);
  EXPECT_EQ(fixed.not_fitted, std::vector<std::string>{"E"});
  EXPECT_GT(fixed.objective, free.objective * 1.001);
  // Oracle: shifting the losses by E leaves a plain fit of A, B, alpha, beta in plain space.
  std::vector<double> naive = free.values;
  naive[0] = 1.7;
  EXPECT_LT(fixed.objective, objective_of(constrained_law(), naive, runs).objective);
  EXPECT_GT(std::abs(constrained_value(fixed, "alpha") / constrained_value(free, "alpha") - 1),
            0.01);
}

TEST(FormConstraints, FixedAtTheTruthTheRestIsExact) {
  const auto runs = isoflop_grid({1e17, 1e18}, 5, 0, 0);
  const FormFit fit = fit_form(constrained_law(), runs,
                               {.constraints = {{.name = "E", .fixed = kTruth.E},
                                                {.name = "alpha", .fixed = kTruth.alpha}}});
  ASSERT_TRUE(fit.usable());
  EXPECT_NEAR(constrained_value(fit, "A") / kTruth.A, 1, 1e-6);
  EXPECT_NEAR(constrained_value(fit, "beta") / kTruth.beta, 1, 1e-6);
}

TEST(FormConstraints, ABoundHoldsAndIsReported) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  ASSERT_GT(constrained_value(fit_form(constrained_law(), runs), "beta"), 0.35);
  const FormFit fit = fit_form(constrained_law(), runs,
                               {.constraints = {{.name = "beta", .low = 0.1, .high = 0.3}}});
  ASSERT_TRUE(fit.usable());
  EXPECT_NEAR(constrained_value(fit, "beta"), 0.3, 1e-12);
  EXPECT_EQ(fit.at_bound, std::vector<std::string>{"beta"});
  EXPECT_TRUE(says_at_bound(fit));
  // A bound that the optimum keeps away from changes nothing.
  const FormFit wide = fit_form(constrained_law(), runs,
                                {.constraints = {{.name = "beta", .low = 0.1, .high = 0.9}}});
  EXPECT_TRUE(wide.at_bound.empty());
  EXPECT_NEAR(wide.objective / fit_form(constrained_law(), runs).objective, 1, 1e-9);
}

TEST(FormConstraints, ATieMakesTwoParametersOne) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  const FormFit tied =
      fit_form(constrained_law(), runs, {.constraints = {{.name = "beta", .tied_to = "alpha"}}});
  ASSERT_TRUE(tied.usable());
  EXPECT_EQ(constrained_value(tied, "alpha"), constrained_value(tied, "beta"));
  // The same family, parametrised otherwise: Gadre's law is Chinchilla's with alpha = beta = 2 eta.
  const FormFit gadre = fit_form(law_form("gadre"), runs);
  EXPECT_NEAR(tied.objective / gadre.objective, 1, 1e-9);
  EXPECT_NEAR(constrained_value(tied, "alpha"), 2 * constrained_value(gadre, "eta"), 1e-6);
}

TEST(FormConstraints, AFormsOwnTieIsLoosenedByNamingTheParameter) {
  const auto truths = form_truths();
  FormTruth truth = truths[2];
  ASSERT_EQ(truth.form, "muennighoff");
  truth.values[4] = 0.30;  // beta, not alpha
  const auto runs = exact_runs(truth);
  const LawForm& form = law_form("muennighoff");
  EXPECT_GT(fit_form(form, runs).objective, 1e-4);
  const FormFit loose = fit_form(form, runs, {.constraints = {{.name = "beta", .low = 0.1}}});
  EXPECT_LT(loose.objective, 1e-15);
  EXPECT_NEAR(constrained_value(loose, "beta"), 0.30, 1e-6);
}

TEST(FormConstraints, APriorPullsByAsMuchAsTheDataAreNoisy) {
  const auto quiet = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.0005, 3);
  const auto noisy = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.02, 3);
  const auto alpha = [&](const std::vector<Observation>& runs, double sd) {
    FormFitOptions options{.huber_delta = 0};
    if (sd > 0) {
      options.constraints = {{.name = "alpha", .prior_mean = 0.25, .prior_sd = sd}};
    }
    const FormFit fit = fit_form(constrained_law(), runs, options);
    EXPECT_TRUE(fit.usable());
    return constrained_value(fit, "alpha");
  };
  const double quiet_free = alpha(quiet, 0), noisy_free = alpha(noisy, 0);
  EXPECT_NEAR(alpha(quiet, 0.05), quiet_free, 0.02);
  EXPECT_LT(std::abs(alpha(noisy, 0.001) - 0.25), 0.005);
  EXPECT_LT(std::abs(alpha(noisy, 0.05) - 0.25), std::abs(noisy_free - 0.25));
}

// Least squares with one linear parameter has a closed form. Fixed E, alpha, B and beta leave
//   L_i - E - B / D^beta = A x_i + noise, x_i = N^-alpha (plain space),
// whose posterior mean under the prior A = m +- d is (sum x y + s m / d^2) / (sum x^2 + s / d^2),
// s the residual variance of the fit without the prior.
TEST(FormConstraints, APriorOnALinearParameterIsItsPosteriorMean) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19}, 6, 0.01, 4);
  FormFitOptions options{.space = FitSpace::kPlain,
                         .huber_delta = 0,
                         .constraints = {{.name = "E", .fixed = kTruth.E},
                                         {.name = "B", .fixed = kTruth.B},
                                         {.name = "alpha", .fixed = kTruth.alpha},
                                         {.name = "beta", .fixed = kTruth.beta}}};
  double xx = 0, xy = 0;
  for (const Observation& run : runs) {
    const double x = std::pow(run.params, -kTruth.alpha);
    const double y = run.loss - kTruth.E - kTruth.B * std::pow(run.tokens, -kTruth.beta);
    xx += x * x;
    xy += x * y;
  }
  double rss = 0;
  for (const Observation& run : runs) {
    const double x = std::pow(run.params, -kTruth.alpha);
    const double y = run.loss - kTruth.E - kTruth.B * std::pow(run.tokens, -kTruth.beta);
    rss += (y - xy / xx * x) * (y - xy / xx * x);
  }
  const FormFit free = fit_form(constrained_law(), runs, options);
  EXPECT_NEAR(constrained_value(free, "A") / (xy / xx), 1, 1e-8);
  const double s = rss / static_cast<double>(runs.size() - 1);
  EXPECT_NEAR(free.noise_scale / s, 1, 1e-6);
  options.constraints.push_back({.name = "A", .prior_mean = 450, .prior_sd = 2});
  const FormFit pulled = fit_form(constrained_law(), runs, options);
  const double expected = (xy + s * 450 / 4) / (xx + s / 4);
  EXPECT_NEAR(constrained_value(pulled, "A") / expected, 1, 1e-6);
  EXPECT_GT(std::abs(expected - xy / xx), 1);
  EXPECT_GT(pulled.objective_with_priors, pulled.objective);
}

}  // namespace
}  // namespace isoflop
