// The bodies of tests/gpu's whole runs, with the CPU for the device: see
// tests/trainer/device_runs.h.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "tests/trainer/device_runs.h"

namespace isoflop {
namespace {

const DeviceRuns kCpuRuns{.device = "cpu"};

TEST(DeviceRuns, AStackOfThreeEndsAsEachAlone) {
  kCpuRuns.a_stack_of_three_ends_as_each_on_the_cpu();
}
TEST(DeviceRuns, MaskedTrialsEndAlikeInBothTypes) { kCpuRuns.masked_trials_end_as_on_the_cpu(); }
TEST(DeviceRuns, ExpertsEndAlikeInBothTypes) {
  kCpuRuns.experts_with_a_capacity_end_as_on_the_cpu();
  kCpuRuns.dropless_experts_end_as_on_the_cpu();
}
TEST(DeviceRuns, ThreadsDoNotDisturbEachOther) { kCpuRuns.threads_do_not_disturb_each_other(); }
TEST(DeviceRuns, AStoppedTrialGoesOn) { kCpuRuns.a_stopped_trial_goes_on(); }

}  // namespace
}  // namespace isoflop
#endif
