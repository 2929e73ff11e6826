// What a look at a sweep shows: how far each part of its grid is, what runs, what went wrong, what
// it has cost, and when it will be done.
//
// The time left is what the store has measured, not what the cost model thought:
//
//   worker seconds left = sum over sizes N of  FLOP left at N / FLOP/s of a worker at N
//   seconds left        = worker seconds left / workers that run now
//
// FLOP/s at N is that of the study's attempts at this size so far, or at the nearest size (in log
// N) that has any; before the first attempt has ended, that of the running ones. It counts on as
// many workers as run now until the end, and on no further failures.
//
// Units: moments are Unix seconds, durations seconds, FLOPs "exact", energy kWh, money US dollars.
#ifndef ISOFLOP_CORE_SWEEP_VIEW_H_
#define ISOFLOP_CORE_SWEEP_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sweep_status.h"

namespace isoflop {

// A line of the table: the trials of one budget, or of one size where there are no budgets; of a
// power of ten of them where there are more than kMostGroups.
struct SweepGroup {
  bool bracket = false;   // trials beside the grid, at other rates or batches
  double budget_low = 0;  // 0: no budgets
  double budget_high = 0;
  double params_low = 0;
  double params_high = 0;
  SweepStatus status = {};  // trials by state, flops_total and flops_done
};
inline constexpr std::size_t kMostGroups = 40;

// An attempt that has not ended.
struct LiveAttempt {
  std::string identity = {};  // of its trial
  double params = 0;
  double tokens = 0;
  double tokens_done = 0;
  double flops = 0;       // of the whole trial
  double flops_done = 0;  // of what the trial costs beyond its trunk
  std::string host = {};
  std::int64_t pid = 0;
  std::string device = {};
  std::string held_by = {};  // "slurm 1234", for a trial that another host runs
  std::int64_t number = 0;   // which attempt at the trial
  std::int64_t micro_batch = 0;
  double started = 0;
  double heartbeat = 0;
  double lease = 0;   // seconds of silence after which others may take the trial
  bool gone = false;  // its process is dead or its lease is over: the next `sweep run` takes over.
                      // Never for what another host holds
  std::optional<double> train_loss = {};  // the last that was written
  std::optional<double> heldout_loss = {};
};

// Trials leased to a holder elsewhere, whether it has begun them or not.
struct HeldTrials {
  std::string holder = {};
  std::int64_t trials = 0;
};

// Trials that ended in one state, with what the most of them (of the first 200) say.
struct FailureClass {
  std::string state = {};  // failed, out_of_memory or diverged
  std::int64_t trials = 0;
  std::string reason = {};
  std::int64_t with_reason = 0;
  std::string identity = {};  // of the first such trial
  std::string log = {};       // the end of its log
};

// What ended and running attempts have cost on one device.
struct DeviceUse {
  std::string device = {};
  std::int64_t attempts = 0;
  double seconds = 0;
  double flops = 0;
  double energy = 0;  // joules, measured, of `metered` of the seconds
  double metered = 0;
  double uncounted = 0;  // seconds of attempts whose FLOPs nobody counted: killed, failed
};

// One size of model: what is left of it, and how fast it went so far.
struct SizePace {
  double params = 0;
  double flops_left = 0;
  double flops = 0;  // in `seconds` of ended attempts
  double seconds = 0;
};

struct SweepView {
  SweepStatus status = {};
  double now = 0;
  std::vector<SweepGroup> groups = {};    // by budget or size, ascending; brackets last
  std::vector<LiveAttempt> running = {};  // longest silent first
  std::vector<HeldTrials> held = {};
  std::vector<FailureClass> failures = {};
  std::vector<DeviceUse> devices = {};
  std::vector<SizePace> sizes = {};  // ascending
};

struct TimeLeft {
  double worker_seconds = 0;
  std::int64_t workers = 0;            // that run now
  std::optional<double> seconds = {};  // empty when nobody runs
};
// Empty when nothing is left, or nothing has been measured yet.
std::optional<TimeLeft> time_left(const SweepView& view);

// What a worker's device (an accelerator, or one core of a CPU) draws and costs.
struct DeviceRates {
  std::optional<double> watts = {};
  std::optional<double> price = {};  // an hour
  // An accelerator of core/device_peak.h, for what the two above leave out. Devices whose own name
  // is in that table need no such help; cores have neither watts nor a price there.
  std::string gpu = {};
};
struct SweepBill {
  double core_hours = 0;
  double gpu_hours = 0;
  std::optional<double> energy = {};  // absent when some device's watts are not known
  std::optional<double> money = {};
  std::string basis = {};  // "700 W and $2.69 an hour (H100: RunPod's list, March 2026)"
};
// Of all attempts so far. Measured energy goes before stated watts, and the power that was measured
// on a device is taken for its attempts that have none (they were killed). Throws Error(kUsage) for
// an unknown `gpu`.
SweepBill bill_of(const SweepView& view, const DeviceRates& given);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SWEEP_VIEW_H_
