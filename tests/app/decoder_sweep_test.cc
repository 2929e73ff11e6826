// Sweeps of real decoders through the program: to a plan, killed at random, on real text.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

// 2 budgets x 3 sizes; a trial takes a fraction of a second.
constexpr const char* kFactsGrid = R"(name = "facts"
[data]
source = "zipf"
[grid]
kind = "isoflop"
flops = "exact"
budgets = [4e8, 8e8]
params = ["3k", "6k", "12k"]
[trial]
model.context = 64
eval_windows = 32
)";

class DecoderSweep : public ProgramTest {
 protected:
  std::map<std::string, double> losses(const std::string& db) const {
    std::map<std::string, double> by_trial;
    for (const auto& trial : run("sweep export --json --db " + db).json()) {
      EXPECT_EQ(trial["state"], "done");
      by_trial[trial["trial"]] = trial.value("loss", 0.0);
    }
    return by_trial;
  }

  // Starts the program in a process group of its own.
  pid_t start(const std::vector<std::string>& arguments) const {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    setpgid(0, 0);
    if (chdir(dir_.c_str()) != 0) _exit(126);
    if (freopen("/dev/null", "w", stderr) == nullptr ||
        freopen("/dev/null", "w", stdout) == nullptr) {
      _exit(126);
    }
    std::vector<char*> argv{const_cast<char*>(ISOFLOP_BINARY)};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(ISOFLOP_BINARY, argv.data());
    _exit(127);
  }

  static std::vector<pid_t> workers_of(pid_t driver) {
    std::vector<pid_t> found;
    std::ifstream in("/proc/" + std::to_string(driver) + "/task/" + std::to_string(driver) +
                     "/children");
    for (pid_t child = 0; in >> child;) found.push_back(child);
    return found;
  }
};

TEST_F(DecoderSweep, SameGridSameLossesToTheBit) {
  write("grid.toml", kFactsGrid);
  ASSERT_EQ(run("sweep run grid.toml --db one.db").code, 0) << read("err.txt");
  ASSERT_EQ(run("sweep run grid.toml --db two.db --workers 1").code, 0) << read("err.txt");
  const auto one = losses("one.db"), two = losses("two.db");
  EXPECT_EQ(one.size(), 6u);
  EXPECT_EQ(one, two);
}

TEST_F(DecoderSweep, SurvivesKillsAtTwentyRandomMomentsWithEveryTrialOnce) {
  write("grid.toml", kFactsGrid);
  ASSERT_EQ(run("sweep run grid.toml --db calm.db").code, 0) << read("err.txt");
  const unsigned seed = 20261123;
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  int kills = 0;
  while (kills < 20) {
    const pid_t driver = start({"sweep", "run", "grid.toml", "--db", "hit.db", "--quiet"});
    // Long enough that some trials end, short enough that the sweep rarely does.
    std::this_thread::sleep_for(std::chrono::milliseconds(300 + random() % 900));
    const auto workers = workers_of(driver);
    if (!workers.empty() && random() % 2 == 0) {
      kill(workers[random() % workers.size()], SIGKILL);
      ++kills;
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 300));
    }
    kill(driver, SIGKILL);
    ++kills;
    waitpid(driver, nullptr, 0);
  }
  ASSERT_EQ(run("sweep run grid.toml --db hit.db").code, 0) << read("err.txt");
  EXPECT_EQ(losses("hit.db"), losses("calm.db"));
  const auto status = run("sweep status --db hit.db --json").json();
  EXPECT_EQ(status["trials"]["done"], 6);
  EXPECT_EQ(status["trials"]["running"], 0);
}

TEST_F(DecoderSweep, CtrlCSavesWhatIsDoneAndSaysHowToGoOn) {
  write("grid.toml", kFactsGrid);
  const int code =
      std::system(("cd '" + dir_.string() + "' && timeout --signal=INT 2 '" + ISOFLOP_BINARY +
                   "' sweep run grid.toml --db runs.db --workers 1 2>err.txt >out.txt")
                      .c_str());
  // timeout passes on its own 124 unless the program ended by itself before.
  ASSERT_TRUE(WEXITSTATUS(code) == 124 || WEXITSTATUS(code) == 0);
  if (WEXITSTATUS(code) == 124) {
    EXPECT_NE(read("err.txt").find("isoflop sweep run grid.toml --db runs.db"), std::string::npos)
        << read("err.txt");
  }
  ASSERT_EQ(run("sweep run grid.toml --db runs.db").code, 0);
  EXPECT_EQ(losses("runs.db").size(), 6u);
}

class RealText : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    corpus_ = source("corpora/classics");
    if (!std::filesystem::exists(corpus_ + "/manifest.json")) {
      GTEST_SKIP() << "corpora/classics is not there: ./scripts/setup and ./scripts/demo make it";
    }
  }
  std::string corpus_;
};

// A 2 x 3 grid of byte-level decoders on real text, to a table; and what a scientist sees first:
// more compute, lower loss.
TEST_F(RealText, TrainsAGridAndMoreComputeIsBetter) {
  write("grid.toml", R"(name = "text"
[grid]
kind = "isoflop"
flops = "exact"
budgets = [5e9, 2e10]
params = ["5k", "10k", "20k"]
[trial]
eval_windows = 64
)");
  ASSERT_EQ(run("sweep run grid.toml --db runs.db --corpus " + corpus_).code, 0) << read("err.txt");
  std::map<double, double> best;
  for (const auto& trial : run("sweep export --json").json()) {
    EXPECT_EQ(trial["state"], "done");
    // The grid spends its budget: to a batch.
    EXPECT_NEAR(trial["flops_exact"].get<double>() / trial["budget"].get<double>(), 1, 0.02);
    EXPECT_GT(trial["standard_error"], 0);
    // One byte a token: bits per byte is the loss in bits.
    EXPECT_NEAR(trial["bits_per_byte"].get<double>(), trial["loss"].get<double>() / std::log(2),
                1e-12);
    double& lowest = best.try_emplace(trial["budget"], 1e9).first->second;
    lowest = std::min(lowest, trial["loss"].get<double>());
  }
  ASSERT_EQ(best.size(), 2u);
  EXPECT_LT(best.rbegin()->second, best.begin()->second - 0.1);
}

TEST_F(RealText, TheDemosGridIsFourBudgetsOfFiveSizesWithinFiveMinutes) {
  const Ran ran = run("sweep run " + source("examples/demo.toml") +
                      " --dry-run --json --workers 2 --corpus " + corpus_);
  ASSERT_EQ(ran.code, 0) << ran.err;
  std::map<double, int> sizes;
  double seconds = 0;
  for (const auto& trial : ran.json()) {
    EXPECT_NEAR(trial["FLOP exact"].get<double>() / trial["budget"].get<double>(), 1, 0.01);
    ++sizes[trial["budget"]];
    seconds += trial["time"].get<double>();
  }
  EXPECT_EQ(sizes.size(), 4u);
  for (const auto& [budget, count] : sizes) EXPECT_EQ(count, 5) << budget;
  // The estimate for the machine of sweep/cost.h, on two cores.
  EXPECT_LT(seconds / 2, 300);
}

TEST_F(RealText, ATrialThatWouldSeeATokenTwiceIsRefused) {
  const Ran ran = run("train --params 10k --tokens 100M --corpus " + corpus_);
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("twice"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace isoflop
#endif
