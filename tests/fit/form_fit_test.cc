#include "fit/form_fit.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/interval.h"
#include "fit/parametric_fit.h"
#include "fit/row_sample.h"
#include "fit/simulate.h"
#include "law/presets.h"
#include "tests/fit/synthetic.h"
#include "tests/law/form_truths.h"

namespace isoflop {
namespace {

const LawForm& chinchilla_law() { return law_form("chinchilla"); }

double value_in(const FormFit& fit, const std::string& name) {
  const auto found = std::find(fit.names.begin(), fit.names.end(), name);
  return fit.values.at(static_cast<std::size_t>(found - fit.names.begin()));
}

std::vector<Observation> with_noise(std::vector<Observation> runs, double noise,
                                    std::uint64_t seed) {
  SplitMix64 random(seed);
  for (Observation& run : runs) {
    run.loss *= std::exp(noise * normal(random));
    if (run.extra.contains("score")) run.extra["score"] += noise * normal(random);
  }
  return runs;
}

std::string code_of(const auto& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code().empty() ? "usage" : error.code();
  }
  return "";
}

// At `factor` times the runs' sizes and tokens.
double worst_prediction(const LawForm& form, const std::vector<double>& truth,
                        const std::vector<double>& fitted, const std::vector<Observation>& runs,
                        double factor) {
  double worst = 0;
  for (const Observation& run : runs) {
    LawPoint point = law_point(run);
    point.params *= factor;
    point.active_params *= factor;
    point.tokens *= factor;
    point.unique_tokens *= factor;
    point.flops *= factor * factor;
    const double expected = form.predict(truth, point, nullptr);
    worst = std::max(worst, std::abs(form.predict(fitted, point, nullptr) / expected - 1));
  }
  return worst;
}

// Losses are exact to 1e-16; the worst condition number of J'J is about 1e8 (farseer).
TEST(FormFit, EveryFormIsGivenBackByExactLosses) {
  for (const FormTruth& truth : form_truths()) {
    const std::vector<Observation> runs = exact_runs(truth);
    const FormFit fit = fit_form(law_form(truth.form), runs);
    ASSERT_TRUE(fit.usable()) << truth.form;
    EXPECT_GE(fit.starts_agreeing, 2) << truth.form;
    EXPECT_LT(worst_prediction(law_form(truth.form), truth.values, fit.values, runs, 3), 1e-8)
        << truth.form;
    EXPECT_NEAR(fit.r_squared, 1, 1e-9) << truth.form;
    EXPECT_TRUE(fit.at_bound.empty()) << truth.form;
  }
}

// Noise of 0.003 over 120 runs and at most 15 parameters: the mean error of a prediction is about
// 0.003 sqrt(15 / 120) = 0.001, and the worst of them several times that.
TEST(FormFit, EveryFormIsFoundThroughNoise) {
  for (const FormTruth& truth : form_truths()) {
    const std::vector<Observation> runs = with_noise(exact_runs(truth), 0.003, 5);
    const LawForm& form = law_form(truth.form);
    const FormFit fit = fit_form(form, runs);
    ASSERT_TRUE(fit.usable()) << truth.form;
    EXPECT_LE(fit.objective, objective_of(form, truth.values, runs).objective) << truth.form;
    EXPECT_LT(worst_prediction(form, truth.values, fit.values, runs, 1), 0.012) << truth.form;
  }
}

TEST(FormFit, ChinchillaEndsWhereTheFastPathEnds) {
  for (const double delta : {1e-3, 1e-2}) {
    const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.003, 3);
    const ParametricFit fast = fit_parametric(runs, {.huber_delta = delta});
    const FormFit fit = fit_form(chinchilla_law(), runs, {.huber_delta = delta});
    ASSERT_TRUE(fit.usable());
    EXPECT_NEAR(fit.objective / fast.objective, 1, 1e-9);
    for (const Observation& run : runs) {
      const double loss = chinchilla_law().predict(fit.values, law_point(run), nullptr);
      EXPECT_NEAR(loss / predict_loss(fast.parameters, run.params, run.tokens), 1, 1e-6);
    }
  }
}

// Beyond a thousand rows starts are led by a sample of them; the end must not know.
TEST(FormFit, ThousandsOfRowsEndWhereTheFastPathEnds) {
  const auto runs = simulate_isoflop(besiroglu_law(), {.per_budget = 300}, 0.01, 5);
  ASSERT_GT(runs.size(), 2 * kMostScreenedRows);
  const FormFit general = fit_form(chinchilla_law(), runs, {.starts = 64, .refined = 6});
  const ParametricFit fast =
      fit_parametric(runs, {.starts = Starts::kGiven, .given = {besiroglu_law()}});
  // Both stop where the gradient is rounding: the objectives agree to their sums' last digits.
  EXPECT_NEAR(general.objective / fast.objective, 1, 1e-9);
  EXPECT_GE(general.starts_agreeing, 2);
}

TEST(FormFit, TheObjectiveIsTheSumByTheDefinition) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19}, 6, 0.003, 5);
  const std::vector<double> values = {1.8, 480, 2100, 0.35, 0.36};
  double huber = 0, squares = 0, log10s = 0;
  for (const Observation& run : runs) {
    const double loss = 1.8 + 480 / std::pow(run.params, 0.35) + 2100 / std::pow(run.tokens, 0.36);
    const double r = std::abs(std::log(loss / run.loss));
    huber += r <= 2e-3 ? r * r / 2 : 2e-3 * (r - 1e-3);
    squares += (loss - run.loss) * (loss - run.loss) / 2;
    log10s += std::pow(std::log10(loss / run.loss), 2) / 2;
  }
  const auto objective = [&](const FormFitOptions& options) {
    return objective_of(chinchilla_law(), values, runs, options).objective;
  };
  EXPECT_NEAR(objective({.huber_delta = 2e-3}) / huber, 1, 1e-10);
  EXPECT_NEAR(objective({.space = FitSpace::kPlain, .huber_delta = 0}) / squares, 1, 1e-10);
  EXPECT_NEAR(objective({.space = FitSpace::kLog10, .huber_delta = 0}) / log10s, 1, 1e-10);
}

// Oracle: no law of a random cloud around the end is better, near or far.
TEST(FormFit, NoNearbyLawIsBetter) {
  for (const char* name : {"muennighoff", "clark", "broken_power"}) {
    const LawForm& form = law_form(name);
    const auto truths = form_truths();
    const auto truth = std::find_if(truths.begin(), truths.end(),
                                    [&](const FormTruth& t) { return t.form == name; });
    const auto runs = with_noise(exact_runs(*truth), 0.003, 9);
    const FormFit fit = fit_form(form, runs);
    ASSERT_TRUE(fit.usable());
    SplitMix64 random(3);
    for (int k = 0; k < 300; ++k) {
      const double radius = std::pow(10, -6 + 5 * random.uniform());
      std::vector<double> values = fit.values;
      for (double& v : values) v *= 1 + radius * normal(random);
      if (std::string(name) == "muennighoff") values[4] = values[3];  // tied
      double sum = 0;
      for (const Observation& run : runs) {
        const double loss = form.predict(values, law_point(run), nullptr);
        double r = std::abs(std::log(loss / run.loss));
        if (form.space == FitSpace::kLog10) r /= std::log(10.0);
        const double d = form.huber_delta;
        sum += d == 0 || r <= d ? r * r / 2 : d * (r - d / 2);
      }
      if (!std::isfinite(sum)) continue;
      EXPECT_GE(sum, fit.objective * (1 - 1e-9)) << name;
    }
  }
}

TEST(FormFit, ParametersOfColumnsThatNobodySaysAreLeftOut) {
  const auto truths = form_truths();
  const auto kumar = std::find_if(truths.begin(), truths.end(),
                                  [](const FormTruth& t) { return t.form == "kumar"; });
  std::vector<Observation> runs = varied_runs();
  const LawForm& form = law_form("kumar");
  for (Observation& run : runs) {
    for (const char* name : {"activation_bits", "cache_bits", "quantized_bits"}) {
      run.extra.erase(name);
    }
    run.loss = form.predict(kumar->values, law_point(run), nullptr);
  }
  const FormFit fit = fit_form(form, runs);
  ASSERT_TRUE(fit.usable());
  EXPECT_NEAR(value_in(fit, "gamma_w"), 2.6745, 1e-5);
  EXPECT_NEAR(value_in(fit, "n_w"), 0.3037, 1e-5);
  EXPECT_NE(std::find(fit.not_fitted.begin(), fit.not_fitted.end(), "gamma_a"),
            fit.not_fitted.end());
  EXPECT_LT(fit.condition_number, 1e6);
}

TEST(FormFit, ThreadsDoNotChangeABit) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19}, 6, 0.003, 5);
  FormFitOptions options{.constraints = {{.name = "E", .fixed = 1.8}}, .draws = 20, .threads = 1};
  const FormFit one = fit_form(chinchilla_law(), runs, options);
  options.threads = 4;
  const FormFit four = fit_form(chinchilla_law(), runs, options);
  EXPECT_EQ(one.values, four.values);
  EXPECT_EQ(one.draws, four.draws);
  options.seed = 1;
  EXPECT_NE(fit_form(chinchilla_law(), runs, options).draws, four.draws);
}

TEST(FormFit, DrawsScatterLikeTheNoise) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 8, 0.003, 5);
  const FormFit fit = fit_form(chinchilla_law(), runs,
                               {.constraints = {{.name = "E", .fixed = kTruth.E}}, .draws = 200});
  ASSERT_EQ(fit.draws.size(), 200u);
  EXPECT_EQ(fit.draws_not_converged, 0);
  std::vector<double> alphas;
  for (const auto& draw : fit.draws) {
    EXPECT_EQ(draw[0], kTruth.E);
    alphas.push_back(draw[3]);
  }
  const Interval interval = interval_over(value_in(fit, "alpha"), alphas, 0.9);
  EXPECT_LT(*interval.low, value_in(fit, "alpha"));
  EXPECT_GT(*interval.high, value_in(fit, "alpha"));
  // Refits of 40 worlds say how far alpha really scatters; a bootstrap is good to a factor of 2.
  std::vector<double> worlds;
  for (std::uint64_t seed = 100; seed < 140; ++seed) {
    worlds.push_back(
        value_in(fit_form(chinchilla_law(), isoflop_grid({1e17, 1e18, 1e19, 1e20}, 8, 0.003, seed),
                          {.constraints = {{.name = "E", .fixed = kTruth.E}}, .refined = 2}),
                 "alpha"));
  }
  const double real = quantile(worlds, 0.95) - quantile(worlds, 0.05);
  const double drawn = *interval.high - *interval.low;
  EXPECT_GT(drawn, real / 2);
  EXPECT_LT(drawn, real * 2);
}

// Twelve runs of eight checkpoints that share one error each: rows look independent and are not.
TEST(FormFit, RunsDrawnWholeAreWiderThanRowsWhereErrorsAreShared) {
  std::vector<Observation> rows;
  SplitMix64 random(8);
  for (int run = 0; run < 12; ++run) {
    const double shared = 0.01 * normal(random);
    for (int k = 0; k < 8; ++k) {
      Observation row{.params = 1e7 * std::pow(2, run), .tokens = 1e9 * std::pow(2, k)};
      row.loss =
          predict_loss(kTruth, row.params, row.tokens) * std::exp(shared + 0.0005 * normal(random));
      row.run = "run" + std::to_string(run);
      rows.push_back(row);
    }
  }
  const auto width = [&](FormResample resample) {
    const FormFit fit = fit_form(
        chinchilla_law(), rows,
        {.constraints = {{.name = "E", .fixed = kTruth.E}}, .draws = 200, .resample = resample});
    std::vector<double> alphas;
    for (const auto& draw : fit.draws) alphas.push_back(draw[3]);
    return quantile(alphas, 0.95) - quantile(alphas, 0.05);
  };
  EXPECT_GT(width(FormResample::kRun), 1.5 * width(FormResample::kRow));
}

TEST(FormFit, AThousandDrawsTakeSeconds) {
  const auto runs = isoflop_grid({6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21}, 30, 0.004, 2);
  ASSERT_EQ(runs.size(), 240u);
  const std::clock_t start = std::clock();  // of the processor, whoever else is busy
  fit_form(chinchilla_law(), runs, {.constraints = {{.name = "E", .fixed = 1.8}}, .draws = 1000});
  const double taken = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_LT(taken, 20);  // under sanitizers; 0.5 s without
}

TEST(FormFit, TooFewRowsAreRefusedAndBadOptionsAreErrors) {
  const auto runs = isoflop_grid({1e18}, 5, 0, 0);
  EXPECT_EQ(code_of([&] { fit_form(chinchilla_law(), runs); }), "too_few_rows");
  EXPECT_EQ(
      code_of([&] { fit_form(chinchilla_law(), std::vector<Observation>(50, runs.front())); }),
      "too_few_rows");
  EXPECT_EQ(code_of([&] { fit_form(law_form("muennighoff"), runs); }), "usage");
  const auto enough = isoflop_grid({1e18, 1e19}, 5, 0, 0);
  EXPECT_EQ(code_of([&] { fit_form(chinchilla_law(), enough, {.huber_delta = -1}); }), "usage");
  EXPECT_EQ(code_of([&] { fit_form(chinchilla_law(), enough, {.huber_delta = std::nan("")}); }),
            "usage");
  EXPECT_EQ(code_of([&] {
              fit_form(chinchilla_law(), enough, {.constraints = {{.name = "Z", .fixed = 1}}});
            }),
            "usage");
  EXPECT_EQ(code_of([&] {
              objective_of(chinchilla_law(), std::vector<double>{1, 2}, enough);
            }),
            "usage");
}

TEST(FormFit, ABreakIsFoundWhereItIs) {
  const std::vector<double> truth = {1.5, 900, 0.17, 0.15, 3e19, 0.3};
  const LawForm& form = law_form("broken_power");
  std::vector<Observation> runs;
  SplitMix64 random(4);
  for (int k = 0; k < 120; ++k) {
    Observation run{.flops = 1e16 * std::pow(10, 6.0 * k / 119)};
    run.loss = form.predict(truth, law_point(run), nullptr) * std::exp(0.001 * normal(random));
    runs.push_back(run);
  }
  const FormFit fit = fit_form(form, runs);
  ASSERT_TRUE(fit.usable());
  // Within a factor of 2 of the break over six decades; a plain power law with an offset is worse.
  EXPECT_NEAR(std::log2(value_in(fit, "d1") / 3e19), 0, 1);
  const FormFit plain = fit_form(law_form("power"), runs);
  EXPECT_LT(fit.objective, 0.7 * plain.objective);
}

TEST(FormFit, ASigmoidGoesThereAndBack) {
  const std::vector<double> truth = {0.25, 0.9, 3.5, 2.2};
  const LawForm& form = law_form("sigmoid");
  std::vector<Observation> runs;
  for (int k = 0; k < 40; ++k) {
    Observation run{.loss = 1.2 + 0.06 * k};
    run.extra["score"] = form.predict(truth, law_point(run), nullptr);
    runs.push_back(run);
  }
  const FormFit fit = fit_form(form, runs);
  ASSERT_TRUE(fit.usable());
  for (std::size_t k = 0; k < truth.size(); ++k) EXPECT_NEAR(fit.values[k] / truth[k], 1, 1e-6);
}

TEST(FormFit, PredictionsCarryTheirIntervals) {
  const auto runs = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.003, 5);
  const FormFit fit = fit_form(law_form("gadre"), runs, {.draws = 100});
  const FormParameters law = form_parameters(fit);
  EXPECT_EQ(law.names, parameter_names(law_form("gadre")));
  const LawPoint far{.params = 1e10, .tokens = 2e11};
  const Interval loss = predict_form(law, far);
  EXPECT_EQ(loss.value, law_form("gadre").predict(fit.values, far, nullptr));
  EXPECT_LT(*loss.low, loss.value);
  EXPECT_GT(*loss.high, loss.value);
  EXPECT_FALSE(predict_form(preset_law("gadre2024-c4").form.value(), far).low.has_value());
}

}  // namespace
}  // namespace isoflop
