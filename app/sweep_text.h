// What `isoflop sweep` says about a study to people: how far it is, what runs, what went wrong and
// what helps, what its trunks save, what its brackets of learning rates show. The same for programs
// is app/status_json.h.
#ifndef ISOFLOP_APP_SWEEP_TEXT_H_
#define ISOFLOP_APP_SWEEP_TEXT_H_

#include <map>
#include <string>
#include <vector>

#include "core/rate_rung.h"
#include "core/sweep_view.h"
#include "forecast/forecast.h"

namespace isoflop {

// All that a status is made from.
// Training losses of running trials, by identity.
using RunningCurves = std::map<std::string, std::vector<double>>;

struct StatusAnswer {
  SweepView view = {};
  std::vector<RateRung> rungs = {};
  std::map<std::string, Forecast> forecasts = {};  // of running trials, by identity
  DeviceRates rates = {};
  RunningCurves curves = {};     // of running trials, for sparklines
  bool utf8 = false;             // blocks, or ASCII
  std::string store_flags = {};  // " --db runs.db --study demo", for the commands that it names
};

// "shared trunks: 6.1e12 FLOP instead of 9.7e12 (63 %)"
std::string trunks_text(double flops, double flops_alone);

// "the best rate of the 120k rung is at the upper edge of its bracket: ..."
std::string edge_warning(const RateRung& rung);

// The answer in one line: how far, how long still, what is wrong. Without a line's end.
std::string headline(const StatusAnswer& answer);

// Headline, table by budget or size, what runs, failures, costs, rungs.
std::string status_text(const StatusAnswer& answer);

// "isoflop sweep retry --oom --db runs.db", for trials in that state.
std::string retry_command(const std::string& state, const std::string& store_flags);

}  // namespace isoflop

#endif  // ISOFLOP_APP_SWEEP_TEXT_H_
