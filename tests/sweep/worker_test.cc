#include "sweep/worker.h"

#include <chrono>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Optional;

// Does something before the first step of every trial.
class HookedRunner : public FakeRunner {
 public:
  explicit HookedRunner(std::function<void(const Trial&, RunContext&)> hook)
      : hook_(std::move(hook)) {}
  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    hook_(pack[0], context);
    return FakeRunner::run(pack, context);
  }

 private:
  std::function<void(const Trial&, RunContext&)> hook_;
};

WorkerOptions fast_heartbeat() { return {.attempt = {.heartbeat_seconds = 0.01}}; }

TEST(WorkerTest, RunsEveryTrialAndKeepsItsCurveAndLoss) {
  const TestSweep sweep(5);
  Store store(sweep.path());
  FakeRunner runner;
  const WorkerReport report = run_worker(store, "s", runner);
  EXPECT_EQ(report.done, 5);
  EXPECT_FALSE(report.interrupted);
  for (const TrialRow& row : sweep.trials()) {
    EXPECT_THAT(row.loss, Optional(fake_loss(row.trial)));
    EXPECT_EQ(store.curve(row.id).size(), static_cast<size_t>(kFakeSteps));
  }
}

TEST(WorkerTest, ATrialsCheckpointsAreForgottenOnceItsLossIsInTheStore) {
  const TestSweep sweep(2);
  class Keeping : public FakeRunner {
   public:
    explicit Keeping(const TestSweep& sweep) : sweep_(sweep) {}
    void forget(const Trial& trial, const std::string& checkpoint_dir) override {
      EXPECT_EQ(checkpoint_dir, sweep_.checkpoints());
      states += sweep_.ask("SELECT state FROM trials WHERE identity = '" + identity(trial) + "'");
    }
    std::string states;

   private:
    const TestSweep& sweep_;
  } runner(sweep);
  Store store(sweep.path());
  int asked = 0;
  WorkerOptions options{.attempt = {.stop = [&] { return ++asked > kFakeSteps + 3; },
                                    .checkpoint_dir = sweep.checkpoints()}};
  EXPECT_TRUE(run_worker(store, "s", runner, options).interrupted);
  EXPECT_EQ(runner.states, "done") << "and not those of the trial that was stopped";
}

TEST(WorkerTest, AStopPlansTheTrialAgainAndKeepsThePartOfTheCurve) {
  const TestSweep sweep(3);
  Store store(sweep.path());
  FakeRunner runner;
  int asked = 0;
  const WorkerOptions options{.attempt = {.stop = [&] { return ++asked > 5; }}};
  const WorkerReport report = run_worker(store, "s", runner, options);
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(report.done, 0);
  EXPECT_EQ(sweep.status().planned, 3);
  EXPECT_EQ(sweep.status().running, 0);
  EXPECT_EQ(sweep.ask("SELECT outcome FROM attempts"), "interrupted");
  EXPECT_EQ(store.curve(3).size(), 5u);
}

TEST(WorkerTest, ATroubleThatIsNotTheTrialsEndsTheWorkerAndPlansTheTrialAgain) {
  const TestSweep sweep(2);
  Store store(sweep.path());
  HookedRunner runner([](auto&, auto&) { throw failure("no such device"); });
  EXPECT_THROW(run_worker(store, "s", runner), Error);
  EXPECT_EQ(sweep.status().planned, 2);
  EXPECT_EQ(sweep.ask("SELECT reason FROM attempts"), "no such device");
}

TEST(WorkerTest, ATrialsOwnBugIsItsOutcomeAndEndsTheProcessSoThatTheNextOneIsFresh) {
  const TestSweep sweep(2);
  Store store(sweep.path());
  HookedRunner runner([](const Trial& trial, auto&) {
    if (trial.tabular_params == 1001) throw std::out_of_range("vector\nand a backtrace");
  });
  std::vector<std::string> told;
  const WorkerOptions options{
      .attempt = {.note = [&](const std::string& note) { told.push_back(note); }}};
  WorkerReport report = run_worker(store, "s", runner, options);
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(exit_status(report), kWorkerSetback);
  EXPECT_THAT(told, Contains(HasSubstr("failed: vector")));
  EXPECT_EQ(sweep.ask("SELECT reason FROM attempts WHERE outcome = 'failed'"), "vector");
  EXPECT_EQ(sweep.ask("SELECT log FROM attempts WHERE outcome = 'failed'"),
            "vector\nand a backtrace\n");
  EXPECT_EQ(sweep.status().failed, 0) << "it is tried once more";
  report = run_worker(store, "s", runner, options);
  EXPECT_EQ(report.done, 1) << "the other one comes first";
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(sweep.status().failed, 1);
  EXPECT_EQ(exit_status(run_worker(store, "s", runner, options)), 0);
}

TEST(WorkerTest, ABudgetOfRetriesIsKept) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  HookedRunner runner([](auto&, auto&) { throw std::runtime_error("bug"); });
  for (int tries = 1; tries <= 4; ++tries) {
    EXPECT_EQ(sweep.status().planned, 1) << tries;
    run_worker(store, "s", runner, {.policy = {.bugs = 3}});
  }
  EXPECT_EQ(sweep.status().failed, 1);
}

TEST(WorkerTest, OutOfMemoryHalvesTheMicroBatchUntilItIsOneSequence) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  std::vector<std::int64_t> given;
  HookedRunner runner([&](const Trial&, RunContext& context) {
    given.push_back(context.micro_batch);
    throw std::bad_alloc();
  });
  while (sweep.status().planned > 0) {
    const WorkerReport report = run_worker(store, "s", runner);
    EXPECT_EQ(report.failed, 1);
    EXPECT_EQ(exit_status(report), kWorkerSetback);
  }
  EXPECT_EQ(given, (std::vector<std::int64_t>{0, 2, 1}));
  EXPECT_EQ(sweep.trials()[0].state, "out_of_memory");
  EXPECT_EQ(sweep.ask("SELECT reason FROM attempts ORDER BY number LIMIT 1"),
            "out of memory, with 4 of its batch of 4 sequences at a time");
}

TEST(WorkerTest, ADivergedTrialIsNotTriedAgain) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  class Diverging : public TrialRunner {
    std::vector<Outcome> run(std::span<const Trial>, RunContext&) override {
      return {{.status = OutcomeStatus::kDiverged, .reason = "loss is nan"}};
    }
  } runner;
  const WorkerReport report = run_worker(store, "s", runner);
  EXPECT_EQ(report.diverged, 1);
  EXPECT_EQ(exit_status(report), 0);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts"), "1");
}

TEST(WorkerTest, AFullDiskGivesTheTrialBackAndHasAnExitStatusOfItsOwn) {
  const TestSweep sweep(2);
  Store store(sweep.path());
  HookedRunner runner([](auto&, auto&) {
    throw std::filesystem::filesystem_error("cannot write", "/checkpoints",
                                            std::make_error_code(std::errc::no_space_on_device));
  });
  const WorkerReport report =
      run_worker(store, "s", runner, {.attempt = {.checkpoint_dir = "/tmp"}});
  EXPECT_THAT(report.disk_full, HasSubstr("disk full: /tmp"));
  EXPECT_EQ(exit_status(report), kWorkerDiskFull);
  EXPECT_EQ(sweep.status().planned, 2);
  EXPECT_EQ(sweep.ask("SELECT outcome FROM attempts"), "interrupted");
}

// --- Heartbeats.

// Is silent until somebody else sees something, or 10 s have passed.
void wait_until(const std::function<bool()>& seen) {
  for (int i = 0; i < 1000 && !seen(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TEST(WorkerTest, AWorkerWhoseClaimWasGivenAwayDropsTheTrial) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  bool first = true;
  HookedRunner runner([&](auto&, RunContext& context) {
    if (!std::exchange(first, false)) return;
    sweep.change("UPDATE attempts SET outcome = 'killed'; UPDATE trials SET state = 'planned'");
    wait_until([&] { return context.should_stop(0); });
  });
  const WorkerReport report = run_worker(store, "s", runner, fast_heartbeat());
  EXPECT_EQ(report.lost, 1);
  EXPECT_EQ(report.done, 1);
  EXPECT_LE(std::stoi(sweep.ask("SELECT count(*) FROM curve_points WHERE attempt = 1")), 1);
}

TEST(WorkerTest, ACancelledTrialStops) {
  const TestSweep sweep(2);
  Store store(sweep.path());
  HookedRunner runner([&](const Trial& trial, RunContext& context) {
    if (trial.tabular_params != 1001) return;
    Store(sweep.path()).cancel("s", identity(trial));
    wait_until([&] { return context.should_stop(0); });
  });
  const WorkerReport report = run_worker(store, "s", runner, fast_heartbeat());
  EXPECT_EQ(report.lost, 1);
  EXPECT_EQ(report.done, 1);
  EXPECT_EQ(sweep.trials()[1].state, "cancelled");
}

TEST(WorkerTest, HeartbeatsTellHowFarATrialIsWhileTheRunnerIsSilent) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  HookedRunner runner([&](auto&, RunContext& context) {
    context.should_stop(2.5e5);
    const auto last_beat = [&] { return std::stod(sweep.ask("SELECT heartbeat FROM attempts")); };
    wait_until([&] { return sweep.status().flops_done == 0.25 * sweep.status().flops_total; });
    EXPECT_DOUBLE_EQ(sweep.status().flops_done, 0.25 * sweep.status().flops_total);
    const double before = last_beat();
    wait_until([&] { return last_beat() > before; });
    EXPECT_GT(last_beat(), before);
  });
  EXPECT_EQ(run_worker(store, "s", runner, fast_heartbeat()).done, 1);
}

TEST(WorkerTest, ACurveReachesTheStoreWhileTheRunnerIsSilent) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  HookedRunner runner([&](auto&, RunContext& context) {
    const CurvePoint point{.step = 1, .tokens = 10, .train_loss = 5};
    context.record_curve({&point, 1});
    const auto points = [&] { return sweep.ask("SELECT count(*) FROM curve_points"); };
    wait_until([&] { return points() == "1"; });
    EXPECT_EQ(points(), "1");
  });
  run_worker(store, "s", runner, {.attempt = {.heartbeat_seconds = 1e9, .flush_seconds = 0.01}});
}

// --- Corpora.

TEST(WorkerTest, ATextTrialIsGivenItsCorpusFolder) {
  const TestSweep sweep(0);
  Store store(sweep.path());
  Trial trial;
  trial.train.tokens = 4096;
  trial.data.hash = "abc";
  const std::vector<PlannedTrial> planned{{.trial = trial}};
  store.add_trials("s", planned);
  std::string folder;
  HookedRunner runner([&](auto&, RunContext& context) { folder = context.corpus_dir; });
  try {
    run_worker(store, "s", runner);
    FAIL() << "an unknown corpus";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("isoflop data prepare"));
  }
  store.add_corpus({.identity = "abc", .name = "books", .path = "/books", .manifest = "{}"});
  run_worker(store, "s", runner);
  EXPECT_EQ(folder, "/books");
}

}  // namespace
}  // namespace isoflop
