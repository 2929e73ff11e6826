#include "sweep/makespan.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "core/hash.h"

namespace isoflop {
namespace {

double longest_first(const std::vector<double>& seconds, int workers) {
  std::vector<Chain> chains;
  for (const double job : seconds) chains.push_back({{.seconds = job}});
  return makespan(chains, workers);
}

TEST(MakespanTest, SingleJobsAreAsInGrahamsExample) {
  // Two workers: 7+4+3 and 6+5+2+1 would be best (14); the rule gives 7,4,3 | 6,5,2 + 1.
  EXPECT_DOUBLE_EQ(longest_first({1, 2, 3, 4, 5, 6, 7}, 2), 14);
  // Graham 1969: 2m + 1 jobs 5,5,4,4,3,3,3 on 3 workers: 11, where 9 is best.
  EXPECT_DOUBLE_EQ(longest_first({5, 5, 4, 4, 3, 3, 3}, 3), 11);
  EXPECT_DOUBLE_EQ(longest_first({}, 3), 0);
}

// The oracle tries every assignment.
double best_assignment(const std::vector<double>& jobs, std::vector<double>& loads, size_t next) {
  if (next == jobs.size()) return *std::max_element(loads.begin(), loads.end());
  double best = 1e300;
  for (double& load : loads) {
    load += jobs[next];
    best = std::min(best, best_assignment(jobs, loads, next + 1));
    load -= jobs[next];
  }
  return best;
}

TEST(MakespanTest, SingleJobsAreWithinGrahamsBoundOfTheBestSchedule) {
  SplitMix64 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> jobs;
    for (int i = 0; i < 8; ++i) jobs.push_back(1 + random.uniform());
    std::vector<double> loads(3, 0.0);
    const double best = best_assignment(jobs, loads, 0);
    const double fast = longest_first(jobs, 3);
    EXPECT_GE(fast, best * (1 - 1e-12));
    EXPECT_LE(fast, best * (4.0 / 3 - 1.0 / 9) * (1 + 1e-12));  // 4/3 - 1/(3m)
  }
}

TEST(MakespanTest, AChainWaitsForItsHoldAndNotForTheEnd) {
  // 4 of 5 s hold the chain: starts at 0, 4, 8; the last ends at 13.
  const Chain chain{{4, 5}, {4, 5}, {4, 5}};
  EXPECT_DOUBLE_EQ(makespan({chain}, 2), 13);
  EXPECT_DOUBLE_EQ(makespan({chain}, 1), 15);
  EXPECT_DOUBLE_EQ(makespan({chain}, 9), 13);
}

TEST(MakespanTest, FreeWorkersTakeOtherChainsMeanwhile) {
  // The long chain holds from 0 and from 8 on; the second worker does 3, 3, 2 in its waits.
  const Chain chain{{8, 8}, {2, 4}};
  EXPECT_DOUBLE_EQ(makespan({chain, {{.seconds = 3}}, {{.seconds = 3}}, {{.seconds = 2}}}, 2), 12);
}

}  // namespace
}  // namespace isoflop
