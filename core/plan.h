// A plan as plain data: what plan/ makes and people read.
#ifndef ISOFLOP_CORE_PLAN_H_
#define ISOFLOP_CORE_PLAN_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/law_fit.h"
#include "core/loss_unit.h"
#include "core/model_config.h"

namespace isoflop {

// Every N in [params_low, params_high], trained with C, is as good as the best model of
// C / (1 + extra_compute): choosing it wastes at most that share.
struct NearOptimal {
  double extra_compute = 0.05;
  double params_low = 0;
  double params_high = 0;
  double loss_difference = 0;  // to the optimum, at the band's worse edge
};

// A shape of the rule near N*, and what it would cost.
struct PlannedShape {
  ModelConfig model;
  double params = 0;
  double tokens = 0;  // at the plan's budget
  double loss = 0;    // predicted
};

// Another size at the same budget, and what it wastes: it is as good as the best model of
// C / (1 + extra_compute).
struct SizePrice {
  double factor = 1;  // of N*
  double params = 0;
  double tokens = 0;
  double loss = 0;
  double loss_difference = 0;
  double extra_compute = 0;
};

// What the free choice would have been, where a size, a token count or a cap was asked for.
struct AgainstOptimum {
  double params = 0;
  double tokens = 0;
  double loss = 0;
  double loss_difference = 0;  // of the plan to it
  double extra_compute = 0;    // that the plan spends beyond the best model of its loss
};

// Peak rate and batch by one published law.
struct RateAdvice {
  std::string law;       // "steplaw"
  std::string citation;  // with the range that it was measured in
  std::optional<double> rate;
  std::optional<double> batch_tokens;
  std::optional<double> steps;  // D / batch
  bool inside = true;           // the range that it was measured in
};

struct TrainingAdvice {
  std::vector<RateAdvice> laws;
  double critical_batch_tokens = 0;  // Kaplan et al. 2020, at the predicted loss
};

// Where the budget goes, FLOP.
struct Spending {
  double training = 0;
  double fine_tuning = 0;
  double inference = 0;  // over the model's life
  double total = 0;
};

// The same on given devices.
struct DeviceCost {
  std::string device;
  double count = 1;
  std::string precision;
  double peak_flops = 0;  // one device's, FLOP/s
  double mfu = 0;
  double seconds = 0;  // of training and fine-tuning
  double device_hours = 0;
  std::optional<double> watts;       // one device's
  std::optional<double> energy_kwh;  // of the devices alone
  std::optional<double> price;       // of one device's hour, US dollars
  std::string price_source;
  std::optional<double> money;  // US dollars
};

// What the model weighs.
struct MemoryNeed {
  double weights = 0;         // bytes, to serve it at the plan's precision
  double training_state = 0;  // bytes: weights, gradients, AdamW's moments
  std::optional<double> per_device;
  std::optional<double> devices;  // fewest whose memory holds the training state
};

// What a size needs for the loss of the plan. Tokens are absent where it cannot reach it.
struct IsoLossRow {
  double params = 0;
  std::optional<double> tokens;
  std::optional<double> flops;
  std::optional<double> extra_compute;  // beyond the cheapest size
};

// Two sizes at one loss: L(small, D1) = L(large, D2).
struct SizeTrade {
  double small = 0;  // parameters
  double large = 0;
  std::optional<double> loss;              // the plan's
  std::optional<double> small_tokens;      // at that loss; absent: out of the small one's reach
  std::optional<double> large_tokens;      // absent: out of both's reach
  double ratio = 10;                       // the folk claim's D1 / D2
  std::optional<double> ratio_at_small;    // D1 at which it holds
  std::optional<double> ratio_at_large;    // D2 there
  std::optional<double> ratio_at_loss;     // the loss there
  std::optional<double> beyond_small_one;  // D2 from which on no D1 reaches the loss
};

struct PlanBudget {
  std::string kind;  // flops | devices | money | loss
  std::string text;  // as it was given
};

struct Plan {
  double flops = 0;        // the whole budget, as asked for or as the loss needs
  std::string convention;  // of C
  std::string law;
  std::string citation;
  Interval params;  // N: active ones of a sparse model
  Interval tokens;
  Interval loss;
  std::string loss_unit = kNatsPerToken;      // the fit's
  std::string params_counted = "total";       // what every N counts: the fit's
  std::map<std::string, std::string> recipe;  // the fit's: what its trials were
  double interval_level = 0.9;
  NearOptimal near_optimal;
  PlannedShape shape;
  std::optional<double> extrapolation;  // C / largest fitted C; absent for presets
  std::vector<Warning> warnings;

  PlanBudget budget;
  std::optional<Interval> needed_flops;  // of a target loss
  std::string binding;  // params | tokens | max_params | memory | latency; empty: a free optimum
  std::optional<AgainstOptimum> against_optimum;
  std::vector<SizePrice> price_of_size;
  std::optional<double> total_params;  // of a sparse model
  std::optional<double> unique_tokens;
  std::optional<double> epochs;
  double inference_tokens = 0;
  double fine_tune_tokens = 0;
  std::optional<Spending> spending;
  std::optional<TrainingAdvice> training;
  std::optional<DeviceCost> cost;
  std::optional<MemoryNeed> memory;
  std::vector<IsoLossRow> iso_loss;
  std::optional<SizeTrade> size_trade;
  std::vector<std::string> assumptions;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_PLAN_H_
