#include "sweep/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>

#include "core/error.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

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

TEST(WorkerTest, AStopPlansTheTrialAgainAndKeepsThePartOfTheCurve) {
  const TestSweep sweep(3);
  Store store(sweep.path());
  FakeRunner runner;
  int asked = 0;
  const WorkerOptions options{.stop = [&] { return ++asked > 5; }};
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
  HookedRunner runner([](auto&, auto&) { throw std::runtime_error("no such device"); });
  EXPECT_THROW(run_worker(store, "s", runner), std::runtime_error);
  EXPECT_EQ(sweep.status().planned, 2);
  EXPECT_EQ(sweep.ask("SELECT reason FROM attempts"), "no such device");
}

TEST(WorkerTest, ATrialThatDoesNotFitIntoMemoryIsItsOwnOutcome) {
  const TestSweep sweep(2);
  Store store(sweep.path());
  HookedRunner runner([](const Trial& trial, auto&) {
    if (trial.tabular_params == 1001) throw std::bad_alloc();
  });
  const WorkerReport report = run_worker(store, "s", runner);
  EXPECT_EQ(report.done, 1);
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(sweep.trials()[1].state, "out_of_memory");
}

TEST(WorkerTest, AWorkerWhoseClaimWasGivenAwayDropsTheTrial) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  bool first = true;
  HookedRunner runner([&](auto&, auto&) {
    if (!first) return;
    first = false;
    sweep.change("UPDATE attempts SET outcome = 'killed'; UPDATE trials SET state = 'planned'");
  });
  const WorkerOptions options{.heartbeat_seconds = 0};
  const WorkerReport report = run_worker(store, "s", runner, options);
  EXPECT_EQ(report.lost, 1);
  EXPECT_EQ(report.done, 1);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM curve_points WHERE attempt = 1"), "1")
      << "it stopped at its first heartbeat";
}

TEST(WorkerTest, HeartbeatsTellHowFarATrialIs) {
  const TestSweep sweep(1);
  Store store(sweep.path());
  double seen = 0;
  HookedRunner runner([&](auto&, RunContext& context) {
    context.should_stop(2.5e5);
    seen = sweep.status().flops_done / sweep.status().flops_total;
  });
  run_worker(store, "s", runner, {.heartbeat_seconds = 0});
  EXPECT_DOUBLE_EQ(seen, 0.25);
}

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
