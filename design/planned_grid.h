// How well a planned grid would answer, before any of it is run.
//
// Sweeps of the planned points are simulated: ln L = ln L_law(N, D) + noise, with a law taken for
// true. Each is fitted as real runs would be (approach 3), and where the fits put N*, L* and a is
// the sampling distribution that an honest interval has to be as wide as. It holds as far as the
// law taken for true and the noise do: a grid is judged by how it constrains a law of that form,
// not by whether the form is right.
//
// Deterministic: simulation k depends on the seed and k only, whatever the threads.
//
// Errors: those of fit/check_observations.h for points that cannot determine the law (one budget,
// two sizes, ...), so that a hopeless grid is refused before it is run; Error(kUsage) for options
// out of range.
#ifndef ISOFLOP_DESIGN_PLANNED_GRID_H_
#define ISOFLOP_DESIGN_PLANNED_GRID_H_

#include <cstdint>
#include <span>
#include <string>

#include "core/design_answer.h"
#include "core/flops.h"
#include "core/law_fit.h"
#include "core/observation.h"

namespace isoflop {

struct PlannedGridOptions {
  LawParameters truth;
  FlopsPerToken flops = FlopsPerToken::six_n();
  double target_flops = 0;  // C at which N* is wanted
  double noise = 0.003;     // standard deviation of ln L
  int simulations = 300;
  std::uint64_t seed = 0;
  double level = 0.9;
  int threads = 0;  // 0: as many as there are cores
};

// Params, tokens and flops of `points` are used; their losses are not looked at. `source` goes into
// messages.
PlannedGridAnswer simulate_planned_grid(std::span<const Observation> points,
                                        const std::string& source,
                                        const PlannedGridOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_PLANNED_GRID_H_
