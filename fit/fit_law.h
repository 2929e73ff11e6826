// From observations to a law with everything a careful reader wants beside it: the one call the
// program makes. check -> law -> draws -> approaches 2 and 1 -> noise, diagnostics -> backtest.
//
// The Chinchilla law without constraints goes the fast way (parametric_fit.h, bootstrap.h), any
// other form and any constraint through form_fit.h.
//
// Errors: those of check_observations.h (bad values, refusals), form_fit.h and bootstrap.h. What
// may be expected (a budget not bracketed, starts that disagree, no convergence) is in the result.
#ifndef ISOFLOP_FIT_FIT_LAW_H_
#define ISOFLOP_FIT_FIT_LAW_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/observation.h"
#include "core/params_counted.h"
#include "core/training_curve.h"
#include "fit/backtest.h"
#include "fit/bootstrap.h"
#include "fit/check_observations.h"
#include "fit/parametric_fit.h"
#include "law/constraints.h"

namespace isoflop {

struct FitOptions {
  std::string law = "chinchilla";  // a form of law/law_form.h
  std::vector<ParameterConstraint> constraints;
  std::optional<double> huber_delta;  // absent: the form's own; 1e-3 on ln L for Chinchilla's
  Starts starts = Starts::kScreened;
  std::vector<LawParameters> given_starts;  // Starts::kGiven
  BootstrapKind bootstrap = BootstrapKind::kRow;
  int draws = 1000;        // 0: no intervals
  std::uint64_t seed = 0;  // of the draws
  double level = 0.9;      // of every interval
  int threads = 0;         // 0: as many as there are cores
  // 3: the law, with approach 2 as its check. 1, 2: only that, no law. 0: all three.
  int approach = 3;
  std::vector<TrainingCurve> curves;  // for approach 1
  bool isoflop = true;                // approach 2 beside approach 3
  bool backtest = true;
  BacktestOptions hiding;    // what the backtest hides
  bool diagnostics = false;  // influence, residuals, identifiability, conventions, model choice
  bool profiles = false;     // profile likelihood of each parameter
  double at = 0;             // C at which answers are compared; 0: 100 times the largest
  CheckOptions check;
  FlopsPerToken flops = FlopsPerToken::six_n();  // the convention of C
  // What the rows' N counts (core/params_counted.h): the caller has chosen it, the fit says it.
  ParamsCounted counted = ParamsCounted::kTotal;
};

// `source` goes into messages and LawFit.source. Rows without C get f(N) D. LawFit.version is left
// to the caller.
LawFit fit_law(std::span<const Observation> observations, const std::string& source,
               const FitOptions& options = {});

// SHA-256 of the rows as canonical text: "params,tokens,flops,loss,budget,seed,name=value..\n" with
// the further coordinates by name, numbers shortest
// round-trip, budget empty when absent. The order of rows counts.
std::string hash_of(std::span<const Observation> observations);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FIT_LAW_H_
