// `isoflop sweep status` as people and scripts use it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include "core/stopwatch.h"
#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SweepStatusWords : public ProgramTest {
 protected:
  std::string db() const { return (dir_ / "runs.db").string(); }

  // Six trials: two done, one that fails, one that runs, two planned.
  void fill() {
    Store store(db(), StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> trials;
    for (int i = 0; i < 6; ++i) {
      Trial trial;
      trial.trainer = "tabular";
      trial.data.source = "zipf";
      trial.tabular_params = 1000 * (1 + i % 3);
      trial.train.tokens = 1e6;
      trial.seed = i;
      trials.push_back({.trial = trial, .budget = i < 3 ? 1e9 : 4e9});
    }
    store.add_trials("s", trials);
    const WorkerId self = this_worker();
    for (int i = 0; i < 2; ++i) {
      const auto claim = store.claim_next("s", self);
      store.finish(*claim, {.status = OutcomeStatus::kDone,
                            .reason = "",
                            .evaluations = {{.loss = 3, .tokens = 100}},
                            .tokens = 1e6,
                            .seconds = 1800,
                            .flops = 6e9 * claim->trial.tabular_params / 1000});
    }
    store.finish(*store.claim_next("s", self),
                 {.status = OutcomeStatus::kFailed,
                  .reason = "the corpus is gone",
                  .notes = {"first line", "open: no such file"}},
                 {.bugs = 0});
    running_ = *store.claim_next("s", self);
    const std::vector<CurvePoint> points{{.step = 2, .tokens = 1e5, .train_loss = 7.25},
                                         {.step = 4, .tokens = 2e5, .train_loss = 5.25},
                                         {.step = 10, .tokens = 5e5, .train_loss = 3.25}};
    store.append_curve(running_, points);
    store.heartbeat(running_, 5e5);
  }

  void end_all() {
    Store store(db());
    store.finish(running_, {.status = OutcomeStatus::kDiverged, .reason = "NaN"});
    while (const auto claim = store.claim_next("s", this_worker())) {
      store.finish(*claim, {.status = OutcomeStatus::kDone,
                            .reason = "",
                            .evaluations = {{.loss = 3, .tokens = 100}}});
    }
  }

  Claim running_;
};

TEST_F(SweepStatusWords, TheFirstLineIsTheAnswer) {
  fill();
  const Ran ran = run("sweep status");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string first = ran.out.substr(0, ran.out.find('\n'));
  EXPECT_THAT(first, StartsWith("study s: "));
  EXPECT_THAT(first, HasSubstr("2 of 6 trials done, 1 running, about "));
  EXPECT_THAT(first, HasSubstr(" left with 1 worker; 1 failed"));
}

TEST_F(SweepStatusWords, ItShowsBudgetsRunningTrialsFailuresAndCosts) {
  fill();
  const std::string out = run("sweep status --watts 20 --price '$0.10'").out;
  EXPECT_THAT(out, HasSubstr("\n1e9 "));
  EXPECT_THAT(out, HasSubstr("\n4e9 "));
  EXPECT_THAT(out, HasSubstr("\nall "));
  EXPECT_THAT(out, HasSubstr(running_.identity.substr(0, 12)));
  EXPECT_THAT(out, HasSubstr("50 %  3.2500"));
  EXPECT_THAT(out, HasSubstr(":" + std::to_string(getpid())));
  EXPECT_THAT(out, HasSubstr("failed: 1 trial: the corpus is gone (trial "));
  EXPECT_THAT(out, HasSubstr("    | open: no such file\n"));
  EXPECT_THAT(out, HasSubstr("again: isoflop sweep retry --failed --db runs.db --study s\n"));
  EXPECT_THAT(out, HasSubstr("1.00 core-hours, 0.02 kWh, $0.1 at 20.0 W and $0.1 an hour"));
  EXPECT_THAT(out, Not(HasSubstr("gone\n")));
}

TEST_F(SweepStatusWords, ARunningTrialShowsItsLossesSoFar) {
  fill();
  EXPECT_THAT(run_under("env LC_ALL=C.UTF-8", "sweep status").out, HasSubstr("█▅▁"));
  EXPECT_THAT(run_under("env LC_ALL=C", "sweep status").out, HasSubstr("@+."));
}

TEST_F(SweepStatusWords, TheCommandThatItNamesWorks) {
  fill();
  const std::string out = run("sweep status").out;
  const std::string again = "again: isoflop ";
  const std::size_t from = out.find(again) + again.size();
  EXPECT_EQ(run(out.substr(from, out.find('\n', from) - from)).code, 0);
  EXPECT_EQ(run("sweep status --json").json()["trials"]["failed"], 0);
}

TEST_F(SweepStatusWords, JsonHasWhatThePageOfTheDesignSays) {
  fill();
  const auto json = run("sweep status --json --price 1").json();
  EXPECT_EQ(json["trials"]["done"], 2);
  EXPECT_EQ(json["trials"]["running"], 1);
  EXPECT_EQ(json["trials"]["leased"], 0);
  for (const char* key : {"flops", "flops_total", "flops_left", "flops_spent", "flops_alone",
                          "trunks", "seconds", "eta_seconds", "worker_seconds_left", "money"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_FALSE(json.contains("energy_kwh")) << "a core's watts are not known";
  EXPECT_EQ(json["running"][0]["tokens_done"], 5e5);
  EXPECT_EQ(json["running"][0]["train_loss"], 3.25);
  EXPECT_EQ(json["failures"][0]["state"], "failed");
  EXPECT_EQ(json["groups"].size(), 2u);
  EXPECT_NEAR(json["flops"].get<double>() + json["flops_left"].get<double>(),
              json["flops_total"].get<double>(), 1);
}

TEST_F(SweepStatusWords, NobodyWorkingIsSaid) {
  fill();
  {
    Store store(db());
    store.finish(running_, {.status = OutcomeStatus::kInterrupted});
  }
  EXPECT_THAT(run("sweep status").out, HasSubstr("nobody works on it now ("));
}

TEST_F(SweepStatusWords, WatchingAPipeGivesLinesAndEndsWithTheSweep) {
  fill();
  EXPECT_EQ(run_for(2, "sweep status --watch 0.2").code, 128 + SIGKILL) << "it goes on";
  const std::string lines = read("out.txt");
  EXPECT_GT(std::count(lines.begin(), lines.end(), '\n'), 1);
  EXPECT_THAT(lines, Not(HasSubstr("\033")));
  end_all();
  const Ran ran = run("sweep status --watch");
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("study s: 4 of 6 trials done; 1 failed; 1 diverged\n"));
  EXPECT_EQ(run("sweep status --watch 0.1 --json").json()["trials"]["done"], 4);
  EXPECT_EQ(run("sweep status --watch=-1").code, 2);
  EXPECT_EQ(run("sweep status --watch --db none.db").code, 2);
}

// The program on a terminal of its own, and what it writes there.
class OnTerminal {
 public:
  // A bare chroot has no /dev/pts.
  static bool is_there() {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal >= 0) ::close(terminal);
    return terminal >= 0;
  }

  OnTerminal(const std::string& folder, std::vector<std::string> arguments) {
    winsize size{.ws_row = 12, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    std::vector<char*> argv{const_cast<char*>(ISOFLOP_BINARY)};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (::chdir(folder.c_str()) == 0) ::execv(ISOFLOP_BINARY, argv.data());
    ::_exit(127);
  }
  ~OnTerminal() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    ::close(terminal_);
  }

  // Until `text` has been seen, or 30 s are over.
  bool read_until(const std::string& text, std::size_t from = 0) {
    const Stopwatch watch;
    while (seen_.find(text, from) == std::string::npos) {
      if (watch.seconds() > 30) return false;
      pollfd ready{.fd = terminal_, .events = POLLIN, .revents = 0};
      char buffer[4096];
      if (::poll(&ready, 1, 1000) <= 0) continue;
      const ssize_t size = ::read(terminal_, buffer, sizeof buffer);
      if (size <= 0) return seen_.find(text, from) != std::string::npos;
      seen_.append(buffer, static_cast<std::size_t>(size));
    }
    return true;
  }
  void type(const char* keys) { EXPECT_GT(::write(terminal_, keys, 1), 0); }
  int exit_code() {
    int status = 0;
    const Stopwatch watch;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      if (watch.seconds() > 30) return -1;
      ::usleep(10000);
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& seen() const { return seen_; }

 private:
  int terminal_ = -1;
  pid_t pid_ = -1;
  std::string seen_;
};

TEST_F(SweepStatusWords, OnATerminalALookReplacesTheLastAndCtrlCEndsItWell) {
  if (!OnTerminal::is_there()) GTEST_SKIP() << "no terminal can be opened: mount /dev/pts";
  fill();
  OnTerminal screen(dir_.string(), {"sweep", "status", "--watch", "0.1"});
  ASSERT_TRUE(screen.read_until("more lines")) << "the window has 12 rows:\n" << screen.seen();
  ASSERT_TRUE(screen.read_until("\033[11A\r")) << "11 lines up, and over them:\n" << screen.seen();
  EXPECT_THAT(screen.seen(), StartsWith("\033[?25l"));
  screen.type("\003");
  EXPECT_TRUE(screen.read_until("\033[?25h")) << "the cursor is back";
  EXPECT_EQ(screen.exit_code(), 0);
}

TEST_F(SweepStatusWords, AWatcherOutlivesAStoreThatGoesAway) {
  if (!OnTerminal::is_there()) GTEST_SKIP() << "no terminal can be opened: mount /dev/pts";
  fill();
  OnTerminal screen(dir_.string(), {"sweep", "status", "--watch", "0.1"});
  ASSERT_TRUE(screen.read_until("study s"));
  std::filesystem::rename(db(), db() + ".away");
  ASSERT_TRUE(screen.read_until("there is no such file"));
  std::filesystem::rename(db() + ".away", db());
  const std::size_t so_far = screen.seen().size();
  EXPECT_TRUE(screen.read_until("study s", so_far));
  end_all();
  EXPECT_TRUE(screen.read_until("\033[?25h"));
  EXPECT_EQ(screen.exit_code(), 0);
}

}  // namespace
}  // namespace isoflop
