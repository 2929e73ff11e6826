// The words that every result about losses is made of: an interval, a warning, a law's parameters.
#ifndef ISOFLOP_CORE_LAW_PARAMETERS_H_
#define ISOFLOP_CORE_LAW_PARAMETERS_H_

#include <optional>
#include <string>

namespace isoflop {

struct Interval {
  double value = 0;
  std::optional<double> low;  // absent where no uncertainty is known
  std::optional<double> high;

  bool operator==(const Interval&) const = default;
};

struct Warning {
  std::string code;  // stable, for scripts
  std::string message;

  bool operator==(const Warning&) const = default;
};

// L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, eq. 10). Losses in nats per token.
struct LawParameters {
  double E = 0;
  double A = 0;
  double B = 0;
  double alpha = 0;
  double beta = 0;

  bool operator==(const LawParameters&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_LAW_PARAMETERS_H_
