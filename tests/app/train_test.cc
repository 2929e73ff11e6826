// isoflop train: ends, checkpoints, what it prints.
#include <cmath>
#include <random>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

class Train : public ProgramTest {};

#ifdef ISOFLOP_TEST_HAS_TORCH

// Some seconds of training on Zipf facts.
constexpr const char* kTrial =
    "train --params 6k --set data.source=zipf --set model.context=64 --set eval_windows=32 ";

TEST_F(Train, KilledAtAnyMomentAndGoneOnWithItEndsWithTheSameBits) {
  const std::string trial = std::string(kTrial) + "--tokens 400k --json";
  const Ran straight = run(trial);
  ASSERT_EQ(straight.code, 0) << straight.err;
  const double seconds = straight.json()["seconds"];
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0.1, 1.2);
  int gone_on = 0;
  for (int round = 0; round < 4; ++round) {
    const std::string kept =
        trial + " --checkpoint-minutes 0.001 --checkpoints round-" + std::to_string(round);
    run_for(0.3 + moment(random) * seconds, kept);
    const Ran resumed = run(kept);
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_EQ(resumed.json()["loss"], straight.json()["loss"]) << "round " << round;
    gone_on += resumed.json()["resumed_at"] > 0;
  }
  EXPECT_GT(gone_on, 0) << "no kill left a checkpoint behind";
}

TEST_F(Train, InterruptedItSaysHowToGoOn) {
  const std::string trial = std::string(kTrial) + "--tokens 100M --checkpoints ckpt";
  const Ran ran = run_under("timeout -s INT 1.5", trial);
  EXPECT_EQ(ran.code, 124) << "timeout's own code: it had to send the signal";
  EXPECT_NE(ran.err.find("run the same command again to go on"), std::string::npos) << ran.err;
  EXPECT_FALSE(std::filesystem::is_empty(dir_ / "ckpt"));
  const Ran other = run_under("timeout -s INT 1.5", trial + " --micro-batch 1");
  EXPECT_NE(other.err.find("passed over: was made with micro-batches of 0"), std::string::npos)
      << other.err;
}

// Its routers alone are 640 GB.
TEST_F(Train, OutOfMemoryOfTooManyExpertsItSaysWhatHelps) {
  const Ran ran =
      run("train --params 1M --tokens 64k --set data.source=zipf --set model.experts=1e9 "
          "--set train.balance_loss=0");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("give fewer experts (model.experts)"), std::string::npos) << ran.err;
}

TEST_F(Train, TokensFlopsAndTokensPerParameterNameTheSameTrial) {
  const auto tokens = run(std::string(kTrial) + "--tokens 65536 --json").json();
  const double params = tokens["params"];
  const auto per_param =
      run(std::string(kTrial) + "--json --tokens-per-param " + std::to_string(65536 / params))
          .json();
  const auto flops =
      run(std::string(kTrial) + "--json --flops " + std::to_string(6 * 65536 * params)).json();
  EXPECT_EQ(per_param["identity"], tokens["identity"]);
  EXPECT_EQ(flops["identity"], tokens["identity"]);
  EXPECT_EQ(flops["loss"], tokens["loss"]);
}

TEST_F(Train, AClockEndsInATrialThatTokensCanAskFor) {
  const Ran timed = run(std::string(kTrial) + "--minutes 0.02 --json");
  ASSERT_EQ(timed.code, 0) << timed.err;
  const auto answer = timed.json();
  EXPECT_LT(answer["seconds"], 10);  // 1.2 s asked for; the machine may be busy
  const auto same = run(std::string(kTrial) + "--set train.schedule=cooldown --json --tokens " +
                        std::to_string(answer["tokens"].get<std::int64_t>()))
                        .json();
  EXPECT_EQ(same["identity"], answer["identity"]);
  EXPECT_EQ(same["loss"], answer["loss"]);
}

TEST_F(Train, SaysItsUtilisationOfAMeasuredPeakAndRefusesAnImpossibleOne) {
  const Ran ran = run(std::string(kTrial) + "--tokens 64k --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_GT(ran.json()["mfu"], 0.005);
  EXPECT_LT(ran.json()["mfu"], 1);
  const Ran wrong = run(std::string(kTrial) + "--tokens 64k --peak-flops 1k --json");
  EXPECT_FALSE(wrong.json().contains("mfu"));
  EXPECT_NE(wrong.err.find("cannot be"), std::string::npos) << wrong.err;
}

TEST_F(Train, OfASparseModelItCountsActiveParametersAndSaysHowItsRoutersDid) {
  const std::string sparse = std::string(kTrial) + "--tokens 64k --set model.experts=4";
  const Ran ran = run(sparse);
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("experts  4, 1 a token; N "), std::string::npos) << ran.out;
  const auto answer = run(sparse + " --json").json();
  EXPECT_LT(answer["active_params"], answer["params"]);
  EXPECT_GE(answer["router"]["largest_load"], 1);
  EXPECT_LE(answer["router"]["entropy"], std::log(4));
  EXPECT_EQ(answer["router"]["dropped"], 0);
  const auto dense = run(std::string(kTrial) + "--tokens 64k --json").json();
  EXPECT_EQ(dense["active_params"], dense["params"]);
  EXPECT_FALSE(dense.contains("router"));
}

TEST_F(Train, ForecastsItsEndWhileItTrains) {
  const Ran ran = run(std::string(kTrial) + "--tokens 1M");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("will end at"), std::string::npos) << ran.err;
}

TEST_F(Train, AClockLeavesNoCheckpointOfItsOwnBehind) {
  const Ran ran = run(std::string(kTrial) +
                      "--minutes 0.03 --checkpoint-minutes 0.001 --checkpoints ckpt --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string own = ran.json()["identity"].get<std::string>().substr(0, 16);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "ckpt" / own));
}

#endif

TEST_F(Train, OddNumbersAreRefusedBeforeAnythingIsTrained) {
  const std::string trial = "train --params 6k --tokens 1M --set data.source=zipf ";
  write("file", "in the way");
  EXPECT_EQ(run(trial + "--checkpoints file").code, 1);
  EXPECT_NE(read("err.txt").find("leave --checkpoints out"), std::string::npos);
  for (const char* odd : {"--micro-batch -5", "--checkpoint-minutes -1", "--checkpoint-minutes nan",
                          "--peer-timeout 0", "--peer-timeout 1e300", "--peer-timeout nan",
                          "--set train.schedule=cosine --set train.warmup_tokens=1e9"}) {
    EXPECT_EQ(run(trial + odd).code, 2) << odd;
  }
}

TEST_F(Train, WantsExactlyOneEnd) {
  EXPECT_EQ(run("train --params 1k").code, 2);
  EXPECT_EQ(run("train --params 1k --tokens 1k --minutes 1").code, 2);
}

TEST_F(Train, AClockNeedsAScheduleWithoutAnEnd) {
  const Ran ran =
      run("train --params 6k --minutes 1 --set data.source=zipf --set train.schedule=cosine");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("cosine has to know its end"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace isoflop
