// Looks before a sweep for what would stop it hours later: see sweep/preflight.h.
#ifndef ISOFLOP_APP_BEFORE_SWEEP_H_
#define ISOFLOP_APP_BEFORE_SWEEP_H_

#include <string>

#include "app/study.h"

namespace isoflop {

// For the study's trials that have still to be run. Says notes on stderr; throws Error(kFailed)
// where the sweep could not end.
void check_before_sweep(const std::string& study, const RunOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_APP_BEFORE_SWEEP_H_
