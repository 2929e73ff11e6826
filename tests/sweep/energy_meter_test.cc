// Measured energy: from a library of NVML's functions, and shared among those that ran.
#include "sweep/energy_meter.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "core/stopwatch.h"
#include "sweep/worker.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

class NvmlTest : public ::testing::Test {
 protected:
  NvmlTest() { ::setenv("FAKE_NVML", file_.c_str(), 1); }
  ~NvmlTest() override { ::unsetenv("FAKE_NVML"); }
  void device_says(unsigned milliwatts, unsigned millijoules) const {
    std::ofstream(file_) << milliwatts << " " << millijoules;
  }
  std::unique_ptr<EnergyCounter> open(const std::string& device,
                                      const char* visible = nullptr) const {
    return open_energy_counter(device, FAKE_NVML_LIBRARY, visible);
  }
  TemporaryFolder folder_;
  std::string file_ = folder_.file("nvml");
};

TEST_F(NvmlTest, ReadsTheDevicesOwnCounterFromWhereItStood) {
  device_says(100000, 5000);
  const auto counter = open("cuda");
  ASSERT_TRUE(counter);
  EXPECT_EQ(counter->joules(), 0);
  device_says(100000, 7500);
  EXPECT_DOUBLE_EQ(counter->joules(), 2.5);
  device_says(100000, 500);  // the driver was loaded anew
  EXPECT_DOUBLE_EQ(counter->joules(), 2.5);
  device_says(100000, 1500);
  EXPECT_DOUBLE_EQ(counter->joules(), 3.5);
}

TEST_F(NvmlTest, IntegratesPowerWhereThereIsNoCounter) {
  device_says(200000, 0);
  const Stopwatch watch;
  const auto counter = open("cuda:1");
  ASSERT_TRUE(counter);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  device_says(400000, 0);
  const double joules = counter->joules();
  EXPECT_GT(joules, 300 * 0.05 * 0.99);
  EXPECT_LE(joules, 300 * watch.seconds()) << "the mean of both readings";
}

TEST_F(NvmlTest, KnowsTheDeviceByWhatIsVisible) {
  device_says(100000, 5000);
  EXPECT_TRUE(open("cuda:1", "0,GPU-two"));
  EXPECT_FALSE(open("cuda:1", "0,GPU-three"));
  EXPECT_FALSE(open("cuda:1", "0")) << "there is no second";
  EXPECT_FALSE(open("cuda:7"));
}

TEST_F(NvmlTest, WhereNothingCanBeMeasuredThereIsNoCounter) {
  EXPECT_FALSE(open_energy_counter("cuda", "libno-such-library.so.1"));
  EXPECT_FALSE(open("cpu"));
  ::unsetenv("FAKE_NVML");
  EXPECT_FALSE(open("cuda")) << "no permission";
}

// --- Sharing. The device's joules are what the test says.

class SaidJoules : public EnergyCounter {
 public:
  explicit SaidJoules(const double& said) : said_(said) {}
  double joules() override { return said_; }

 private:
  const double& said_;
};

TEST(EnergyMeterTest, SharesByTheFlopsThatWereDone) {
  double joules = 100;
  EnergyMeter meter(std::make_unique<SaidJoules>(joules), 0);
  joules = 110;  // nobody runs
  const auto small = meter.begin(10);
  small->reached(0);
  joules = 120;  // small alone
  const auto large = meter.begin(20);
  large->reached(50);  // from a checkpoint
  small->reached(10);
  large->reached(65);
  joules = 160;  // 100 of 400 FLOP were small's
  EXPECT_DOUBLE_EQ(small->end(), 10 + 10);
  large->reached(80);
  joules = 165;
  EXPECT_DOUBLE_EQ(large->end(), 30 + 5);
  EXPECT_DOUBLE_EQ(large->end(), 35) << "once";
}

TEST(EnergyMeterTest, SharesAlikeWhatWasDrawnWithoutFlops) {
  double joules = 0;
  EnergyMeter meter(std::make_unique<SaidJoules>(joules), 0);
  const auto one = meter.begin(10), other = meter.begin(30);
  joules = 8;
  EXPECT_DOUBLE_EQ(one->end(), 4);
  EXPECT_DOUBLE_EQ(other->end(), 4);
}

// Draws a joule a look.
class GrowingJoules : public EnergyCounter {
 public:
  double joules() override { return ++said_; }

 private:
  double said_ = 0;
};

TEST(EnergyMeterTest, LooksByItselfWhileTrialsRun) {
  EnergyMeter meter(std::make_unique<GrowingJoules>(), 0.001);
  const auto part = meter.begin(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_GT(part->end(), 3);
}

// --- In a sweep.

TEST(EnergyMeterTest, AnAttemptsEnergyIsStoredAndTheStudysIsTheSum) {
  TestSweep sweep(3);
  Store store(sweep.path());
  FakeRunner runner;
  WorkerOptions options;
  options.attempt.energy = std::make_shared<EnergyMeter>(std::make_unique<GrowingJoules>(), 0);
  run_worker(store, "s", runner, options);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE energy > 0"), "3");
  const SweepView view = store.view("s");
  ASSERT_EQ(view.devices.size(), 1u);
  EXPECT_DOUBLE_EQ(view.devices[0].energy,
                   std::stod(sweep.ask("SELECT sum(energy) FROM attempts")));
  EXPECT_DOUBLE_EQ(view.devices[0].metered, view.devices[0].seconds);
}

TEST(EnergyMeterTest, WithoutAMeterNothingIsStored) {
  TestSweep sweep(1);
  Store store(sweep.path());
  FakeRunner runner;
  run_worker(store, "s", runner);
  EXPECT_EQ(sweep.ask("SELECT count(energy) FROM attempts"), "0");
  EXPECT_EQ(store.view("s").devices.at(0).metered, 0);
}

TEST(EnergyMeterTest, EveryTrialOfAStackHasItsShare) {
  std::vector<PlannedTrial> trials;
  for (std::int64_t seed = 1; seed <= 4; ++seed)
    trials.push_back({.trial = tabular_trial(1000, 1e6, seed)});
  TestSweep sweep(trials);
  Store store(sweep.path());
  StackingRunner runner;
  WorkerOptions options{.stack = 4};
  options.attempt.energy = std::make_shared<EnergyMeter>(std::make_unique<GrowingJoules>(), 0);
  run_worker(store, "s", runner, options);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE energy > 0"), "4");
}

}  // namespace
}  // namespace isoflop
