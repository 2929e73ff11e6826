// Dense or sparse, as plain data: what plan/sparse_plan.h makes and people read.
#ifndef ISOFLOP_CORE_SPARSE_PLAN_H_
#define ISOFLOP_CORE_SPARSE_PLAN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/law_parameters.h"
#include "core/loss_unit.h"

namespace isoflop {

// The best model of one number of experts.
struct ExpertsChoice {
  double experts = 1;  // E
  bool dense = false;  // every token passes through all of it
  Interval params;     // N that a token passes through
  Interval tokens;     // D
  Interval loss;
  double total_params = 0;
  double bytes = 0;     // of all parameters
  bool capped = false;  // N is what the memory allows; more would be better
  bool inside = true;   // the law's range of experts
  // To the best dense model under the same terms: the loss less its loss, the share of draws in
  // which this one has the lower loss, and what the dense one would have to spend for this loss, as
  // a multiple of the budget. Absent for the dense one, and where there is none.
  std::optional<Interval> less_dense;
  std::optional<double> wins;
  std::optional<double> dense_compute;  // absent too where the dense one never gets there
};

struct ExpertsTable {
  std::vector<ExpertsChoice> choices;  // ascending E
  std::size_t best = 0;
};

struct SparsePlan {
  double flops = 0;
  std::string convention = "6nd";  // of active parameters
  std::string law;
  std::string citation;
  std::string loss_unit = kNatsPerToken;
  double interval_level = 0.9;
  std::optional<double> granularity;
  bool has_dense = true;
  ExpertsTable equal_flops;   // whatever it weighs
  ExpertsTable equal_memory;  // and all parameters at most memory_params
  double memory_params = 0;
  double bytes_per_param = 2;
  bool memory_given = false;  // else what the first table's dense (or lightest) model weighs
  std::vector<Warning> warnings;
  std::vector<std::string> assumptions;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SPARSE_PLAN_H_
