// A plan as plain data: what plan/ makes and people read.
#ifndef ISOFLOP_CORE_PLAN_H_
#define ISOFLOP_CORE_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "core/law_fit.h"
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

struct Plan {
  double flops = 0;
  std::string convention;  // of C
  std::string law;
  std::string citation;
  Interval params;
  Interval tokens;
  Interval loss;
  double interval_level = 0.9;
  NearOptimal near_optimal;
  PlannedShape shape;
  std::optional<double> extrapolation;  // C / largest fitted C; absent for presets
  std::vector<Warning> warnings;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_PLAN_H_
