// Where a law is evaluated: every coordinate that some form of law_form.h asks for.
//
// A run that says nothing of a coordinate is the plain case: dense, one epoch, not quantised. Forms
// list the coordinates that must be said (LawForm::needs), so that a missing column is an error and
// not silently "dense".
#ifndef ISOFLOP_LAW_LAW_POINT_H_
#define ISOFLOP_LAW_LAW_POINT_H_

#include <limits>
#include <optional>
#include <string_view>

#include "core/observation.h"

namespace isoflop {

struct LawPoint {
  double params = 0;         // N: all parameters, in the table's way of counting
  double tokens = 0;         // D
  double flops = 0;          // C
  double unique_tokens = 0;  // U; D when not said
  double active_params = 0;  // N that a token passes through; N when not said
  double experts = 1;        // E
  double granularity = 1;    // G
  double sparsity = 0;       // S, share of experts that a token does not pass through
  double weight_bits = std::numeric_limits<double>::infinity();
  double activation_bits = std::numeric_limits<double>::infinity();
  double cache_bits = std::numeric_limits<double>::infinity();
  double quantized_bits = std::numeric_limits<double>::infinity();  // of weights, after training
  double loss = 0;  // nats per token: what the downstream forms start from
};

LawPoint law_point(const Observation& observation);

// A coordinate that the observation itself says: "params", "tokens", "flops", "loss" or a name of
// kExtraCoordinates. Sparsity is 0 of a model
// whose parameters are all active, and else follows from nothing: a share of parameters is no share
// of experts. Empty: not said.
std::optional<double> coordinate(const Observation& observation, std::string_view name);

}  // namespace isoflop

#endif  // ISOFLOP_LAW_LAW_POINT_H_
