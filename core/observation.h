// One point of a loss surface: what a fit reads, from a store or from somebody's table.
#ifndef ISOFLOP_CORE_OBSERVATION_H_
#define ISOFLOP_CORE_OBSERVATION_H_

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

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

  bool operator==(const Observation&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_OBSERVATION_H_
