// Wrong command lines and files: the right exit code, a message that says what to do, nothing on
// stdout.
#include <gtest/gtest.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

class CommandLine : public ProgramTest {};

struct Wrong {
  const char* arguments;
  int code;
  const char* says;
};

TEST_F(CommandLine, AnswersWrongOnesWithACodeAndAWayOut) {
  write("three.csv", "params,tokens,loss\n1e6,2e7,3.1\n2e6,2e7,3.0\n4e6,4e7,2.9\n");
  write("nan.csv", "params,tokens,loss\n1e6,2e7,nan\n");
  write("text.csv", "params,tokens,loss\n1e6,2e7,good\n");
  write("other.csv", "a,b\n1,2\n");
  write("bad.toml", "name = \"x\"\n[grid]\nkind = \"isoflop\"\nbudget = [1e9]\n");
  write("broken.toml", "name = \n");
  write("empty.db", "");
  const Wrong wrongs[] = {
      {"", 2, "subcommand"},
      {"fly", 2, "fly"},
      {"paln --flops 1e20", 2, "did you mean plan?"},
      {"fit", 2, "--csv"},
      {"fit --csv a.csv --db b.db", 2, "either"},
      {"fit --csv missing.csv", 2, "missing.csv"},
      {"fit --csv three.csv", 3, "too_few_rows"},
      {"fit --csv nan.csv", 2, "nan.csv:2"},
      {"fit --csv text.csv", 2, "good"},
      {"fit --csv other.csv", 2, "a, b"},
      {"fit --csv three.csv --map parms=N", 2, "params"},
      {"fit --csv three.csv --draws 5", 2, "--draws"},
      {"fit --csv three.csv --bootstrap feral", 2, "feral"},
      {"fit --csv three.csv --convention 8nd", 2, "8nd"},
      {"fit --db missing.db", 2, "missing.db"},
      {"plan --flops 1e20", 2, "--law"},
      {"plan --flops much --law epoch2024", 2, "much"},
      {"plan --flops -1 --law epoch2024", 2, "-1"},
      {"plan --flops 1e20 --law epoch2023", 2, "epoch2024"},
      {"plan --flops 1e20 --fit missing.json", 2, "missing.json"},
      {"plan --law epoch2024", 2, "--flops"},
      {"sweep", 2, "subcommand"},
      {"sweep run", 2, "grid"},
      {"sweep run missing.toml", 2, "missing.toml"},
      {"sweep run bad.toml", 2, "budgets"},
      {"sweep run broken.toml", 2, "broken.toml"},
      {"sweep status --db missing.db", 2, "missing.db"},
      {"sweep export --db missing.db", 2, "missing.db"},
      {"train --params 10k", 2, "--tokens"},
      {"train --params 10k --tokens 1M", 2, "corpus"},
      {"train --params 10k --tokens 1M --set rate", 2, "KEY=VALUE"},
      {"train --params 10k --tokens 1M --set rate=1 --set data.source=zipf", 2, "train.rate"},
      {"data", 2, "subcommand"},
      {"data prepare", 2, "input"},
      {"data prepare missing.txt --out c", 2, "missing.txt"},
      {"data info nowhere", 1, "data prepare"},
      {"demo --light --grid missing.toml", 2, "missing.toml"},
      {"demo --light --no-such-flag", 2, "--no-such-flag"},
  };
  for (const Wrong& wrong : wrongs) {
    const Ran ran = run(wrong.arguments);
    EXPECT_EQ(ran.code, wrong.code) << wrong.arguments << "\n" << ran.err;
    EXPECT_NE(ran.err.find(wrong.says), std::string::npos) << wrong.arguments << "\n" << ran.err;
    EXPECT_EQ(ran.out, "") << wrong.arguments;
  }
}

TEST_F(CommandLine, EveryVerbHasHelpWithThreeExamples) {
  for (const char* verb :
       {"demo", "data prepare", "data mix", "data info", "sweep run", "sweep status",
        "sweep export", "train", "fit", "plan", "suggest", "compare", "reproduce"}) {
    const Ran ran = run(std::string(verb) + " --help");
    EXPECT_EQ(ran.code, 0) << verb;
    const std::string example = "  isoflop " + std::string(verb);
    int examples = 0;
    for (size_t at = ran.out.find(example); at != std::string::npos;
         at = ran.out.find(example, at + 1)) {
      ++examples;
    }
    EXPECT_GE(examples, 3) << verb << "\n" << ran.out;
  }
  EXPECT_EQ(run("--version").out.rfind("isoflop ", 0), 0u);
}

TEST_F(CommandLine, AClosedPipeIsSilent) {
  const Ran ran = run("demo --light | head -n 1");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.err.find("rror"), std::string::npos) << ran.err;
}

TEST_F(CommandLine, PlansFromPublishedLaws) {
  const Ran ran = run("plan --flops 5.76e23 --law epoch2024 --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = ran.json();
  // science: 72.2 billion by the published constants (Besiroglu et al. 2024).
  EXPECT_NEAR(json["params"]["value"].get<double>(), 72.2e9, 0.1e9);
  EXPECT_FALSE(json["params"].contains("low"));
  EXPECT_EQ(json["warnings"][0]["code"], "no_uncertainty");
  EXPECT_EQ(run("plan --flops 5.76e23 --law epoch2024").out.rfind("N* 72.2B", 0), 0u);
}

TEST_F(CommandLine, FitsTheExampleTableAndPlansFromIt) {
  const Ran fit =
      run("fit --csv " + source("examples/runs.csv") + " --convention exact --out fit.json --json");
  ASSERT_EQ(fit.code, 0) << fit.err;
  const auto json = fit.json();
  EXPECT_EQ(json["law"]["name"], "chinchilla");
  EXPECT_GE(json["draws"].size(), 1000u);
  EXPECT_GT(json["starts"]["agreeing"], 1);
  const Ran plan = run("plan --flops 1e15 --fit fit.json --json");
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_GT(plan.json()["params"]["high"], plan.json()["params"]["low"]);
}

}  // namespace
}  // namespace isoflop
