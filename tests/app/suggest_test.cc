#include <gmock/gmock.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class SuggestCommand : public ProgramTest {};

TEST_F(SuggestCommand, NamesRunsThatAGridFileThenHolds) {
  ASSERT_EQ(run("sweep run " + source("examples/light.toml") + " --db runs.db --quiet").code, 0);
  ASSERT_EQ(run("fit --db runs.db --out fit.json").code, 0);
  const Ran next =
      run("suggest --fit fit.json --flops 1e13 --count 3 --max-flops 5e10 --db runs.db "
          "--grid-out next.toml --json");
  ASSERT_EQ(next.code, 0) << next.err;
  const auto json = next.json();
  ASSERT_EQ(json["runs"].size(), 3u);
  EXPECT_EQ(json["convention"], "6nd");
  EXPECT_EQ(json["interval_level"], 0.9);
  double last = json["spread"];
  for (const auto& one : json["runs"]) {
    EXPECT_LE(one["flops"].get<double>(), 5.001e10);
    EXPECT_LT(one["spread"].get<double>(), last);
    last = one["spread"];
  }
  // The grid runs in the same store and the fit then has more trials.
  ASSERT_EQ(run("sweep run next.toml --db runs.db --quiet").code, 0) << read("err.txt");
  const auto fit = run("fit --db runs.db --json").json();
  EXPECT_GT(fit["observations"].get<int>(), 35);
}

TEST_F(SuggestCommand, JudgesAGridBeforeItIsRun) {
  const std::string grid = source("examples/light.toml");
  const Ran judged =
      run("suggest --design " + grid + " --law epoch2024 --flops 1e13 --simulations 50 --json");
  ASSERT_EQ(judged.code, 0) << judged.err;
  EXPECT_EQ(judged.json()["points"], 35);
  EXPECT_GT(judged.json()["spread"].get<double>(), 1);

  write("one.csv", "params,tokens\n1e8,2e9\n2e8,1e9\n4e8,5e8\n5e8,4e8\n8e8,2.5e8\n1e9,2e8\n");
  const Ran hopeless = run("suggest --design one.csv --law epoch2024 --flops 1e22");
  EXPECT_EQ(hopeless.code, 3) << hopeless.out;
  EXPECT_EQ(hopeless.out, "");
}

TEST_F(SuggestCommand, SaysWhatIsMissing) {
  EXPECT_EQ(run("suggest --flops 1e20").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("--fit"));
  EXPECT_EQ(run("suggest --law epoch2024 --flops 1e20").code, 3);
  EXPECT_THAT(read("err.txt"), HasSubstr("no draws"));
}

}  // namespace
}  // namespace isoflop
