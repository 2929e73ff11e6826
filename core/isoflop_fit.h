// What approach 2 finds, as plain data: each budget's minimum by three estimators, and the power
// laws N*(C) and D*(C) through the minima of the main one. Made by fit/isoflop_profiles.h.
#ifndef ISOFLOP_CORE_ISOFLOP_FIT_H_
#define ISOFLOP_CORE_ISOFLOP_FIT_H_

#include <optional>
#include <string>
#include <vector>

#include "core/law_parameters.h"
#include "core/power_law.h"

namespace isoflop {

// One IsoFLOP budget. N at the minimum by each estimator; absent where it has none.
struct BudgetProfile {
  double budget = 0;  // FLOP
  int points = 0;     // rows
  int sizes = 0;      // distinct N; rows of one size are averaged
  bool usable = false;
  std::string code;       // why not: too_few_points, not_one_budget, not_convex, not_bracketed
  std::string estimator;  // whose minimum the next three are: "akima", "parabola" or "joint"
  double params = 0;      // at the minimum
  double tokens = 0;
  double loss = 0;
  double curvature = 0;             // d2L / d(ln N)^2 of the parabola
  std::optional<double> akima;      // N at the minimum
  std::optional<double> parabola;   // N at the minimum
  std::optional<double> joint;      // N at the minimum
  std::optional<double> log_error;  // standard error of ln params
  // Largest difference of ln N between two estimators; 0 with fewer than two.
  double disagreement = 0;

  bool operator==(const BudgetProfile&) const = default;
};

// The exponents through one estimator's minima at the usable budgets.
struct EstimatorExponents {
  std::string estimator;
  int budgets = 0;
  Interval a;
  Interval b;
  double log_error = 0;  // root mean square standard error of ln N at a minimum; 0: unknown

  bool operator==(const EstimatorExponents&) const = default;
};

// Approach 2: N* = G C^a through the usable minima.
struct IsoflopFit {
  std::vector<BudgetProfile> profiles;  // ascending budgets
  Interval a;
  Interval b;
  PowerLawFit params_law;  // N*(C); with draws where the losses' noise is known
  PowerLawFit tokens_law;  // D*(C), draw by draw the same
  double level = 0.9;      // of the intervals of a and b
  bool usable = false;
  std::string why_not;  // when not usable

  std::vector<EstimatorExponents> estimators;
  double noise = 0;          // standard deviation of ln L of one run; 0: unknown
  std::string noise_source;  // "replicates", "loss_error", "residuals"; empty: unknown
  // Scatter of the minima around the power law over what the noise explains (Birge's ratio, not
  // below 1); the draws are widened by it.
  double scatter = 1;
  std::vector<Warning> warnings;

  bool operator==(const IsoflopFit&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_ISOFLOP_FIT_H_
