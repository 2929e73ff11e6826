// Several trials at once in one process, for devices that one small model does not fill (a GPU):
// a worker with slots, each a thread with its own connection, its own claim and its own runner.
//
// How many is measured. The pack begins with one slot; the FLOPs (exact) that all slots do together
// in `measure_seconds` are counted, after `settle_seconds` for the newest to get going; what they
// lose between trials, or waiting for a trunk, is part of that. A slot more is kept when the total
// rate rose by at least `gain` of what a slot did on average before, otherwise it is taken back
// (its trial saves, and is planned again) and the pack has its size. A trial that runs out of
// memory beside others takes a slot away for good and is planned again, which does not count
// against it; alone, it is out of memory (core/retry_policy.h).
//
// Every trial of a pack has the losses that it has alone, to the bit on a CPU: slots share nothing
// but the device.
#ifndef ISOFLOP_SWEEP_PACK_H_
#define ISOFLOP_SWEEP_PACK_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/trial_runner.h"
#include "sweep/worker.h"

namespace isoflop {

struct PackOptions {
  int most_slots = 1;
  double gain = 0.1;          // of one slot's share; below it, a further slot is not worth it
  double settle_seconds = 5;  // after a slot was added, before its rate counts
  double measure_seconds = 15;
};

struct PackReport {
  WorkerReport worker = {};        // of all slots together
  int slots = 1;                   // that the pack came to
  std::vector<double> rates = {};  // FLOP/s with 1, 2, ... slots, as far as they were measured
};

// Decides the number of slots from measured rates; knows no clock and no threads.
class PackSize {
 public:
  explicit PackSize(const PackOptions& options);

  int slots() const { return slots_; }
  bool settled() const { return settled_; }
  const std::vector<double>& rates() const { return rates_; }

  // The rate of `slots()` slots, all training, in FLOP/s.
  void measured(double flops_per_second);
  // A trial ran out of memory beside others.
  void ran_out_of_memory();

 private:
  PackOptions options_;
  int slots_ = 1;
  int limit_;
  bool settled_ = false;
  std::vector<double> rates_;
};

// Runs until nothing is planned, as run_worker does. `db` is opened once a slot.
PackReport run_pack(const std::string& db, const std::string& study,
                    const std::function<std::unique_ptr<TrialRunner>()>& make_runner,
                    const WorkerOptions& options, const PackOptions& pack);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_PACK_H_
