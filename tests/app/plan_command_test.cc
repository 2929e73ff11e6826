// isoflop plan as people call it: every command of docs/plan.md, budgets in other units, wrong
// requests, and a plan that is then trained.
#include <gtest/gtest.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

class PlanCommand : public ProgramTest {
 protected:
  nlohmann::json plan(const std::string& arguments) const {
    const Ran ran = run("plan " + arguments + " --law epoch2024 --json");
    EXPECT_EQ(ran.code, 0) << arguments << "\n" << ran.err;
    return ran.code == 0 ? ran.json() : nlohmann::json();
  }
};

TEST_F(PlanCommand, DevicesTimeAndMoneyAreBudgets) {
  // 8 x 989e12 x 0.4 x 86,400 s.
  const auto devices = plan("--gpus '8xH100*24h' --mfu 0.4");
  EXPECT_NEAR(devices["flops"].get<double>() / 2.7344e20, 1, 1e-4);
  EXPECT_EQ(devices["budget"]["kind"], "devices");
  EXPECT_NEAR(devices["cost"]["days"].get<double>(), 1, 1e-9);
  // $384 at $2 an hour are the same 192 device hours.
  const auto money = plan("--money '$384' --price 2 --gpus 8xH100 --mfu 0.4");
  EXPECT_NEAR(money["flops"].get<double>() / devices["flops"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(money["cost"]["money"].get<double>(), 384, 1e-6);
  EXPECT_EQ(money["cost"]["price_source"], "as given");
  EXPECT_FALSE(plan("--flops 1e21").contains("cost"));
  EXPECT_TRUE(plan("--flops 1e21 --gpus 8xH100").contains("cost"));
}

TEST_F(PlanCommand, ALossIsABudgetToo) {
  const auto forward = plan("--flops 1e22");
  const auto back = plan("--loss " + forward["loss"]["value"].dump());
  EXPECT_NEAR(back["flops"].get<double>() / 1e22, 1, 1e-8);
  EXPECT_EQ(back["budget"]["kind"], "loss");
}

TEST_F(PlanCommand, TheTighterOfItsCapsHolds) {
  // 80 GB of fp8 are 80B, of bf16 40B; 20 ms of an H100 33.5B.
  EXPECT_EQ(plan("--flops 5.76e23 --memory 80GB")["binding"], "memory");
  EXPECT_FALSE(plan("--flops 5.76e23 --memory 80GB --serve-precision fp8").contains("binding"));
  const auto both = plan("--flops 5.76e23 --memory 80GB --serve-on H100 --latency 20ms");
  EXPECT_EQ(both["binding"], "latency");
  EXPECT_NEAR(both["params"]["value"].get<double>(), 33.5e9, 1);
}

TEST_F(PlanCommand, WrongRequestsSayWhatToDo) {
  const struct {
    const char* arguments;
    int code;
    const char* says;
  } wrongs[] = {
      {"", 2, "--gpus 8xH100*24h"},
      {"--flops 1e20 --loss 2", 2, "exactly one"},
      {"--flops 1e20 --gpus '8xH100*24h'", 2, "exactly one"},
      {"--gpus 8xH100", 2, "without a time"},
      {"--gpus '8xAbacus*24h'", 2, "A100"},
      {"--gpus '8xH100*24h' --mfu 40", 2, "--mfu"},
      {"--gpus '8xA100*24h' --precision fp8", 2, "bf16"},
      {"--money 500EUR", 2, "US dollars"},
      {"--money 500 --gpus T4", 2, "--price"},
      {"--flops 1e20 --price 2", 2, "--gpus"},
      {"--flops 1e20 --params 7B --tokens 1T", 2, "--tokens"},
      {"--flops 1e20 --memory 80", 2, "80GB"},
      {"--flops 1e20 --latency 20ms", 2, "--serve-on"},
      {"--flops 1e20 --unique everything", 2, "crawl"},
      {"--flops 1e20 --experts 8 --sparsity 0.5", 2, "one"},
      {"--flops 1e20 --experts 0.3", 2, "--experts"},
      {"--flops 1e20 --experts 1e300", 2, "--experts"},
      {"--flops 1e20 --sparsity -0.5", 2, "sparsity"},
      {"--flops 1e20 --bytes-per-param -3", 2, "--bytes-per-param"},
      {"--flops 1e20 --granularity 0", 2, "granularity"},
      {"--flops 1e20 --corpus classics", 2, "--as-trial"},
      {"--loss 1.8", 3, "unreachable_loss"},
      {"--flops 1e10 --inference 1e15", 3, "budget_too_small"},
  };
  for (const auto& wrong : wrongs) {
    const Ran ran = run("plan --law epoch2024 " + std::string(wrong.arguments));
    EXPECT_EQ(ran.code, wrong.code) << wrong.arguments << "\n" << ran.err;
    EXPECT_NE(ran.err.find(wrong.says), std::string::npos) << wrong.arguments << "\n" << ran.err;
    EXPECT_EQ(ran.out, "") << wrong.arguments;
  }
  EXPECT_EQ(run("plan --law clark2022-sbase --experts 8 --flops 1e20").code, 3);
}

TEST_F(PlanCommand, TablesAreForScriptsToo) {
  const Ran csv = run("plan --flops 5.76e23 --law epoch2024 --iso-loss --sizes 7B,70B --csv");
  EXPECT_EQ(csv.out.rfind("params,tokens,flops,extra_compute\n", 0), 0u) << csv.out;
  const Ran sizes = run("plan --flops 5.76e23 --law epoch2024 --md");
  EXPECT_EQ(sizes.out.rfind("| factor |", 0), 0u) << sizes.out;
}

// From a plan to a training run: the tabular learner trains what the decoder would.
TEST_F(PlanCommand, APlanIsATrialThatTrainAccepts) {
  const Ran planned = run(
      "plan --flops 1e12 --vocab 256 --context 128 --law epoch2024 --as-trial trial.toml --json");
  ASSERT_EQ(planned.code, 0) << planned.err;
  EXPECT_NE(planned.err.find("isoflop train --trial trial.toml"), std::string::npos);
  const Ran trained = run("train --trial trial.toml --set trainer=tabular --json");
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto shape = planned.json()["shape"];
  EXPECT_NEAR(trained.json()["params"].get<double>() / shape["params"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(trained.json()["tokens"].get<double>() / shape["tokens"].get<double>(), 1, 1e-3);
  // The decoder's trial is understood as far as this program can go: it asks for its corpus.
  const Ran decoder = run("train --trial trial.toml");
  EXPECT_NE(decoder.err.find("corpus"), std::string::npos) << decoder.err;
}

#ifdef ISOFLOP_TEST_HAS_TORCH
TEST_F(PlanCommand, APlanIsADecoderOfItsShape) {
  const Ran planned =
      run("plan --flops 1e9 --vocab 256 --context 32 --law epoch2024 --as-trial trial.toml --json");
  ASSERT_EQ(planned.code, 0) << planned.err;
  const Ran trained = run(
      "train --trial trial.toml --set data.source=zipf --set model.vocab=256 --set eval_windows=8 "
      "--json");
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(trained.json()["params"], planned.json()["shape"]["params"]);
}
#endif

TEST_F(PlanCommand, ATrialFileAndFlagsOfItsOwnAreOneTooMany) {
  write("two.toml",
        "name = \"two\"\ntrainer = \"tabular\"\n[grid]\nkind = \"tokens\"\nparams = [1e3, 2e3]\n"
        "tokens = [1e4]\n");
  EXPECT_NE(run("train --trial two.toml").err.find("sweep run two.toml"), std::string::npos);
  EXPECT_EQ(run("train --trial two.toml --tokens 1M").code, 2);
  EXPECT_EQ(run("train --tokens 1M").code, 2);
}

// Dense or sparse: a law of experts without a number of them, or several numbers.
TEST_F(PlanCommand, NumbersOfExpertsAreCompared) {
  const auto compared = [&](const std::string& arguments) {
    const Ran ran = run("plan --flops 1e22 --law ludziejewski2025 --json " + arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.json();
  };
  const auto all = compared("");
  EXPECT_EQ(all["equal_flops"]["choices"].size(), 6u);
  EXPECT_EQ(all["experts"], 32.0);
  EXPECT_EQ(all["params"], all["equal_flops"]["choices"][5]["params"]);
  const auto some = compared("--experts 1,8 --memory 16GB --bytes-per-param 16");
  EXPECT_EQ(some["equal_memory"]["params"].get<double>(), 1e9);
  EXPECT_TRUE(some["equal_memory"]["choices"][1]["capped"].get<bool>());
  // One number of experts is a plan, as it was.
  EXPECT_EQ(compared("--experts 8")["params"], some["equal_flops"]["choices"][1]["params"]);
  EXPECT_NE(run("plan --flops 1e22 --law ludziejewski2025").out.find("at equal memory: "),
            std::string::npos);
  const struct {
    const char* arguments;
    int code;
    const char* says;
  } wrongs[] = {
      {"--flops 1e22 --law clark2022-sbase", 3, "no_trade_off"},
      {"--flops 1e22 --law epoch2024 --experts 1,8", 2, "knows nothing of experts"},
      {"--loss 2 --law ludziejewski2025", 2, "--loss"},
      {"--flops 1e22 --law ludziejewski2025 --rates", 2, "--experts 8"},
      {"--flops 1e22 --law ludziejewski2025 --experts 0.5,2", 2, "at least 1"},
  };
  for (const auto& wrong : wrongs) {
    const Ran ran = run("plan " + std::string(wrong.arguments));
    EXPECT_EQ(ran.code, wrong.code) << wrong.arguments << "\n" << ran.err;
    EXPECT_NE(ran.err.find(wrong.says), std::string::npos) << wrong.arguments << "\n" << ran.err;
  }
}

}  // namespace
}  // namespace isoflop
