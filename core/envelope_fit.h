// What approach 1 finds, as plain data: which run is lowest at which compute, and the power laws
// N*(C) and D*(C) along that envelope. Made by fit/envelope.h.
#ifndef ISOFLOP_CORE_ENVELOPE_FIT_H_
#define ISOFLOP_CORE_ENVELOPE_FIT_H_

#include <optional>
#include <string>
#include <vector>

#include "core/law_parameters.h"
#include "core/power_law.h"

namespace isoflop {

// A stretch of compute over which one size is the lowest.
struct EnvelopeStep {
  double params = 0;
  std::string runs;  // the runs of that size on the envelope, "190M-2xC, 190M-5xC"
  double flops_low = 0;
  double flops_high = 0;
  double tokens_low = 0;
  double tokens_high = 0;
  double loss = 0;         // at flops_high
  int grid_points = 0;     // of the log-spaced values of C
  bool bracketed = false;  // false: the smallest or largest size, which no other one confirms

  bool operator==(const EnvelopeStep&) const = default;
};

// The exponent over a third of the envelope (in ln C); absent with fewer than two sizes in it.
struct EnvelopeThird {
  double flops_low = 0;
  double flops_high = 0;
  std::optional<double> a;

  bool operator==(const EnvelopeThird&) const = default;
};

struct EnvelopeFit {
  bool usable = false;
  std::string code;  // when not usable: no_curves, not_cooled_down, too_few_sizes, not_bracketed
  std::string why_not;

  int runs = 0;                     // used
  int sizes = 0;                    // distinct N of them
  std::vector<EnvelopeStep> steps;  // ascending C
  double flops_low = 0;             // range of the bracketed steps
  double flops_high = 0;
  Interval a;
  Interval b;
  PowerLawFit params_law;
  PowerLawFit tokens_law;
  double level = 0.9;
  std::string interval_method;
  // Least squares of ln N on ln C as printed, which k equal steps flatten by 1 - 1 / k^2.
  double a_as_printed = 0;
  std::vector<EnvelopeThird> thirds;  // first, middle, last
  std::vector<Warning> warnings;

  bool operator==(const EnvelopeFit&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_ENVELOPE_FIT_H_
