// The program is asked to stop, as a terminal or a scheduler asks it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class StopTest : public ProgramTest {
 protected:
  // 2,100 trials of the tabular learner: some seconds of work.
  void write_grid() const {
    std::string seeds;
    for (int seed = 1; seed <= 60; ++seed) seeds += (seed > 1 ? "," : "") + std::to_string(seed);
    std::string grid = read_source("examples/light.toml");
    const auto axes = grid.find("[axes]");
    if (axes != std::string::npos) grid.resize(axes);
    write("many.toml", grid + "\n[axes]\nseed = [" + seeds + "]\n");
  }
  SweepStatus status() const {
    return Store((dir_ / "runs.db").string(), StoreMode::kReadOnly).status("light");
  }
};

TEST_F(StopTest, ASignalToAllProcessesSavesReleasesAndSaysHowToGoOn) {
  write_grid();
  for (const std::string signal : {"INT", "TERM"}) {
    // timeout puts itself into a process group of its own and signals all of it.
    const Ran stopped =
        run_under("timeout -s " + signal + " 1", "sweep run many.toml --workers 1");
    EXPECT_EQ(status().running, 0);
    EXPECT_GT(status().planned, 0) << "it ended too early to be stopped";
    EXPECT_THAT(stopped.err, HasSubstr("go on with:\n  isoflop sweep run many.toml --db runs.db"));
  }
  const Ran ended = run("sweep run many.toml");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(status().done, status().trials());
}

}  // namespace
}  // namespace isoflop
