// What a look at a sweep shows, what it costs, and that it disturbs nobody.
#include <SQLiteCpp/SQLiteCpp.h>
#include <atomic>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <thread>

#include "core/error.h"
#include "core/hash.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;

class StatusTest : public ::testing::Test {
 protected:
  void sql(const std::string& text) { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec(text); }
  std::string ask(const std::string& text) {
    return SQLite::Database(path_).execAndGet(text).getString();
  }
  Claim claim(const WorkerId& worker) {
    const auto found = store_.claim_next("s", worker);
    EXPECT_TRUE(found);
    return *found;
  }
  static Outcome failed(const std::string& reason, std::vector<std::string> notes = {}) {
    return {.status = OutcomeStatus::kFailed, .reason = reason, .notes = std::move(notes)};
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
  Store store_{path_, StoreMode::kCreate};
  WorkerId self_ = this_worker();
};

TEST_F(StatusTest, TrialsStandUnderTheirBudgetsAndBracketsBelow) {
  store_.add_study("s", "");
  store_.add_trials(
      "s", std::vector<PlannedTrial>{
               {.trial = tabular_trial(100, 1e6), .budget = 1e9},
               {.trial = tabular_trial(300, 1e6), .budget = 1e9},
               {.trial = tabular_trial(200, 1e6), .budget = 5e9},
               {.trial = tabular_trial(150, 1e6), .budget = 1e9, .role = TrialRole::kBracket}});
  store_.finish(claim(self_), done_with(3));
  const SweepView view = store_.view("s");
  ASSERT_EQ(view.groups.size(), 3u);
  EXPECT_EQ(view.groups[0].budget_low, 1e9);
  EXPECT_EQ(view.groups[0].params_low, 100);
  EXPECT_EQ(view.groups[0].params_high, 300);
  EXPECT_EQ(view.groups[0].status.trials(), 2);
  EXPECT_EQ(view.groups[1].budget_low, 5e9);
  EXPECT_TRUE(view.groups[2].bracket);
  std::int64_t done = 0;
  double flops = 0;
  for (const SweepGroup& group : view.groups) {
    done += group.status.done;
    flops += group.status.flops_done;
  }
  EXPECT_EQ(done, 1);
  EXPECT_DOUBLE_EQ(flops, view.status.flops_done);
}

TEST_F(StatusTest, AGridOfManySizesIsShownByPowersOfTen) {
  store_.add_study("s", "");
  std::vector<PlannedTrial> trials;
  for (int i = 0; i < 300; ++i) trials.push_back({.trial = tabular_trial(10 + 4 * i, 1e6)});
  store_.add_trials("s", trials);
  const SweepView view = store_.view("s");
  std::vector<std::int64_t> counts;
  for (const SweepGroup& group : view.groups) counts.push_back(group.status.trials());
  EXPECT_THAT(counts, ElementsAre(23, 225, 52));  // below 100, below 1000, the rest
  EXPECT_EQ(view.groups[1].params_low, 102);
  EXPECT_EQ(view.groups[1].params_high, 998);
}

TEST_F(StatusTest, ARunningTrialSaysWhereItIs) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(1));
  const Claim running = claim(self_);
  const std::vector<CurvePoint> points{{.step = 1, .train_loss = 5}, {.step = 2, .train_loss = 4}};
  store_.append_curve(running, points);
  store_.heartbeat(running, 2.5e5);
  const SweepView view = store_.view("s");
  ASSERT_EQ(view.running.size(), 1u);
  const LiveAttempt& attempt = view.running[0];
  EXPECT_EQ(attempt.identity, running.identity);
  EXPECT_EQ(attempt.tokens_done / attempt.tokens, 0.25);
  EXPECT_EQ(attempt.pid, ::getpid());
  EXPECT_EQ(attempt.number, 1);
  EXPECT_EQ(attempt.train_loss, 4);
  EXPECT_FALSE(attempt.gone);
  EXPECT_DOUBLE_EQ(attempt.flops_done, 0.25 * attempt.flops);
  EXPECT_DOUBLE_EQ(view.groups[0].status.flops_done, view.status.flops_done);
  EXPECT_LT(view.now - attempt.heartbeat, 60);
}

TEST_F(StatusTest, ARunningTrialWithoutALivingProcessIsGone) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(2));
  WorkerId dead = self_;
  dead.boot_id = "an earlier boot";
  claim(dead);
  WorkerId elsewhere = self_;
  elsewhere.host = "another";
  elsewhere.boot_id = "its own";
  claim(elsewhere);
  const auto gone = [&] {
    std::int64_t count = 0;
    for (const LiveAttempt& attempt : store_.view("s").running) count += attempt.gone ? 1 : 0;
    return count;
  };
  EXPECT_EQ(gone(), 1);
  sql("UPDATE attempts SET heartbeat = heartbeat - 2 * lease");
  EXPECT_EQ(gone(), 2);
}

TEST_F(StatusTest, FailuresSayWhatMostOfThemSay) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(5));
  const RetryPolicy once{.bugs = 0};
  store_.finish(claim(self_), failed("odd"), once);
  for (int i = 0; i < 3; ++i) store_.finish(claim(self_), failed("same", {"line"}), once);
  store_.finish(claim(self_), {.status = OutcomeStatus::kDiverged, .reason = "NaN at step 7"});
  const SweepView view = store_.view("s");
  ASSERT_EQ(view.failures.size(), 2u);
  EXPECT_EQ(view.failures[0].state, "failed");
  EXPECT_EQ(view.failures[0].trials, 4);
  EXPECT_EQ(view.failures[0].reason, "same");
  EXPECT_EQ(view.failures[0].with_reason, 3);
  EXPECT_EQ(view.failures[0].log, "line\n");
  EXPECT_EQ(view.failures[1].state, "diverged");
  EXPECT_EQ(view.failures[1].reason, "NaN at step 7");
}

TEST_F(StatusTest, LeasedTrialsStandUnderTheirHolder) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(3));
  const auto rows = store_.trials("s");
  const std::vector<std::int64_t> ids{rows[0].id, rows[2].id};
  store_.lease_out("s", ids, "slurm 12");
  const SweepView view = store_.view("s");
  ASSERT_EQ(view.held.size(), 1u);
  EXPECT_EQ(view.held[0].holder, "slurm 12");
  EXPECT_EQ(view.held[0].trials, 2);
  EXPECT_EQ(view.status.leased, 2);

  // Heard of an hour ago, when it was collected: not gone, its holder knows.
  store_.import_attempt({.origin = "a",
                         .identity = rows[0].identity,
                         .worker = {.host = "node1", .boot_id = "b", .pid = 12},
                         .started = 1e9,
                         .heartbeat = 1e9});
  const auto running = store_.view("s").running;
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(running[0].held_by, "slurm 12");
  EXPECT_FALSE(running[0].gone);
}

// The tables that triggers keep, and the same counted from every row, through random lives.
TEST_F(StatusTest, KeptCountsAreWhatCountingGives) {
  const char* kept =
      "SELECT group_concat(study || role || budget || ' ' || params || state || trials || ' ' ||"
      " round(flops)) FROM (SELECT * FROM tallies WHERE trials > 0"
      " ORDER BY study, role, budget, params, state)";
  const char* counted =
      "SELECT group_concat(study || role || budget || ' ' || params || state || n || ' ' ||"
      " round(flops)) FROM (SELECT st.study, st.role, coalesce(st.budget, 0.0) AS budget, t.params,"
      " t.state, count(*) AS n, sum(st.own_flops) AS flops FROM study_trials st JOIN trials t"
      " ON t.id = st.trial GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5)";
  const char* spent =
      "SELECT group_concat(study || device || params || ' ' || attempts || ' ' || round(seconds, 3)"
      " || ' ' || round(flops) || ' ' || round(uncounted, 3)) FROM"
      " (SELECT * FROM spent WHERE attempts > 0 ORDER BY study, device, params)";
  const char* counted_spent =
      "SELECT group_concat(study || device || params || ' ' || n || ' ' || round(seconds, 3)"
      " || ' ' || round(flops) || ' ' || round(uncounted, 3)) FROM"
      " (SELECT st.study, a.device, t.params, count(*) AS n, sum(a.seconds) AS seconds,"
      "  sum(coalesce(a.flops, 0)) AS flops, sum(iif(a.flops > 0, 0, a.seconds)) AS uncounted"
      "  FROM attempts a JOIN trials t ON t.id = a.trial JOIN study_trials st ON st.trial = t.id"
      "  WHERE a.outcome <> 'running' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3)";
  SplitMix64 random(7);
  for (int round = 0; round < 120; ++round) {
    const std::string study = random.below(3) == 0 ? "t" : "s";
    const double budget = 1e9 * static_cast<double>(random.below(3));
    switch (random.below(6)) {
      case 0:
        store_.add_study(study, "");
        store_.add_trials(
            study, std::vector<PlannedTrial>{
                       {.trial = tabular_trial(100 + static_cast<double>(random.below(4)), 1e6,
                                               static_cast<std::int64_t>(random.below(5))),
                        .budget = budget > 0 ? std::optional(budget) : std::nullopt,
                        .role = random.below(4) == 0 ? TrialRole::kBracket : TrialRole::kGrid},
                       {.trial = trunk_trial(100, 10 << random.below(4))}});
        break;
      case 1:
        store_.add_study("s", "");
        store_.retry("s", {.failed = true, .diverged = true, .cancelled = true});
        break;
      case 2:
        store_.add_study("s", "");
        sql("UPDATE attempts SET boot_id = 'an earlier boot' WHERE outcome = 'running'");
        store_.release_dead("s", 2);
        break;
      default:
        store_.add_study("s", "");
        if (const auto next = store_.claim_next("s", self_)) {
          Outcome outcome = random.below(3) == 0 ? failed("bug") : done_with(3);
          outcome.flops = 1e6 * static_cast<double>(random.below(3));
          if (random.below(4) > 0) store_.finish(*next, outcome);
        } else if (random.below(4) == 0) {
          store_.cancel("s");
        }
    }
    ASSERT_EQ(ask(kept), ask(counted)) << "round " << round;
    ASSERT_EQ(ask(spent), ask(counted_spent)) << "round " << round;
  }
  EXPECT_GT(store_.status("s").trials(), 10);
}

// --- Cost, in steps of SQLite's machine, which do not depend on how busy the computer is.

std::atomic<std::int64_t> sqlite_steps{0};

int count_steps(void*) {
  ++sqlite_steps;
  return 0;
}

// Every connection that is opened from now on counts in hundreds.
int install_counter(sqlite3* db, char**, const void*) {
  sqlite3_progress_handler(db, 100, count_steps, nullptr);
  return SQLITE_OK;
}

std::int64_t steps_of_a_look(int trials) {
  const TemporaryFolder folder;
  const std::string path = folder.file("runs.db");
  {
    Store store(path, StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> planned;
    for (int i = 0; i < trials; ++i) {
      planned.push_back(
          {.trial = tabular_trial(1000 + i % 5, 1e6, i), .budget = 1e9 * (1 + i % 4)});
    }
    store.add_trials("s", planned);
    for (int i = 0; i < 20; ++i) {
      const auto claim = store.claim_next("s", this_worker());
      if (i % 4 == 0) store.finish(*claim, {.reason = "bug"}, {.bugs = 0});
      if (i % 4 == 1) store.finish(*claim, done_with(3));
    }
  }
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(install_counter));
  const Store store(path, StoreMode::kReadOnly);
  sqlite3_reset_auto_extension();
  sqlite_steps = 0;
  store.studies();
  store.view("s");
  store.status("s");
  store.rate_rungs("s");
  store.running_trials("s");
  store.some_done("s", 24);
  return sqlite_steps;
}

TEST(StatusCostTest, ALookAtFifteenTimesTheTrialsCostsTheSame) {
  const std::int64_t few = steps_of_a_look(100);
  const std::int64_t many = steps_of_a_look(1500);
  EXPECT_GT(few, 10);
  EXPECT_LT(static_cast<double>(many), 1.3 * static_cast<double>(few));
}

// --- A viewer and writers.

// Whether the whole write-ahead log can go into the store, so that it starts over and does not
// grow.
bool log_starts_over(const std::string& path) {
  SQLite::Database db(path, SQLite::OPEN_READWRITE, 200);
  SQLite::Statement checkpoint(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  checkpoint.executeStep();
  return checkpoint.getColumn(0).getInt() == 0 && std::filesystem::file_size(path + "-wal") == 0;
}

TEST_F(StatusTest, ViewersLetTheLogStartOverAndAnOpenTransactionWouldNot) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(2));
  const Claim running = claim(self_);
  std::atomic<bool> stop{false};
  std::atomic<int> looks{0};
  std::thread viewer([&] {
    while (!stop) {
      Store(path_, StoreMode::kReadOnly).view("s");
      ++looks;
    }
  });
  int started_over = 0;
  for (int i = 0; i < 20; ++i) {
    const std::vector<CurvePoint> points{{.step = i + 1}};
    store_.append_curve(running, points);
    started_over += log_starts_over(path_) ? 1 : 0;
  }
  stop = true;
  viewer.join();
  EXPECT_GT(looks.load(), 0);
  EXPECT_GE(started_over, 15) << "one look may be in the way for as long as it takes";
  // What a viewer must not be.
  SQLite::Database reader(path_);
  SQLite::Transaction open(reader);
  reader.execAndGet("SELECT count(*) FROM trials");
  const std::vector<CurvePoint> points{{.step = 100}};
  store_.append_curve(running, points);
  EXPECT_FALSE(log_starts_over(path_));
}

TEST_F(StatusTest, TwentyViewersStopNoWriter) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(40));
  std::atomic<bool> stop{false};
  std::atomic<int> looks{0};
  std::atomic<int> errors{0};
  std::vector<std::thread> viewers;
  for (int i = 0; i < 20; ++i) {
    viewers.emplace_back([&] {
      while (!stop) {
        try {
          const SweepStatus status = Store(path_, StoreMode::kReadOnly).view("s").status;
          if (status.trials() != 40) ++errors;
          ++looks;
        } catch (const Error&) {
          ++errors;
        }
      }
    });
  }
  const std::vector<CurvePoint> points{{.step = 1, .train_loss = 3}};
  while (const auto next = store_.claim_next("s", self_)) {
    store_.append_curve(*next, points);
    EXPECT_TRUE(store_.heartbeat(*next, 1e5));
    EXPECT_TRUE(store_.finish(*next, done_with(2)));
  }
  stop = true;
  for (std::thread& viewer : viewers) viewer.join();
  EXPECT_EQ(store_.status("s").done, 40);
  EXPECT_EQ(errors.load(), 0);
  EXPECT_GT(looks.load(), 20);
}

}  // namespace
}  // namespace isoflop
