// Packs: how many slots, and that what they do is what one worker does.
#include "sweep/pack.h"

#include <algorithm>
#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>

#include "core/error.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;

TEST(PackSizeTest, GrowsWhileASlotMoreIsWorthIt) {
  PackSize size({.most_slots = 8, .gain = 0.1});
  EXPECT_EQ(size.slots(), 1);
  size.measured(100);
  EXPECT_EQ(size.slots(), 2);
  size.measured(190);
  EXPECT_EQ(size.slots(), 3);
  EXPECT_FALSE(size.settled());
  size.measured(199);  // 9 more, where a slot's share was 95
  EXPECT_EQ(size.slots(), 2);
  EXPECT_TRUE(size.settled());
  EXPECT_THAT(size.rates(), ElementsAre(100, 190, 199));
  size.measured(500);
  EXPECT_EQ(size.slots(), 2) << "settled is settled";
}

TEST(PackSizeTest, StopsAtTheMostSlots) {
  PackSize size({.most_slots = 2});
  size.measured(100);
  EXPECT_FALSE(size.settled());
  size.measured(200);
  EXPECT_TRUE(size.settled());
  EXPECT_EQ(size.slots(), 2);
  EXPECT_TRUE(PackSize({.most_slots = 1}).settled()) << "nothing to measure";
}

TEST(PackSizeTest, MemoryTakesASlotForGood) {
  PackSize size({.most_slots = 8});
  size.measured(100);
  size.measured(200);
  size.ran_out_of_memory();
  EXPECT_EQ(size.slots(), 2);
  EXPECT_TRUE(size.settled());
  size.ran_out_of_memory();
  size.ran_out_of_memory();
  EXPECT_EQ(size.slots(), 1) << "never below one";
}

// Fits `room` trials at a time, and remembers how many it ever had.
class RoomyRunner : public FakeRunner {
 public:
  RoomyRunner(std::chrono::microseconds step, std::atomic<int>& now, std::atomic<int>& most,
              int room)
      : FakeRunner(step), now_(now), most_(most), room_(room) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    const int now = now_.fetch_add(1) + 1;
    if (now > room_) {
      now_.fetch_sub(1);
      throw std::bad_alloc();
    }
    for (int most = most_.load(); now > most && !most_.compare_exchange_weak(most, now);) {
    }
    auto outcomes = FakeRunner::run(pack, context);
    now_.fetch_sub(1);
    return outcomes;
  }

 private:
  std::atomic<int>& now_;
  std::atomic<int>& most_;
  int room_;
};

class PackTest : public ::testing::Test {
 protected:
  PackReport run(int most_slots, int room, const WorkerOptions& options = {}) {
    return run_pack(
        sweep_.path(), "s",
        [&] {
          return std::make_unique<RoomyRunner>(std::chrono::milliseconds(2), now_, most_, room);
        },
        options,
        {.most_slots = most_slots, .gain = -1e9, .settle_seconds = 0.02, .measure_seconds = 0.05});
  }
  std::string ask(const std::string& sql) const { return sweep_.ask(sql); }

  TestSweep sweep_{40};
  std::atomic<int> now_{0};
  std::atomic<int> most_{0};
};

TEST_F(PackTest, RunsEveryTrialOnceAndSeveralAtATime) {
  const PackReport report = run(3, 100);
  EXPECT_EQ(report.worker.done, 40);
  EXPECT_EQ(report.slots, 3);
  EXPECT_EQ(most_.load(), 3);
  ASSERT_GE(report.rates.size(), 3u);
  // One of them may have fallen between two reports.
  EXPECT_GT(*std::max_element(report.rates.begin(), report.rates.end()), 0);
  EXPECT_EQ(ask("SELECT count(*) FROM attempts"), "40");
  for (const TrialRow& row : sweep_.trials()) EXPECT_EQ(row.loss, fake_loss(row.trial));
}

TEST_F(PackTest, MemoryThatOthersHoldIsNotTheTrialsFault) {
  const PackReport report = run(6, 2);
  EXPECT_EQ(report.slots, 2);
  EXPECT_EQ(most_.load(), 2);
  EXPECT_EQ(sweep_.status().done, 40);
  EXPECT_EQ(ask("SELECT max(micro_batch) FROM trials"), "0") << "nothing was halved";
  EXPECT_EQ(ask("SELECT max(failures) FROM trials"), "0");
  EXPECT_NE(ask("SELECT count(*) FROM attempts WHERE reason LIKE '%beside other%'"), "0");
}

TEST_F(PackTest, AloneATrialThatDoesNotFitIsOutOfMemory) {
  run(1, 0);
  EXPECT_EQ(sweep_.status().out_of_memory, 40);
  EXPECT_EQ(ask("SELECT min(micro_batch) FROM trials"), "1");
}

TEST_F(PackTest, AStopPlansAllItsTrialsAgain) {
  std::atomic<int> asked{0};
  WorkerOptions options;
  options.attempt.stop = [&] { return asked.fetch_add(1) > 40; };
  const PackReport report = run(3, 100, options);
  EXPECT_TRUE(report.worker.interrupted);
  const SweepStatus status = sweep_.status();
  EXPECT_EQ(status.running, 0);
  EXPECT_GT(status.planned, 0);
  EXPECT_EQ(status.done + status.planned, 40);
}

class NoDeviceRunner : public TrialRunner {
  std::vector<Outcome> run(std::span<const Trial>, RunContext&) override {
    throw Error(ErrorKind::kFailed, "no such device");
  }
};

TEST_F(PackTest, WhatWouldFailEveryTrialEndsThePack) {
  EXPECT_THROW(run_pack(sweep_.path(), "s", [] { return std::make_unique<NoDeviceRunner>(); }, {},
                        {.most_slots = 2, .settle_seconds = 0, .measure_seconds = 0.01}),
               Error);
  EXPECT_EQ(sweep_.status().planned, 40);
}

}  // namespace
}  // namespace isoflop
