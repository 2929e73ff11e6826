// One trial in several processes, as people start them: by --processes, by torchrun's variables;
// and what the others say when one of them dies or falls silent.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include <gmock/gmock.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

constexpr const char* kZipf =
    "train --params 6k --set data.source=zipf --set model.context=64 --set eval_windows=32 ";

class RankedTrain : public ProgramTest {
 protected:
  // A bash script in the test's folder, where $isoflop is the program.
  int script(const std::string& text) const {
    write("script.sh", "isoflop='" + std::string(ISOFLOP_BINARY) + "'\n" + text);
    const int status = std::system(("cd '" + dir_.string() + "' && bash script.sh").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // Starts a long trial in three processes, sends `signal` to the last of them when there is a
  // checkpoint, and waits; gives the seconds until all had ended.
  double seconds_after(const std::string& signal) const {
    script("$isoflop " + std::string(kZipf) +
           "--tokens 20M --processes 3 --checkpoints ckpt --checkpoint-minutes 0.002 "
           ">out.txt 2>err.txt & p=$!\n"
           "for i in $(seq 600); do ls ckpt/*/*.ckpt >/dev/null 2>&1 && break; sleep 0.05; done\n"
           "set -- $(cat /proc/$p/task/$p/children)\n"
           "kill -" +
           signal +
           " $3\n"
           "start=$(date +%s%N)\n"
           "while kill -0 $1 2>/dev/null || kill -0 $2 2>/dev/null; do sleep 0.02; done\n"
           "echo $(( $(date +%s%N) - start )) > waited.txt\n"
           "kill -KILL $3 2>/dev/null\n"
           "wait $p; echo $? > code.txt\n");
    return std::stod(read("waited.txt")) * 1e-9;
  }
};

TEST_F(RankedTrain, SeveralProcessesGiveTheLossOfOneAndOnlyRankZeroSpeaks) {
  const std::string trial = std::string(kZipf) + "--tokens 16k --json";
  const Ran one = run(trial);
  ASSERT_EQ(one.code, 0) << one.err;
  for (const char* more : {" --processes 2", " --processes 2 --shard-optimizer"}) {
    const Ran several = run(trial + more);
    ASSERT_EQ(several.code, 0) << several.err;
    // Sums in another order, over the trial's few steps.
    EXPECT_NEAR(several.json()["loss"], one.json()["loss"].get<double>(), 2e-4);
    EXPECT_EQ(several.json()["identity"], one.json()["identity"]);
    EXPECT_EQ(std::count(several.err.begin(), several.err.end(), '\n'),
              std::count(one.err.begin(), one.err.end(), '\n'))
        << several.err;
  }
}

TEST_F(RankedTrain, TorchrunsVariablesAreEnough) {
  const std::string start = "WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port LOCAL_RANK=";
  const std::string trial = " $isoflop " + std::string(kZipf) + "--tokens 16k --json >out";
  const int code = script("port=$(( 20000 + $$ % 12000 ))\n" + start + "0 RANK=0" + trial +
                          "0.txt 2>err0.txt & p=$!\n" + start + "1 RANK=1" + trial +
                          "1.txt; second=$?\n" + "wait $p && exit $second\n");
  EXPECT_EQ(code, 0);
  EXPECT_NE(read("out0.txt").find("\"loss\""), std::string::npos);
  EXPECT_EQ(read("out1.txt"), "");
}

TEST_F(RankedTrain, WhenOneIsKilledTheOthersSaySoWithin10Seconds) {
  const double waited = seconds_after("KILL");
  EXPECT_LT(waited, 10);
  EXPECT_EQ(read("code.txt"), "1\n");
  const std::string said = read("err.txt");
  EXPECT_THAT(said, testing::ContainsRegex("rank 2 of 3 on [^ ]+ is gone: it has died: start all"));
  EXPECT_THAT(said, testing::HasSubstr("rank 2 of 3 was ended by signal 9"));
  EXPECT_THAT(said, testing::Not(testing::HasSubstr("rank 1 of 3 was")));
}

// Gloo adds up in a fixed order, so that what was killed is held to the bits of what was not.
TEST_F(RankedTrain, KilledAndGoneOnWithItEndsWithTheSameBits) {
  const std::string trial = std::string(kZipf) + "--tokens 40k --json --processes 2";
  const Ran straight = run(trial);
  ASSERT_EQ(straight.code, 0) << straight.err;
  script("$isoflop " + trial +
         " --checkpoint-minutes 0.0005 --checkpoints ckpt >out.txt 2>err.txt & p=$!\n"
         "for i in $(seq 600); do ls ckpt/*/*.ckpt >/dev/null 2>&1 && break; sleep 0.02; done\n"
         "set -- $(cat /proc/$p/task/$p/children)\n"
         "kill -KILL $1; wait $p 2>/dev/null\n");
  const Ran resumed = run(trial + " --checkpoints ckpt");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_GT(resumed.json()["resumed_at"], 0);
  EXPECT_EQ(resumed.json()["loss"], straight.json()["loss"]);
}

TEST_F(RankedTrain, OneThatFallsSilentIsGiven6Seconds) {
  const double waited = seconds_after("STOP");
  EXPECT_GT(waited, 3);
  EXPECT_LT(waited, 10);
  EXPECT_THAT(read("err.txt"),
              testing::ContainsRegex("rank 2 of 3 on [^ ]+ is gone: it has been silent for 6"));
}

TEST_F(RankedTrain, TheyEndWithWhoeverStartedThem) {
  const int code = script(
      "$isoflop " + std::string(kZipf) +
      "--tokens 20M --processes 2 >out.txt 2>err.txt & p=$!\n"
      "for i in $(seq 200); do set -- $(cat /proc/$p/task/$p/children); [ -n \"$2\" ] && break; "
      "sleep 0.05; done\n"
      "sleep 1; kill -KILL $p\n"
      "for i in $(seq 200); do kill -0 $1 2>/dev/null || kill -0 $2 2>/dev/null || exit 0; "
      "sleep 0.05; done\n"
      "kill -KILL $1 $2; exit 1\n");
  EXPECT_EQ(code, 0);
}

TEST_F(RankedTrain, WhenTheFirstIsKilledTheOthersSayItWithoutStackFrames) {
  script("$isoflop " + std::string(kZipf) +
         "--tokens 20M --processes 3 >out.txt 2>err.txt & p=$!\n"
         "for i in $(seq 200); do set -- $(cat /proc/$p/task/$p/children); [ -n \"$3\" ] && break; "
         "sleep 0.05; done\n"
         "for i in $(seq 200); do grep -q step err.txt && break; sleep 0.05; done\n"
         "kill -KILL $1; wait $p\n");
  const std::string said = read("err.txt");
  EXPECT_THAT(said, testing::HasSubstr("rank 0 of 3 on "));
  EXPECT_THAT(said, testing::Not(testing::HasSubstr("frame #")));
}

TEST_F(RankedTrain, TheTabularLearnerIsNotShared) {
  const Ran ran = run(
      "train --params 1k --tokens 10k --set trainer=tabular --set data.source=zipf --processes 2");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, testing::HasSubstr("leave it out"));
}

TEST_F(RankedTrain, AHalfSetEnvironmentIsRefusedByName) {
  const Ran ran = run_under("env RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1",
                            std::string(kZipf) + "--tokens 16k");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, testing::HasSubstr("LOCAL_RANK, MASTER_PORT missing"));
}

TEST_F(RankedTrain, ProcessesWithinProcessesAreRefused) {
  const Ran ran =
      run_under("env RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=1234",
                std::string(kZipf) + "--tokens 16k --processes 2");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, testing::HasSubstr("leave --processes out"));
}

TEST_F(RankedTrain, WhatIsWrongWithTheTrialIsSaidOnce) {
  const Ran ran = run(std::string(kZipf) + "--tokens 16k --set train.ratio=1 --processes 4");
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.err.find("isoflop: "), ran.err.rfind("isoflop: ")) << ran.err;
}

}  // namespace
}  // namespace isoflop
#endif
