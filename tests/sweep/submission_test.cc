#include "sweep/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// A Slurm that gives numbers from 100 on and knows what was submitted under which name.
struct FakeSlurm {
  std::map<std::string, int> jobs = {};  // by name
  int limit = 1000;                      // jobs that it takes
  bool answers = true;
  std::vector<std::vector<std::string>> calls = {};

  CommandResult operator()(const std::vector<std::string>& argv, double) {
    calls.push_back(argv);
    if (!answers) return {.timed_out = true};
    if (argv[0] == "sbatch") return sbatch(argv[2].substr(std::string("--job-name=").size()));
    std::string out;
    for (const std::string& word : argv) {
      if (word.rfind("--name=", 0) == 0 && jobs.contains(word.substr(7))) {
        out = std::to_string(jobs.at(word.substr(7))) + "\n";
      }
    }
    return {.code = 0, .out = out};
  }

  CommandResult sbatch(const std::string& name) {
    if (static_cast<int>(jobs.size()) >= limit) {
      return {.code = 1, .err = "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"};
    }
    const int number = 100 + static_cast<int>(jobs.size());
    jobs[name] = number;
    return {.code = 0, .out = std::to_string(number) + "\n"};
  }
};

std::map<std::string, std::int64_t> holders_of(const Store& store) {
  std::map<std::string, std::int64_t> found;
  for (const HolderRow& row : store.holders("s")) found[row.holder] = row.trials;
  return found;
}

int planned_in(const Store& store) { return static_cast<int>(planned_trials(store, "s").size()); }

Handout hand_out_all(Store& store, std::int64_t max_array_size) {
  return hand_out(store, "s", submission_name("s"), {.trials_per_task = 2}, max_array_size);
}

TEST(Submission, HandsEveryPlannedTrialOutOnce) {
  const TestSweep sweep(10);
  Store store(sweep.path());
  const auto running = store.claim_next("s", this_worker());
  ASSERT_TRUE(running);
  const Handout handout = hand_out_all(store, 3);
  EXPECT_EQ(handout.tasks.size(), 5U);
  EXPECT_EQ(handout.ranges, array_ranges(5, 3));
  std::set<std::string> seen;
  for (const Task& task : handout.tasks) {
    for (const AssignedTrial& trial : task.trials) EXPECT_TRUE(seen.insert(trial.identity).second);
  }
  EXPECT_EQ(seen.size(), 9U);
  EXPECT_FALSE(seen.contains(running->identity)) << "it runs here";
}

TEST(Submission, LeavesNothingForASecondOneNorForALocalRun) {
  const TestSweep sweep(10);
  Store store(sweep.path());
  FakeSlurm slurm;
  const Handout first = hand_out_all(store, 3);
  submit_arrays(store, "s", first, "job.sh", 0, std::ref(slurm));
  EXPECT_TRUE(hand_out_all(store, 3).tasks.empty());
  EXPECT_FALSE(store.claim_next("s", this_worker()));
}

TEST(Submission, NamesEveryArrayAsTheHolderOfItsTrials) {
  const TestSweep sweep(10);
  Store store(sweep.path());
  FakeSlurm slurm;
  const Handout handout = hand_out_all(store, 3);
  const Submitted submitted = submit_arrays(store, "s", handout, "job.sh", 0, std::ref(slurm));
  EXPECT_EQ(submitted.jobs, (std::vector<std::int64_t>{100, 101}));
  EXPECT_EQ(submitted.trouble, "");
  EXPECT_EQ(holders_of(store),
            (std::map<std::string, std::int64_t>{{"slurm 100", 6}, {"slurm 101", 4}}));
  EXPECT_EQ(slurm.calls[1].back(), "3") << "the second array's first task";
}

TEST(Submission, PlansAgainWhatSbatchRefuses) {
  const TestSweep sweep(10);
  Store store(sweep.path());
  FakeSlurm slurm{.limit = 1};
  const Submitted submitted =
      submit_arrays(store, "s", hand_out_all(store, 2), "job.sh", 0, std::ref(slurm));
  EXPECT_EQ(submitted.jobs.size(), 1U);
  EXPECT_THAT(submitted.trouble, HasSubstr("QOSMaxSubmitJobPerUserLimit"));
  EXPECT_EQ(holders_of(store), (std::map<std::string, std::int64_t>{{"slurm 100", 4}}));
  EXPECT_EQ(planned_in(store), 6);
}

TEST(Submission, KeepsWhatAnUnansweredSbatchMayHaveSubmitted) {
  const TestSweep sweep(10);
  Store store(sweep.path());
  FakeSlurm slurm{.answers = false};
  const Handout handout = hand_out_all(store, 2);
  EXPECT_NE(submit_arrays(store, "s", handout, "job.sh", 0, std::ref(slurm)).trouble, "");
  EXPECT_EQ(planned_in(store), 6) << "of the arrays that were not tried";
  EXPECT_EQ(settle_submissions(store, "s", std::ref(slurm)), 0) << "this process still lives";
}

// Another process that leases, submits the first `submitted` arrays, and dies before it has named
// their jobs.
Handout die_while_submitting(const std::string& path, int submitted, FakeSlurm& slurm) {
  const TemporaryFolder folder;
  const pid_t pid = ::fork();
  if (pid == 0) {
    Store store(path);
    const Handout handout = hand_out_all(store, 3);
    std::ofstream(folder.file("name")) << handout.name;
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  Handout handout;
  std::ifstream(folder.file("name")) >> handout.name;
  for (int k = 0; k < submitted; ++k) slurm.sbatch(handout.name + "." + std::to_string(k));
  return handout;
}

TEST(Submission, ThatDiedIsSettledByItsJobsNames) {
  const TestSweep sweep(10);
  FakeSlurm slurm;
  die_while_submitting(sweep.path(), 1, slurm);
  Store store(sweep.path());
  EXPECT_EQ(planned_in(store), 0);
  slurm.answers = false;
  EXPECT_EQ(settle_submissions(store, "s", std::ref(slurm)), 0);
  EXPECT_EQ(planned_in(store), 0) << "Slurm did not answer: nothing is known";
  slurm.answers = true;
  EXPECT_EQ(settle_submissions(store, "s", std::ref(slurm)), 2);
  EXPECT_EQ(holders_of(store), (std::map<std::string, std::int64_t>{{"slurm 100", 6}}));
  EXPECT_EQ(planned_in(store), 4) << "of the array that never reached the queue";
  EXPECT_EQ(settle_submissions(store, "s", std::ref(slurm)), 0);
}

TEST(Submission, NamesAreFitForFilesAndNeverTheSame) {
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) {
    const std::string name = submission_name("my / study\"");
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzTZ0123456789_-"), std::string::npos)
        << name;
    names.insert(name);
  }
  EXPECT_GE(names.size(), 18U);
}

TEST(HolderLife, IsAskedForSlurmsJobsOnly) {
  FakeSlurm slurm;
  EXPECT_EQ(holder_life("tasks demo", std::ref(slurm)), JobLife::kUnknown);
  EXPECT_TRUE(slurm.calls.empty());
  EXPECT_EQ(holder_life("slurm 12", std::ref(slurm)), JobLife::kGone);
  EXPECT_THAT(slurm.calls.front(), ::testing::Contains("--jobs=12"));
}

TEST(GoneHolders, AreThoseOfJobsThatSlurmHasForgotten) {
  const TestSweep sweep(10);
  Store store(sweep.path());
  FakeSlurm slurm;
  submit_arrays(store, "s", hand_out_all(store, 3), "job.sh", 0, std::ref(slurm));
  const auto one_is_gone = [](const std::vector<std::string>& argv, double) {
    const bool gone = ::testing::Value(argv, ::testing::Contains("--jobs=100"));
    return gone ? CommandResult{.code = 1, .err = "Invalid job id specified"}
                : CommandResult{.code = 0, .out = "RUNNING\n"};
  };
  EXPECT_THAT(gone_holders(store, "s", one_is_gone), ::testing::ElementsAre("slurm 100"));
  slurm.answers = false;
  slurm.calls.clear();
  EXPECT_TRUE(gone_holders(store, "s", std::ref(slurm)).empty());
  EXPECT_EQ(slurm.calls.size(), 1U)
      << "two jobs, but once is enough to see that it does not answer";
}

}  // namespace
}  // namespace isoflop
