// What a sweep is to contain, as read from its TOML file (io/grid_toml.h) before it is made into
// trials (sweep/grid.h).
#ifndef ISOFLOP_CORE_GRID_SPEC_H_
#define ISOFLOP_CORE_GRID_SPEC_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/flops.h"
#include "core/hyper_law.h"

namespace isoflop {

enum class GridKind {
  kIsoflop,         // budgets x sizes; D = C / FLOPs per token
  kTokens,          // sizes x tokens
  kTokensPerParam,  // sizes x (tokens / parameters)
};

// An axis that is no trial's key: passes over the data. A cell of D tokens is trained on D / epochs
// distinct ones (sweep/grid.h).
inline constexpr const char* kEpochsAxis = "epochs";

struct GridSpec {
  std::string name;    // the study's
  std::string corpus;  // name or folder of a prepared corpus; empty for synthetic data
  GridKind kind = GridKind::kIsoflop;
  FlopConvention convention = FlopConvention::k6nd;
  std::vector<double> budgets;  // FLOP, under `convention`; kIsoflop only
  // Parameter targets for the shape rule. One list for all budgets, or one list per budget.
  std::vector<std::vector<double>> sizes;
  std::vector<double> tokens;            // kTokens
  std::vector<double> tokens_per_param;  // kTokensPerParam
  // Fixed trial keys ("train.beta2" = "0.99"). Keys not named here and not set by the grid follow
  // the rules of shape_rule.h and rate_rule.h.
  std::vector<std::pair<std::string, std::string>> fixed;
  // Each axis multiplies the grid: a trial key, or kEpochsAxis, and its values.
  std::vector<std::pair<std::string, std::vector<std::string>>> axes;
  // Above 1: every size's cell with the fewest tokens is also trained at rate / bracket and rate x
  // bracket, to see that the rule's rate is not at an edge. 0: not.
  double bracket = 0;
  double batch_bracket = 0;  // the same with the batch
  // The law of rate and batch under [rates], without its draws; absent: rate_rule.h.
  std::optional<HyperLaw> rates = {};
  double target_flops = 0;  // what `isoflop demo` plans for; 0: 1,000 times the largest budget

  bool operator==(const GridSpec&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_GRID_SPEC_H_
