// A study's trials as runs whose rate and batch may have been varied (fit/hyper_fit.h).
#ifndef ISOFLOP_APP_TUNED_RUNS_H_
#define ISOFLOP_APP_TUNED_RUNS_H_

#include <string>
#include <vector>

#include "core/hyper_fit.h"
#include "db/store.h"

namespace isoflop {

// Trials that are done or have diverged, of the grid and of its brackets, with what the program's
// rule says for each; trials whose trainer has no rate are left out.
std::vector<TunedRun> tuned_runs_of(const Store& store, const std::string& study,
                                    const std::string& heldout);

}  // namespace isoflop

#endif  // ISOFLOP_APP_TUNED_RUNS_H_
