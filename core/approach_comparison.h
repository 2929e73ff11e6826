// The three approaches side by side at one budget, as plain data. Made by
// fit/approach_comparison.h.
#ifndef ISOFLOP_CORE_APPROACH_COMPARISON_H_
#define ISOFLOP_CORE_APPROACH_COMPARISON_H_

#include <optional>
#include <string>
#include <vector>

#include "core/law_parameters.h"

namespace isoflop {

// What one approach says of a budget.
struct ApproachAnswer {
  int approach = 0;  // 1 envelope, 2 IsoFLOP, 3 parametric
  bool usable = false;
  std::string code;  // why not, for scripts
  std::string why_not;
  Interval a;
  Interval b;
  Interval params;  // N*(C)
  Interval tokens;  // D*(C)
  std::optional<Interval> loss;

  bool operator==(const ApproachAnswer&) const = default;
};

struct ApproachPair {
  int first = 0;
  int second = 0;
  double ratio = 1;         // N* of the second over N* of the first
  std::optional<double> z;  // ln ratio in units of the combined error; absent: an error is unknown

  bool operator==(const ApproachPair&) const = default;
};

struct ApproachComparison {
  double flops = 0;
  double level = 0.9;
  std::vector<ApproachAnswer> answers;
  std::vector<ApproachPair> pairs;  // of usable answers
  std::string verdict;              // a plain sentence
  std::vector<Warning> warnings;    // approaches_disagree

  bool operator==(const ApproachComparison&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_APPROACH_COMPARISON_H_
