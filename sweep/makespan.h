// How long a sweep takes on several workers.
//
// Jobs come in chains: the next job of a chain may start `hold` seconds after the one before it
// did, as trials of a trunk may when it has reached its branch. Whenever a worker is free it takes
// the next job of the chain with the largest sum, as claims do (db/store.h).
//
// Chains of one job are Graham's longest processing time first, at most 4/3 of the best schedule
// (Graham 1969). With longer chains there is no such bound, and the estimate is what these claims
// would do if every job took its time exactly.
#ifndef ISOFLOP_SWEEP_MAKESPAN_H_
#define ISOFLOP_SWEEP_MAKESPAN_H_

#include <vector>

namespace isoflop {

struct Job {
  double hold = 0;     // until the next of its chain may start
  double seconds = 0;  // until it ends
};
using Chain = std::vector<Job>;

// Seconds from the first start to the last end. O(jobs log(jobs + workers)).
double makespan(std::vector<Chain> chains, int workers);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_MAKESPAN_H_
