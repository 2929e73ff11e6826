// The way from a grid over epochs to the law of repeated data, with losses whose law is known.
#include <cmath>
#include <gtest/gtest.h>

#include "fit/form_fit.h"
#include "io/grid_toml.h"
#include "law/law_form.h"
#include "sweep/grid.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

// E, A, B, alpha, beta, R_D, R_N: about what bytes and small decoders have.
const std::vector<double> kTruth{1.1, 30, 60, 0.33, 0.33, 12, 6};

double true_loss(double params, double tokens, double unique) {
  const LawPoint point{.params = params, .tokens = tokens, .unique_tokens = unique};
  return law_form("muennighoff").predict(kTruth, point, nullptr);
}

// The law's loss at a trial's N, D and distinct tokens, up to 0.1 % off.
Outcome repeats_outcome(const Trial& trial, int count) {
  const double cap = trial.data.unique_tokens;
  const double unique = cap > 0 ? cap : trial.train.tokens;
  const double loss = true_loss(params_of(trial), trial.train.tokens, unique);
  return {.status = OutcomeStatus::kDone,
          .reason = "",
          .evaluations = {{.loss = loss * (1 + 1e-3 * std::sin(1.7 * count))}},
          .tokens = trial.train.tokens,
          .unique_tokens = unique,
          .epochs = trial.train.tokens / unique};
}

TEST(RepeatsTest, ASweepOverEpochsGivesTheLawOfRepeatedData) {
  const GridSpec spec = read_grid(ISOFLOP_SOURCE_DIR "/examples/repeats.toml");
  const Grid grid = expand(spec, {.corpus_hash = "abc", .unique_tokens = 19e6, .vocab = 256});
  ASSERT_EQ(grid.trials.size(), 64u);
  const TestSweep sweep(grid.trials);
  Store store(sweep.path());
  int count = 0;
  while (const auto claim = store.claim_next("s", {})) {
    EXPECT_TRUE(store.finish(*claim, repeats_outcome(claim->trial, ++count)));
  }
  const std::vector<Observation> runs = store.results("s", FlopConvention::k6nd);
  ASSERT_EQ(runs.size(), 64u);

  const FormFit fit = fit_form(law_form("muennighoff"), runs);
  ASSERT_TRUE(fit.usable());
  // Beyond the grid: twice its largest size and tokens, and passes between and beyond the axis'.
  // Losses scatter by 0.07 % rms; 64 of them fix six numbers, so that 0.5 % is several errors wide.
  for (const double params : {10e3, 100e3}) {
    for (const double tokens : {3e6, 16e6}) {
      for (const double epochs : {1.0, 2.0, 8.0, 32.0, 100.0}) {
        const LawPoint point{.params = params, .tokens = tokens, .unique_tokens = tokens / epochs};
        const double predicted = law_form("muennighoff").predict(fit.values, point, nullptr);
        const double truth = true_loss(params, tokens, tokens / epochs);
        EXPECT_NEAR(predicted / truth, 1, 0.005)
            << "N " << params << " D " << tokens << " in " << epochs;
      }
    }
  }
}

}  // namespace
}  // namespace isoflop
