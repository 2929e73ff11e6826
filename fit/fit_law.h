// From observations to a law with everything a careful reader wants beside it: the one call the
// program makes. check -> approach 3 -> bootstrap -> approach 2 -> backtest -> ranges and warnings.
//
// Errors: those of check_observations.h (bad values, refusals) and of bootstrap.h. What may be
// expected (a budget not bracketed, starts that disagree, no convergence) is in the result.
#ifndef ISOFLOP_FIT_FIT_LAW_H_
#define ISOFLOP_FIT_FIT_LAW_H_

#include <cstdint>
#include <span>
#include <string>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/observation.h"
#include "fit/bootstrap.h"
#include "fit/parametric_fit.h"

namespace isoflop {

struct FitOptions {
  double huber_delta = 1e-3;  // on ln L
  Starts starts = Starts::kScreened;
  BootstrapKind bootstrap = BootstrapKind::kRow;
  int draws = 1000;        // 0: no intervals
  std::uint64_t seed = 0;  // of the draws
  double level = 0.9;      // of every interval
  int threads = 0;         // 0: as many as there are cores
  bool isoflop = true;     // approach 2 beside approach 3
  bool backtest = true;
  FlopsPerToken flops = FlopsPerToken::six_n();  // the convention of C
};

// `source` goes into messages and LawFit.source. Rows without C get f(N) D. LawFit.version is left
// to the caller.
LawFit fit_law(std::span<const Observation> observations, const std::string& source,
               const FitOptions& options = {});

// SHA-256 of the rows as canonical text: "params,tokens,flops,loss,budget,seed\n", numbers shortest
// round-trip, budget empty when absent. The order of rows counts.
std::string hash_of(std::span<const Observation> observations);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FIT_LAW_H_
