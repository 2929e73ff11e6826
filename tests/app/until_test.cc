// A sweep that chooses its trials, as people run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class UntilTest : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write("x.toml",
          "name = \"x\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\nkind = "
          "\"isoflop\"\nbudgets = [1e9, 4e9, 1.6e10, 6.4e10, 2.56e11]\nparams = [\"1k\", "
          "\"2k\", \"4k\", \"8k\", \"16k\"]\n");
  }
};

TEST_F(UntilTest, PlansLessThanTheGridSaysWhatItKnowsAndGoesOnWhereItWas) {
  const Ran ran = run("sweep run x.toml --until 30 --flops 1e13");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("no law yet: the cheapest cells"));
  EXPECT_THAT(ran.err, HasSubstr("left out"));  // of 75 cells, those beyond 1 to 700 tokens/param
  EXPECT_THAT(ran.err, HasSubstr("N* "));
  EXPECT_THAT(ran.err, HasSubstr("beyond the largest"));
  EXPECT_THAT(ran.err, HasSubstr("the whole grid costs"));
  const auto status = run("sweep status --json").json();
  const int done = status["trials"]["done"];
  EXPECT_GE(done, 12);
  EXPECT_LT(done, 60);
  EXPECT_TRUE(Store((dir_ / "runs.db").string(), StoreMode::kReadOnly).latest_fit("x"));

  const Ran again = run("sweep run x.toml --until 30 --flops 1e13");
  ASSERT_EQ(again.code, 0) << again.err;
  const int more = run("sweep status --json").json()["trials"]["done"];
  EXPECT_LE(more, done + 20) << "a look that was forgotten costs a batch at most";
}

TEST_F(UntilTest, WidthsAndTargetsThatMeanNothingAreRefused) {
  EXPECT_EQ(run("sweep run x.toml --until 1").code, 2);
  EXPECT_EQ(run("sweep run x.toml --until 0.5").code, 2);
  write("y.toml",
        "name = \"y\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\nkind = "
        "\"tokens\"\ntokens = [\"1M\"]\nparams = [\"1k\", \"2k\"]\n");
  const Ran ran = run("sweep run y.toml --until 1.5");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("--flops"));
}

TEST_F(UntilTest, AGridThatCannotDetermineALawCostsNothing) {
  write("z.toml",
        "name = \"z\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\nkind = "
        "\"isoflop\"\nbudgets = [1e9]\nparams = [\"1k\", \"2k\"]\n");
  const Ran ran = run("sweep run z.toml --until 2 --flops 1e12 --seeds 1");
  EXPECT_EQ(ran.code, 3) << ran.err;
  EXPECT_EQ(Store((dir_ / "runs.db").string(), StoreMode::kReadOnly).status("z").trials(), 0);
}

TEST_F(UntilTest, AnotherAxisThanSeedsIsRefused) {
  write("z.toml",
        "name = \"z\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\nkind = "
        "\"tokens\"\ntokens = [\"100k\", \"1M\"]\nparams = [\"1k\", \"2k\"]\n[axes]\nepochs = [1, "
        "4]\n");
  const Ran ran = run("sweep run z.toml --until 2 --flops 1e12");
  EXPECT_EQ(ran.code, 2) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("epochs"));
  EXPECT_NE(run("sweep status --study z").code, 0) << "nothing was planned";
}

TEST_F(UntilTest, AnOrdinarySweepShowsALawBeforeItsEnd) {
  write("slow.toml",
        "name = \"slow\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\nkind = "
        "\"isoflop\"\nbudgets = [1e9, 4e9, 1.6e10, 6.4e10, 2.56e11]\nparams = [\"500\", \"1k\", "
        "\"2k\", \"4k\", \"8k\", \"16k\"]\n[axes]\nseed = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n");
  const Ran ran = run("sweep run slow.toml --workers 1");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("so far, from "));
  EXPECT_THAT(ran.err, HasSubstr(" of 300 trials"));
}

}  // namespace
}  // namespace isoflop
