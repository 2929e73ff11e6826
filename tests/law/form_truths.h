// A law of each form, near published numbers, and runs that vary in everything it looks at.
#ifndef ISOFLOP_TESTS_LAW_FORM_TRUTHS_H_
#define ISOFLOP_TESTS_LAW_FORM_TRUTHS_H_

#include <cmath>
#include <string>
#include <vector>

#include "core/observation.h"
#include "law/law_form.h"
#include "law/law_point.h"

namespace isoflop {

struct FormTruth {
  std::string form;
  std::vector<double> values;
};

inline std::vector<FormTruth> form_truths() {
  return {
      {"chinchilla", {1.8172, 482.01, 2085.43, 0.3478, 0.3658}},
      {"kaplan", {6.4e13, 1.8e13, 0.076, 0.103}},
      {"muennighoff", {1.87, 520.0, 1487.0, 0.3527, 0.3527, 15.4, 5.3}},
      {"gadre", {1.51, 141, 190, 0.121}},
      {"clark", {-0.082, -0.108, 0.009, 1.104, 1.847, 314.478}},
      {"krajewski", {0.47, 18.1, 2.1, 30.8, 0.115, 0.147, 0.58}},
      {"abnar", {0.94, 16612.5, 5455.67, 0.4598, 17.26, 0.5962, 0.3954, -0.1666, 0.1603, 0.1595}},
      {"ludziejewski",
       {1.3637, 35.91, 35.98, -0.1889, -0.2285, 0.0098, -0.1775, 0.5529, -0.0259, 2.0732,
        290.4521}},
      {"kumar",
       {2.7648, 4299, 18060, 0.4965, 0.4965, 2.6745, 0.3037, 2.2102, 1.4072, 0.9578, 2.4185, 0.1847,
        0.5068, 0.3439, 0.5907, 0}},
      {"power", {1.7, 2000, 0.16}},
      {"broken_power", {1.2, 60, 0.06, 0.12, 3e20, 0.4}},
      {"farseer", {-0.124, 0.123, 0.424, 88.01, -0.1, -6.287, -0.021, 0.169, -0.091}},
      {"sigmoid", {0.25, 0.92, 2.3, 2.4}},
      {"downstream", {0.85, 2.1, 0.75}},
  };
}

// 120 runs: 5 sizes x 4 token counts x 6 ways of training.
inline std::vector<Observation> varied_runs() {
  constexpr double kUnique[] = {1, 0.25, 0.1, 0.02, 0.5, 0.01};
  constexpr double kExperts[] = {1, 2, 8, 32, 128, 512};
  constexpr double kSparsity[] = {0, 0.5, 0.75, 0.9, 0.95, 0.98};
  constexpr double kGranularity[] = {1, 2, 4, 8, 16, 32};
  constexpr double kWeightBits[] = {4, 16, 8, 3, 6, 5};
  constexpr double kActivationBits[] = {16, 5, 6, 8, 4, 12};
  constexpr double kCacheBits[] = {6, 4, 16, 5, 8, 12};
  constexpr double kQuantizedBits[] = {3, 4, 5, 6, 8, 16};
  std::vector<Observation> runs;
  for (int n = 0; n < 5; ++n) {
    for (int d = 0; d < 4; ++d) {
      for (std::size_t way = 0; way < 6; ++way) {
        Observation run;
        run.params = 2e7 * std::pow(10, 0.75 * n);
        run.tokens = 5e8 * std::pow(10, 0.8 * d);
        run.flops = 6 * run.params * run.tokens;
        run.loss = 1.5 + 0.5 * n + 0.05 * d + 0.01 * static_cast<double>(way);
        // Shifted by size and tokens, so that no two columns go together.
        const std::size_t other = (way + 2 * static_cast<std::size_t>(n) + d) % 6;
        const std::size_t third = (way * 5 + static_cast<std::size_t>(n) + 3 * d) % 6;
        run.extra = {{"unique_tokens", run.tokens * kUnique[way]},
                     {"experts", kExperts[way]},
                     {"active_params", run.params},
                     {"sparsity", kSparsity[way]},
                     {"granularity", kGranularity[way]},
                     {"weight_bits", kWeightBits[way]},
                     {"activation_bits", kActivationBits[other]},
                     {"cache_bits", kCacheBits[third]},
                     {"quantized_bits", kQuantizedBits[(way + other) % 6]}};
        run.row = static_cast<std::int64_t>(runs.size());
        runs.push_back(run);
      }
    }
  }
  return runs;
}

// The runs with the loss (or score) that the law gives them.
inline std::vector<Observation> exact_runs(const FormTruth& truth) {
  const LawForm& form = law_form(truth.form);
  std::vector<Observation> runs = varied_runs();
  for (Observation& run : runs) {
    const double value = form.predict(truth.values, law_point(run), nullptr);
    if (form.target == LawTarget::kLoss) {
      run.loss = value;
    } else {
      run.extra["score"] = value;
    }
  }
  return runs;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_LAW_FORM_TRUTHS_H_
