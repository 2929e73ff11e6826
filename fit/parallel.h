// Independent pieces of work on a few threads. Results must go into slots of their own, so that
// they do not depend on the number of threads.
#ifndef ISOFLOP_FIT_PARALLEL_H_
#define ISOFLOP_FIT_PARALLEL_H_

#include <functional>

namespace isoflop {

// work(i) for i in [0, count), in any order; threads = 0: as many as there are cores. The first
// exception is thrown again here, after all threads have ended.
void parallel_for(int count, int threads, const std::function<void(int)>& work);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_PARALLEL_H_
