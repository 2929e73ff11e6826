// What several processes do to one store. The children are real, and really killed.
#include <chrono>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/error.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

pid_t in_child(const std::function<void()>& body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  try {
    body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

int exit_status(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

// Until `done` holds; false after 20 s, far longer than any of this takes.
bool wait_for(const std::function<bool()>& done) {
  for (int i = 0; i < 20000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

class ProcessesTest : public ::testing::Test {
 protected:
  // A connection must not be carried over a fork, so it is closed again.
  void plan(int trials) {
    Store store(path_, StoreMode::kCreate);
    store.add_study("s", "");
    store.add_trials("s", tabular_trials(trials));
  }
  // A child that claims one trial and then waits to be killed.
  pid_t start_claimer() {
    return in_child([this] {
      Store store(path_);
      store.claim_next("s", this_worker());
      for (;;) ::pause();
    });
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
};

TEST_F(ProcessesTest, EightProcessesMakeAStoreAtOnceAndAgreeOnIt) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(in_child([&] {
      Store store(path_, StoreMode::kCreate);
      store.add_study("s", "");
      store.add_trials("s", tabular_trials(10));
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(exit_status(child), 0);
  EXPECT_EQ(Store(path_).status("s").planned, 10);
}

TEST_F(ProcessesTest, EightProcessesNeverClaimTheSameTrial) {
  constexpr int kTrials = 200;
  plan(kTrials);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(in_child([&, i] {
      Store store(path_);
      const WorkerId self = this_worker();
      std::ofstream mine(folder_.file("claims" + std::to_string(i)));
      while (const auto claim = store.claim_next("s", self)) {
        mine << claim->trial_id << "\n";
        if (!store.finish(*claim, done_with(2))) ::_exit(2);
      }
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(exit_status(child), 0);
  std::multiset<int> claimed;
  for (int i = 0; i < 8; ++i) {
    std::ifstream file(folder_.file("claims" + std::to_string(i)));
    for (int id; file >> id;) claimed.insert(id);
  }
  EXPECT_EQ(claimed.size(), static_cast<size_t>(kTrials));
  EXPECT_EQ(std::set<int>(claimed.begin(), claimed.end()).size(), static_cast<size_t>(kTrials));
  EXPECT_EQ(Store(path_).status("s").done, kTrials);
}

TEST_F(ProcessesTest, AKilledWorkersTrialIsPlannedAgainAndALivingOnesIsNot) {
  plan(2);
  const pid_t living = start_claimer();
  const pid_t killed = start_claimer();
  Store store(path_);
  ASSERT_TRUE(wait_for([&] { return store.status("s").running == 2; }));
  EXPECT_EQ(store.release_dead("s").planned, 0);

  ::kill(killed, SIGKILL);
  // Nobody has waited for it: a zombie is dead too.
  ASSERT_TRUE(wait_for([&] { return store.release_dead("s").planned == 1; }));
  EXPECT_EQ(store.status("s").running, 1);
  EXPECT_EQ(store.status("s").planned, 1);

  exit_status(killed);
  EXPECT_EQ(store.release_dead("s").planned, 0);
  ::kill(living, SIGKILL);
  exit_status(living);
  EXPECT_EQ(store.release_dead("s").planned, 1);
}

TEST_F(ProcessesTest, ATrialWhoseWorkersAreKilledTooOftenHasFailed) {
  plan(1);
  Store store(path_);
  WorkerId gone = this_worker();
  gone.start_ticks += 1;  // the process id now belongs to another: us
  for (int death = 1; death <= 3; ++death) {
    ASSERT_TRUE(store.claim_next("s", gone));
    const Released released = store.release_dead("s", 3);
    EXPECT_EQ(released.failed, death == 3 ? 1 : 0);
    EXPECT_EQ(released.planned, death == 3 ? 0 : 1);
  }
  EXPECT_THAT(store.trials("s")[0].reason, HasSubstr("killed 3 times"));
  EXPECT_EQ(store.status("s").failed, 1);
}

TEST_F(ProcessesTest, DeathsOfTheWholeSweepAreNotHeldAgainstATrial) {
  plan(1);
  Store store(path_);
  WorkerId gone = this_worker();
  gone.start_ticks += 1;
  for (int death = 1; death <= 10; ++death) {
    ASSERT_TRUE(store.claim_next("s", gone));
    ASSERT_EQ(store.release_dead("s").planned, 1);
  }
}

TEST_F(ProcessesTest, ATrialWhoseWorkerWasKilledIsTakenUpLast) {
  plan(3);
  Store store(path_);
  WorkerId gone = this_worker();
  gone.start_ticks += 1;
  const auto killed = store.claim_next("s", gone);
  ASSERT_EQ(store.release_dead("s", 5).planned, 1);
  std::vector<std::int64_t> order;
  while (const auto claim = store.claim_next("s", this_worker())) order.push_back(claim->trial_id);
  ASSERT_EQ(order.size(), 3u);
  EXPECT_EQ(order.back(), killed->trial_id);
}

TEST_F(ProcessesTest, OtherHostsAndOtherContainersAreLeftAlone) {
  const WorkerId self = this_worker();
  WorkerId other = self;
  EXPECT_EQ(liveness_of(other, self), Liveness::kAlive);
  other.boot_id = "another";
  EXPECT_EQ(liveness_of(other, self), Liveness::kDead) << "our host was booted since";
  other.host += "2";
  EXPECT_EQ(liveness_of(other, self), Liveness::kUnknown);
  other = self;
  other.pid_namespace += 1;
  EXPECT_EQ(liveness_of(other, self), Liveness::kUnknown);
  other = self;
  other.start_ticks += 1;
  EXPECT_EQ(liveness_of(other, self), Liveness::kDead) << "its process id was used again";
}

TEST_F(ProcessesTest, AWriterKilledInTheMiddleLeavesOnlyWholeTransactions) {
  plan(1);
  constexpr int kPoints = 50;
  const pid_t writer = in_child([this] {
    Store store(path_);
    const auto claim = store.claim_next("s", this_worker());
    std::vector<CurvePoint> points(kPoints);
    for (std::int64_t step = 0;;) {
      for (CurvePoint& point : points) point = {.step = ++step, .train_loss = 1};
      store.append_curve(*claim, points);
    }
  });
  Store store(path_);
  ASSERT_TRUE(wait_for([&] { return store.curve(1).size() >= 10 * kPoints; }));
  ::kill(writer, SIGKILL);
  exit_status(writer);
  const auto curve = store.curve(1);
  EXPECT_EQ(curve.size() % kPoints, 0u);
  EXPECT_EQ(curve.back().step, static_cast<std::int64_t>(curve.size()));
}

}  // namespace
}  // namespace isoflop
