// What `isoflop sweep` says about a study: how far it is, what its trunks save, what its brackets
// of learning rates show.
#ifndef ISOFLOP_APP_SWEEP_TEXT_H_
#define ISOFLOP_APP_SWEEP_TEXT_H_

#include <string>
#include <vector>

#include "core/rate_rung.h"
#include "core/sweep_status.h"
#include "io/json.h"

namespace isoflop {

// "shared trunks: 6.1e12 FLOP instead of 9.7e12 (63 %)"
std::string trunks_text(double flops, double flops_alone);

// A line of counts, one for shared trunks if there are any, and the table of rungs with a line for
// each whose best rate is at the edge.
std::string status_text(const SweepStatus& status, const std::vector<RateRung>& rungs);

// The same for programs; the keys are in docs/design.md.
Json status_json(const SweepStatus& status, const std::vector<RateRung>& rungs);

// "the best rate of the 120k rung is at the upper edge of its bracket: ..."
std::string edge_warning(const RateRung& rung);

}  // namespace isoflop

#endif  // ISOFLOP_APP_SWEEP_TEXT_H_
