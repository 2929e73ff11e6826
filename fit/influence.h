// Which group of runs does not follow the law of the others, and what N* is with and without it.
//
// Deleting one row at a time hides groups: the partners of a foreign row hold the fit where it was
// (masking), and the fit that they bend makes good rows look bad (swamping). So the search goes the
// other way, from a core that a bad group is outside of:
//
//   1. Core: the three quarters of the rows that one law fits best. From the fit of all rows and
//      from random subsets, concentration steps (Rousseeuw and Van Driessen 1999): keep the rows of
//      smallest |r|, refit, repeat; the lowest objective of the kept rows wins.
//   2. Growth: all rows with |r| <= cutoff x s come in, s = 1.4826 x median |r|, and the law is
//      refitted, until nothing changes. A row that only fits because the fit leans on it (leverage)
//      is tried without it.
//   3. The rows that stay outside are the group. The most foreign leaves first, and N*(budget) is
//      given as each leaves (of more than 64 rows, as each batch of them does).
//
// Cutoff: from a null distribution. A fit whose Huber delta is below the noise is nearly least
// absolute deviations, whose likelihood is Laplace's; the largest of n such residuals is beyond c s
// with probability level at c = ln(n / level) / 1.0277 (s is 1.0277 Laplace scales). Simulated
// clean tables, the fitted law on the same design with Laplace noise, say by which factor the fit
// itself (leverage) moves the median of that maximum. Real residuals have tails: normal ones would
// be named too often.
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
  // Chance that clean data would name any row at all: three standard deviations, as on control
  // charts.
  double level = 0.0027;
  std::uint64_t seed = 0;
  int threads = 0;  // 0: as many as there are cores
  FlopsPerToken flops = FlopsPerToken::six_n();
};

// `law` is the fit of all rows. The rows must have passed check_observations. Fewer than 12 rows
// cannot be searched: why_not says so. Where more than a quarter of the rows would be named, the
// form does not fit: why_not says that, and no row is named.
Influence find_influence(std::span<const Observation> observations, const LawParameters& law,
                         const InfluenceOptions& options = {});

// influential_rows, when there are any; form_misfit, when too many rows were foreign to one law.
std::vector<Warning> warnings_of(const Influence& influence);

// N*, D* and L* of a law at a budget, with its objective on the rows.
LawAnswer answer_of(const LawParameters& law, std::span<const Observation> observations,
                    double budget, const FlopsPerToken& flops, double huber_delta);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_INFLUENCE_H_
