// Answers of `isoflop compare` as plain data: published or imagined models under laws, two fits,
// and measured sizes at equal budgets.
//
// Losses in nats per token, or in bits per byte where bytes per token were given; compute in FLOP.
#ifndef ISOFLOP_CORE_COMPARISON_H_
#define ISOFLOP_CORE_COMPARISON_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/law_fit.h"
#include "core/model_config.h"

namespace isoflop {

// --- Models under laws (plan/compare_models.h).

// A model that has, or would have, N parameters and D tokens.
struct ComparedModel {
  std::string name;
  double params = 0;                      // N; of a sparse model the active ones
  double tokens = 0;                      // D
  std::optional<double> total_params;     // of a sparse model
  std::optional<double> published_flops;  // as its authors state them
  std::optional<ModelConfig> shape;       // where it is known
};

// Training FLOPs of one model under one named way of counting.
struct CountedFlops {
  std::string convention;  // "6nd", "published", "hoffmann", "hoffmann-layers"
  double flops = 0;
};

struct ModelCosts {
  double tokens_per_param = 0;
  std::vector<CountedFlops> training;
  double inference = 0;        // FLOPs to serve a token: 2 N
  double fine_tuning = 0;      // FLOPs to train on one token more: 6 N
  double inference_ratio = 1;  // to the reference's
  double fine_tuning_ratio = 1;
};

// One model under one law. Intervals over the law's draws; each draw gives every number itself, so
// that those of differences are paired.
struct ModelUnderLaw {
  Interval loss;
  Interval difference;       // loss - the reference's loss
  Interval waste;            // C / C_opt(L): compute, in units of what its loss needs; at least 1
  Interval loss_to_optimum;  // L - L*(C)
  double flops = 0;          // C, under the law's convention
  Interval best_params;      // N*, D*, L* at its own C
  Interval best_tokens;
  Interval best_loss;
  std::optional<double> better_share;  // of the draws in which it beats the reference
};

struct LawVerdict {
  std::string law;  // a preset's name or the fit's file
  std::string citation;
  std::string convention;
  double interval_level = 0.9;
  std::vector<ModelUnderLaw> models;  // in the order of ModelComparison::models
  std::size_t best = 0;               // lowest predicted loss
  std::vector<Warning> warnings;
};

struct ModelComparison {
  std::vector<ComparedModel> models;
  std::vector<ModelCosts> costs;
  std::size_t reference = 0;  // predicted best under the most laws
  std::vector<LawVerdict> laws;
  std::vector<Warning> warnings;
};

// --- Two fits (plan/compare_fits.h).

struct FitsAtBudget {
  double flops = 0;
  Interval loss_a;
  Interval loss_b;
  Interval difference;             // A - B; below zero: A is better
  std::optional<double> a_better;  // P(L*_A < L*_B), draws being independent; absent: no draws
  // How many times C law B needs for L*_A(C). Absent: B never gets there.
  std::optional<Interval> multiplier;
  double never_share = 0;  // of the pairs of draws in which B never gets there
  Interval params_a, params_b;
  Interval tokens_a, tokens_b;
};

struct Crossover {
  Interval flops;
  bool a_wins_above = false;  // A is better at larger budgets
  double share = 0;           // of the pairs of draws that cross at all; 0 without draws
};

struct FitComparison {
  std::string name_a;
  std::string name_b;
  std::string convention;  // of every C
  std::string unit = "nats per token";
  double interval_level = 0.9;
  FitsAtBudget at;                    // the budget asked for
  std::vector<FitsAtBudget> budgets;  // from the smallest fitted to beyond the largest
  double crossing_low = 0;            // the range that was searched for a crossover
  double crossing_high = 0;
  std::vector<Crossover> crossovers;
  double crossing_share = 0;  // of the pairs of draws that cross anywhere in the range
  std::vector<Warning> warnings;
};

// --- Measured sizes at equal budgets (plan/compare_sizes.h).

struct MeasuredSize {
  double params = 0;
  double tokens = 0;
  double flops_6nd = 0;
  std::optional<double> flops_exact;
  int seeds = 0;
  double loss = 0;                  // mean over seeds
  std::optional<double> deviation;  // of one seed; absent with a single one
};

// A size against the best of its budget.
struct SizeDuel {
  std::size_t size = 0;                  // index into BudgetDuel::sizes
  double difference = 0;                 // its mean loss - the best's, at least 0
  std::optional<double> standard_error;  // of the difference; absent: too few seeds
  std::optional<double> errors;          // difference / standard error; absent too where that is 0
  double inference_ratio = 1;            // 2 N per token, to the best's
};

struct BudgetDuel {
  double budget = 0;
  std::vector<MeasuredSize> sizes;  // by N
  std::size_t best = 0;
  std::vector<SizeDuel> others;
};

struct SizeComparison {
  std::string study;
  std::vector<BudgetDuel> budgets;
  std::vector<Warning> warnings;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_COMPARISON_H_
