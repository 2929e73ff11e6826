// Approach 3 of Hoffmann et al. 2022 (eq. 11): all parameters of the law from all points at once.
//
//   min over theta of  sum_i Huber_delta( ln L(N_i, D_i; theta) - ln L_i ),
//   Huber_delta(r) = r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond.
//
// The sum is minimised, not the mean: with the mean (about 4e-6 on 240 points) the absolute
// tolerances of common optimisers stop at once, wherever they are (science: Besiroglu et al. 2024
// found Hoffmann's own values to be such a stop). Here every start goes through Ceres'
// Levenberg-Marquardt and then through Newton steps with exact second derivatives until
//   max |gradient of the sum| <= 1e-9 x delta x number of points,
// and the best of the distinct ends wins.
//
// Deterministic: the same rows in the same order give the same bits, whatever the threads.
#ifndef ISOFLOP_FIT_PARAMETRIC_FIT_H_
#define ISOFLOP_FIT_PARAMETRIC_FIT_H_

#include <span>
#include <vector>

#include "core/law_fit.h"
#include "core/observation.h"

namespace isoflop {

enum class Starts {
  // A grid over (alpha, beta) with E, A, B solved linearly at each node (variable projection), of
  // which the most promising distinct nodes are refined. Milliseconds.
  kScreened,
  // The paper's: alpha, beta in {0, .5, .., 2}, ln E in {-1, -.5, .., 1}, ln A, ln B in {0, 5, ..,
  // 25};
  // 4,500 starts. Ceres brings each near an optimum; the lowest is finished, and a start from which
  // the objective falls all the way there counts as ending there; the others are finished too,
  // those
  // that Ceres left on a plateau far above with few steps. Under a second.
  kPaperGrid,
  // ParametricOptions::given and nothing else.
  kGiven,
};

struct ParametricOptions {
  double huber_delta = 1e-3;  // on ln L; the paper's value. Below its noise the fit is nearly L1
  Starts starts = Starts::kScreened;
  std::vector<LawParameters> given;  // kGiven: at least one; every E, A, B positive
  int refined = 12;                  // kScreened: how many nodes are refined
  int threads = 0;                   // 0: as many as there are cores
};

enum class FitStatus {
  kNotRun,
  kConverged,
  kNotConverged,  // the gradient tolerance was not met: numbers are there, with a warning
};

struct ParametricFit {
  FitStatus status = FitStatus::kNotRun;
  LawParameters parameters;
  double objective = 0;      // sum of Huber terms
  double gradient_norm = 0;  // max norm, in (ln E, ln A, ln B, alpha, beta)
  int starts_tried = 0;
  int starts_agreeing = 0;  // ended within 1e-6 relative of the best objective
  double second_best = 0;   // objective of the next distinct end; 0: none was met
  // Ends of the refined starts other than the best, best first, at most 4: warm starts for refits.
  std::vector<LawParameters> other_optima;
  double residual_rms = 0;  // of ln L
  // not_converged, starts_disagree, parameter_at_bound
  std::vector<Warning> warnings;

  bool usable() const { return status == FitStatus::kConverged; }
};

// The observations must have passed check_observations. Throws Error(kUsage) for a delta that is
// not positive and finite, and for given starts that are none or not finite.
ParametricFit fit_parametric(std::span<const Observation> observations,
                             const ParametricOptions& options = {});

// The objective of any law on the points, e.g. of a published one.
double huber_objective(const LawParameters& law, std::span<const Observation> observations,
                       double huber_delta = 1e-3);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_PARAMETRIC_FIT_H_
