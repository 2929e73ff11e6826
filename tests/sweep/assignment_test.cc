#include "sweep/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <set>

#include "core/schedule.h"
#include "sweep/cost.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AssignedTrial single_trial(double seconds, std::int64_t seed = 1) {
  const Trial trial = tabular_trial(1e3 + seconds, 1e6, seed);
  return {.identity = identity(trial), .trial = trial, .seconds = seconds};
}

AssignedTrial branch_trial(double params, int steps, double seconds) {
  const Trial trial = trunk_trial(params, steps);
  return {.identity = identity(trial), .trial = trial, .seconds = seconds};
}

std::vector<std::vector<double>> loads(const std::vector<Task>& tasks) {
  std::vector<std::vector<double>> result;
  for (const Task& task : tasks) {
    auto& own = result.emplace_back();
    for (const AssignedTrial& trial : task.trials) own.push_back(trial.seconds);
  }
  return result;
}

TEST(Assignment, NothingIsNoTask) { EXPECT_THAT(make_tasks({}, {}), IsEmpty()); }

TEST(Assignment, WithoutAPackingEveryChainIsATask) {
  const auto tasks = make_tasks({single_trial(3), single_trial(1), branch_trial(1e5, 40, 4),
                                 single_trial(2), branch_trial(1e5, 20, 5)},
                                {});
  ASSERT_EQ(tasks.size(), 4u);
  EXPECT_THAT(loads(tasks), ElementsAre(ElementsAre(5.0, 4.0), ElementsAre(3.0), ElementsAre(2.0),
                                        ElementsAre(1.0)));
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_EQ(tasks[i].index, static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(tasks[0].seconds, 9);
}

TEST(Assignment, ATrunkStaysTogetherInTheOrderOfItsBranches) {
  std::vector<AssignedTrial> trials;
  for (const int steps : {80, 20, 160, 40}) trials.push_back(branch_trial(1e5, steps, steps));
  for (const int steps : {30, 15}) trials.push_back(branch_trial(2e5, steps, steps));
  const auto tasks = make_tasks(trials, {.max_tasks = 4});
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_THAT(loads(tasks),
              ElementsAre(ElementsAre(20.0, 40.0, 80.0, 160.0), ElementsAre(15.0, 30.0)));
}

TEST(Assignment, TheLongestComeFirstToTheLeastLoaded) {
  const auto tasks = make_tasks({single_trial(1), single_trial(2), single_trial(3), single_trial(4),
                                 single_trial(5), single_trial(6)},
                                {.max_tasks = 2});
  // 6 | 5, 4 to the second, 3 to the first, 2 to the first of two with 9, 1 to the other; shortest
  // first in a task.
  EXPECT_THAT(loads(tasks), ElementsAre(ElementsAre(2.0, 3.0, 6.0), ElementsAre(1.0, 4.0, 5.0)));
}

TEST(Assignment, EachPackingAsksForItsNumberOfTasks) {
  std::vector<AssignedTrial> trials;
  for (int seed = 1; seed <= 100; ++seed) trials.push_back(single_trial(6, seed));
  EXPECT_EQ(make_tasks(trials, {.trials_per_task = 10}).size(), 10u);
  EXPECT_EQ(make_tasks(trials, {.trials_per_task = 7}).size(), 15u);
  EXPECT_EQ(make_tasks(trials, {.seconds_per_task = 60}).size(), 10u);
  EXPECT_EQ(make_tasks(trials, {.seconds_per_task = 1}).size(), 100u);
  EXPECT_EQ(make_tasks(trials, {.max_tasks = 3}).size(), 3u);
  EXPECT_EQ(make_tasks(trials, {.max_tasks = 1000}).size(), 100u);
  EXPECT_EQ(make_tasks(trials, {.trials_per_task = 1, .max_tasks = 20}).size(), 20u);
  EXPECT_EQ(make_tasks(trials, {.trials_per_task = 50, .seconds_per_task = 60}).size(), 10u);
}

TEST(Assignment, TrialsThatCostNothingAreDealtOutAllTheSame) {
  std::vector<AssignedTrial> trials;
  for (int seed = 1; seed <= 10; ++seed) trials.push_back(single_trial(0, seed));
  const auto tasks = make_tasks(trials, {.max_tasks = 5});
  ASSERT_EQ(tasks.size(), 5u);
  for (const Task& task : tasks) EXPECT_EQ(task.trials.size(), 2u);
}

// Every trial in exactly one task, and no task beyond Graham's bound: 4/3 of the best possible,
// which is at least the mean and the longest chain.
TEST(Assignment, NoTrialIsLostOrDoubledAndTasksAreBalanced) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<AssignedTrial> trials;
    double total = 0;
    std::map<std::string, double> chain;
    const int count = 1 + static_cast<int>(random() % 60);
    for (int i = 0; i < count; ++i) {
      const double seconds = 1 + static_cast<double>(random() % 1000);
      const int steps = 10 + i;
      trials.push_back(random() % 2 == 0 ? branch_trial(1e4 * (1 + random() % 5), steps, seconds)
                                         : single_trial(seconds, i));
      total += seconds;
      const std::string trunk = trunk_identity(trials.back().trial);
      chain[trunk.empty() ? trials.back().identity : trunk] += seconds;
    }
    const auto most = static_cast<std::int64_t>(1 + random() % 20);
    const auto tasks = make_tasks(trials, {.max_tasks = most});
    std::multiset<std::string> before, after;
    for (const AssignedTrial& trial : trials) before.insert(trial.identity);
    double longest = 0, longest_chain = 0;
    for (const Task& task : tasks) {
      ASSERT_FALSE(task.trials.empty());
      double sum = 0;
      for (const AssignedTrial& trial : task.trials) {
        after.insert(trial.identity);
        sum += trial.seconds;
      }
      EXPECT_NEAR(task.seconds, sum, 1e-9 * sum);
      longest = std::max(longest, sum);
    }
    for (const auto& [name, seconds] : chain) longest_chain = std::max(longest_chain, seconds);
    EXPECT_EQ(before, after);
    EXPECT_LE(tasks.size(), static_cast<std::size_t>(most));
    // LPT ends at most the mean plus the last chain given, which is no longer than the longest.
    EXPECT_LE(longest, total / static_cast<double>(tasks.size()) + longest_chain + 1e-6);
  }
}

TEST(Assignment, TheEstimateLeavesOutWhatATrunkGives) {
  std::vector<Claim> claims;
  for (const int steps : {400, 100}) {
    Trial trial;
    trial.data.source = "zipf";
    trial.train.schedule = "cooldown";
    trial.train.warmup_tokens = 512;
    trial.train.tokens = static_cast<double>(steps * trial.train.batch * trial.model.context);
    claims.push_back({.identity = identity(trial), .trial = trial, .micro_batch = 2});
  }
  const auto assigned = assigned_trials(claims);
  ASSERT_EQ(assigned.size(), 2u);
  EXPECT_EQ(assigned[0].trial, claims[0].trial);
  EXPECT_EQ(assigned[0].micro_batch, 2);
  const double alone = cost_of(claims[0].trial).seconds;
  EXPECT_NEAR(assigned[0].seconds, alone * (1 - 80.0 / 400), 1e-6 * alone);
  EXPECT_NEAR(assigned[1].seconds, cost_of(claims[1].trial).seconds, 1e-9);
  EXPECT_NEAR(assigned_trials(claims, 2)[0].seconds, assigned[0].seconds / 2, 1e-9);
}

}  // namespace
}  // namespace isoflop
