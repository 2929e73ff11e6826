// One point of a loss surface: what a fit reads, from a store or from somebody's table.
#ifndef ISOFLOP_CORE_OBSERVATION_H_
#define ISOFLOP_CORE_OBSERVATION_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

// What else a table may say of a run, by name: coordinates of laws beyond L(N, D), and other ways
// of counting the same run.
inline constexpr std::array<std::string_view, 12> kExtraCoordinates = {
    "unique_tokens",        // U: distinct training tokens; epochs are D / U
    "nonembedding_params",  // N without embeddings, positions and head
    "exact_flops",          // C under convention "exact"
    "active_params",        // N that a token passes through, of a sparse model
    "experts",              // E
    "granularity",          // G: how many times narrower than a dense feed-forward an expert is
    "sparsity",             // S: share of experts that a token does not pass through
    "weight_bits",          // precision of weights,
    "activation_bits",      // of activations,
    "cache_bits",           // of keys and values,
    "quantized_bits",       // and of weights rounded after training
    "score",                // a downstream task's, between 0 and 1
};

struct Observation {
  double params = 0;             // N
  double tokens = 0;             // D
  double flops = 0;              // C, under the table's convention
  double loss = 0;               // nats per token
  double loss_error = 0;         // standard error of the loss; 0: unknown
  std::optional<double> budget;  // the IsoFLOP budget it was planned for, FLOP
  std::int64_t seed = 0;
  std::string trial;     // identity, or the row's label in an imported table
  std::int64_t row = 0;  // data row in its table, from 0
  // The training run that the point is of; points of one run share its noise. Empty: its own run.
  std::string run;
  std::map<std::string, double> extra;  // by names of kExtraCoordinates; absent: unknown

  bool operator==(const Observation&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_OBSERVATION_H_
