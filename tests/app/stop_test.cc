// The program is asked to stop, as a terminal or a scheduler asks it.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <thread>

#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class StopTest : public ProgramTest {
 protected:
  // 700 trials of the tabular learner, a second's work.
  void write_grid() const {
    std::string seeds;
    for (int seed = 1; seed <= 20; ++seed) seeds += (seed > 1 ? "," : "") + std::to_string(seed);
    write("many.toml", read_source("examples/light.toml") + "\n[axes]\nseed = [" + seeds + "]\n");
  }
  SweepStatus status() const {
    return Store((dir_ / "runs.db").string(), StoreMode::kReadOnly).status("light");
  }
  // Sends a signal to all processes of the sweep, as Ctrl-C does, when `more` trials are done.
  Ran run_until(std::int64_t more, int signal) const {
    const std::int64_t before = status().done;
    Ran ran;
    std::thread program([&] {
      ran = run_under("setsid sh -c 'echo $$ > pid; exec \"$@\"' sh",
                      "sweep run many.toml --workers 1");
    });
    while (status().done < before + more) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(-std::stoi(read("pid")), signal);
    program.join();
    return ran;
  }
};

TEST_F(StopTest, ASignalToAllProcessesSavesReleasesAndSaysHowToGoOn) {
  write_grid();
  EXPECT_EQ(run("sweep run many.toml --workers 1 --minutes 0.000001").code, 130);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const Ran stopped = run_until(3, signal);
    EXPECT_EQ(stopped.code, 130) << stopped.err;
    EXPECT_THAT(stopped.err, HasSubstr("go on with:\n  isoflop sweep run many.toml --workers 1"));
    EXPECT_EQ(status().running, 0);
    EXPECT_GT(status().planned, 0);
  }
  const Ran ended = run("sweep run many.toml");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(status().done, status().trials());
}

}  // namespace
}  // namespace isoflop
