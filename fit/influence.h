// Which group of runs does not follow the law of the others, and what N* is with and without it.
//
// Deleting one row at a time hides groups: the partners of a foreign row hold the fit where it was
// (masking), and the fit that they bend makes good rows look bad (swamping). So the search goes
// forward (Atkinson and Riani 2000; Hadi and Simonoff 1993): it begins with a core that any bad
// group of less than half the rows is outside of, and lets rows in, the best fitting first,
// refitting the law each time.
//
//   1. Core: of many small random subsets the law whose residuals have the smallest median |r| over
//      all rows (least median of squares, Rousseeuw 1984), plus the law of all rows as one
//      candidate.
//   2. Growth: the m + 1 rows of smallest |r| under the law of m rows become the next subset.
//   3. Stop: at each step the row that would come in has |r| / s, where s is the spread of the rows
//      inside. Rows are foreign from where that ratio stays beyond what clean data of this design
//      give with probability 1 - level; the same search on simulated clean data gives that bound.
//
// The group is then deleted in the order that moves ln N*(budget) most at each step, and rows whose
// absence moves ln N* by less than its own standard error at the end come back in.
//
// Deterministic for a seed. Milliseconds per hundred rows: every refit is warm-started (newton.h).
#ifndef ISOFLOP_FIT_INFLUENCE_H_
#define ISOFLOP_FIT_INFLUENCE_H_

#include <cstdint>
#include <span>

#include "core/diagnostics.h"
#include "core/flops.h"
#include "core/observation.h"

namespace isoflop {

struct InfluenceOptions {
  double budget = 0;  // C at which N* is compared; 0: 100 times the largest C of the rows
  double huber_delta = 1e-3;
  double level = 0.01;  // chance that clean data would name any row at all
  std::uint64_t seed = 0;
  int threads = 0;  // 0: as many as there are cores
  FlopsPerToken flops = FlopsPerToken::six_n();
};

// `law` is the fit of all rows. The rows must have passed check_observations; their C is not used.
// Fewer than 15 rows cannot be searched: why_not says so.
Influence find_influence(std::span<const Observation> observations, const LawParameters& law,
                         const InfluenceOptions& options = {});

// N*, D* and L* of a law at a budget, with its objective on the rows.
LawAnswer answer_of(const LawParameters& law, std::span<const Observation> observations,
                    double budget, const FlopsPerToken& flops, double huber_delta);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_INFLUENCE_H_
