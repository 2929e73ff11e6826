// One attempt and a log that has its troubles.
#include "sweep/attempt.h"

#include <atomic>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <thread>

#include "core/disk_space.h"
#include "core/error.h"
#include "sweep/patience.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// Keeps what it is given, where `trouble` has nothing against it.
class MemoryLog : public AttemptLog {
 public:
  void append_curve(std::span<const CurvePoint> points) override {
    ++calls;
    trouble(calls);
    for (const CurvePoint& point : points) steps.push_back(point.step);
  }
  bool heartbeat(double) override {
    ++calls;
    trouble(calls);
    ++beats;
    return true;
  }

  std::function<void(int call)> trouble = [](int) {};
  std::atomic<int> calls = 0;
  std::atomic<int> beats = 0;
  std::vector<std::int64_t> steps;
};

// `count` steps of a millisecond each, or as many as it may.
class SteadyRunner : public TrialRunner {
 public:
  explicit SteadyRunner(int count) : count_(count) {}
  std::vector<Outcome> run(std::span<const Trial>, RunContext& context) override {
    for (int step = 1; step <= count_; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const CurvePoint point{.step = step};
      context.record_curve({&point, 1});
      if (context.should_stop(step))
        return {{.status = OutcomeStatus::kInterrupted, .steps = step}};
    }
    return {{.status = OutcomeStatus::kDone, .reason = "", .steps = count_}};
  }

 private:
  int count_;
};

class AttemptTest : public ::testing::Test {
 protected:
  Outcome run(int steps) {
    SteadyRunner runner(steps);
    return run_attempt(runner, claim_, log_, options_);
  }
  void expect_all(int steps) const {
    std::vector<std::int64_t> expected;
    for (int step = 1; step <= steps; ++step) expected.push_back(step);
    EXPECT_EQ(log_.steps, expected) << "each once, in order";
  }

  Claim claim_{.identity = "0123456789abcdef", .trial = tabular_trial(1000, 1e6)};
  MemoryLog log_;
  std::vector<std::string> notes_;
  AttemptOptions options_{.note = [this](const std::string& note) { notes_.push_back(note); },
                          .heartbeat_seconds = 0.005,
                          .flush_seconds = 0.003,
                          .flush_points = 4,
                          .patience_seconds = 5};
};

TEST_F(AttemptTest, EveryPointReachesTheLog) {
  EXPECT_EQ(run(50).status, OutcomeStatus::kDone);
  expect_all(50);
  EXPECT_GT(log_.beats, 1);
  EXPECT_LT(log_.calls - log_.beats, 50) << "points go out in batches";
}

TEST_F(AttemptTest, ALogThatFailsForAWhileFailsNoTrialAndLosesNothing) {
  log_.trouble = [](int call) {
    if (call <= 2) throw Error(ErrorKind::kStore, "store: is locked", "locked");
  };
  EXPECT_EQ(run(30).status, OutcomeStatus::kDone);
  expect_all(30);
  EXPECT_THAT(notes_, Contains(HasSubstr("not written yet: store: is locked")));
}

TEST_F(AttemptTest, ALogThatStaysBrokenIsAnErrorAtTheEnd) {
  log_.trouble = [](int) { throw failure("file: cannot be written"); };
  EXPECT_THROW(run(10), Error);
}

TEST_F(AttemptTest, ALogOnAFullDiskStopsTheTrialSoThatItCanSave) {
  log_.trouble = [](int) { throw disk_full_error("/", "the log cannot grow"); };
  try {
    run(20000);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), kDiskFull);
  }
  log_.calls = 0;
  log_.trouble = [](int call) {
    if (call == 1) throw disk_full_error("/", "the log cannot grow");
  };
  EXPECT_EQ(run(20000).status, OutcomeStatus::kInterrupted) << "somebody made room meanwhile";
}

TEST_F(AttemptTest, TheTrainingThreadNeverWaitsForTheLog) {
  log_.trouble = [](int) { std::this_thread::sleep_for(std::chrono::milliseconds(300)); };
  class Timed : public SteadyRunner {
   public:
    Timed() : SteadyRunner(50) {}
    std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
      const Stopwatch watch;
      auto outcomes = SteadyRunner::run(pack, context);
      seconds = watch.seconds();
      return outcomes;
    }
    double seconds = 0;
  } runner;
  run_attempt(runner, claim_, log_, options_);
  // 50 steps of 1 ms make 13 batches at least, which would take 4 s one after the other.
  EXPECT_LT(runner.seconds, 1.5);
  expect_all(50);
}

TEST_F(AttemptTest, TheMicroBatchIsTheClaims) {
  class Asked : public TrialRunner {
   public:
    std::vector<Outcome> run(std::span<const Trial>, RunContext& context) override {
      micro_batch = context.micro_batch;
      return {{.status = OutcomeStatus::kDone, .reason = ""}};
    }
    std::int64_t micro_batch = 0;
  } runner;
  claim_.micro_batch = 3;
  run_attempt(runner, claim_, log_, options_);
  EXPECT_EQ(runner.micro_batch, 3);
}

TEST_F(AttemptTest, OutOfMemoryOfExpertsSaysWhatHelps) {
  class Full : public TrialRunner {
   public:
    std::vector<Outcome> run(std::span<const Trial>, RunContext&) override {
      throw std::bad_alloc();
    }
  } runner;
  claim_.trial.trainer = "decoder";
  claim_.trial.model.experts = 8;
  const Outcome outcome = run_attempt(runner, claim_, log_, options_);
  EXPECT_EQ(outcome.status, OutcomeStatus::kOutOfMemory);
  EXPECT_NE(outcome.reason.find("give fewer experts or a smaller train.batch"), std::string::npos)
      << outcome.reason;
}

TEST(PatienceTest, WaitsForALockAndForNothingElse) {
  int calls = 0;
  const auto locked_twice = [&] {
    if (++calls <= 2) throw Error(ErrorKind::kStore, "locked", "locked");
    return calls;
  };
  EXPECT_EQ(patiently(
                5, [] { return false; }, locked_twice),
            3);
  calls = 0;
  EXPECT_THROW(patiently(
                   0, [] { return false; }, locked_twice),
               Error);
  calls = 0;
  EXPECT_THROW(patiently(
                   5, [] { return true; }, locked_twice),
               Error);
  calls = 0;
  EXPECT_THROW(patiently(
                   5, [] { return false; },
                   [&] {
                     ++calls;
                     throw failure("the disk");
                   }),
               Error);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace isoflop
