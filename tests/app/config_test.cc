// --config and --print-config: every verb prints what holds and where it comes from, and reads it
// back as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

#include "io/option_file.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class Config : public ProgramTest {
 protected:
  using Values = std::map<std::string, std::vector<std::string>>;

  static Values values_in(const std::string& toml) {
    Values values;
    for (const FileOption& option : parse_option_file(toml, "printed")) {
      values[option.key] = option.values;
    }
    return values;
  }
};

// A line of each verb with options of every kind that it has.
constexpr const char* kLines[] = {
    "demo --light --workers 2 --level 0.8",
    "data prepare 'a b.txt' c.txt --out dir --licence 'CC \"BY\" # 4' --format jsonl",
    "data mix web=0.7 code=0.3 --out dir",
    "data info classics",
    "sweep run grid.toml --corpus x --until 1.3 --no-checkpoints --seeds 2",
    "sweep status --db x.db --watch 5 --price '$2.50'",
    "sweep retry --oom --study s",
    "sweep cancel --all",
    "sweep export --curves --jsonl",
    "sweep assign g.toml --dir /shared/x --tasks 50",
    "sweep slurm g.toml --dir d --extra='--qos=long' --extra='--gres=gpu:1'",
    "sweep task dir --index 0 --of 4",
    "sweep collect dir --release",
    "sweep collect dir --release='tasks demo-1'",
    "sweep merge a.db b.db --db c.db",
    "train --params 20k --tokens 1M --set a=1 --set data.source=zipf",
    "fit --csv runs.csv --map params=N,loss=L --where 'N > 1e8 and \"D\" < 7' --fix E=1.7 --md",
    "plan --flops 5.76e23 --law epoch2024 --sizes 1B,7B --iso-loss --mfu 0.35",
    "compare 280B:300B 70B:1.4T --law epoch2024 --law hoffmann2022",
    "reproduce table2 --print csv",
    "suggest --flops 1e21 --fit fit.json --count 3",
    "flops --width 768 --layers 12 --tokens 2.5B --feed-forward swiglu",
};

TEST_F(Config, EveryVerbReadsBackWhatItPrints) {
  for (const std::string line : kLines) {
    const Ran first = run(line + " --print-config");
    ASSERT_EQ(first.code, 0) << line << "\n" << first.err;
    EXPECT_THAT(first.out, HasSubstr("# command line")) << line;
    write("again.toml", first.out);
    const std::string verb = line.substr(0, line.find(' '));
    const bool two = verb == "data" || verb == "sweep";
    const std::string words = two ? line.substr(0, line.find(' ', verb.size() + 1)) : verb;
    const Ran second = run(words + " --config again.toml --print-config");
    ASSERT_EQ(second.code, 0) << line << "\n" << second.err;
    EXPECT_EQ(values_in(second.out), values_in(first.out)) << line << "\n" << first.out;
    EXPECT_EQ(second.out.find("# command line"), std::string::npos) << second.out;
  }
}

TEST_F(Config, NothingIsDoneAndNothingIsRequired) {
  for (const char* words :
       {"plan", "suggest", "sweep run", "data prepare", "fit", "demo --light"}) {
    const Ran ran = run(std::string(words) + " --print-config");
    EXPECT_EQ(ran.code, 0) << words << "\n" << ran.err;
    EXPECT_EQ(ran.err, "") << words;
    EXPECT_THAT(ran.out, HasSubstr("# default")) << words;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "demo-run"));
}

TEST_F(Config, TheCommandLineGoesBeforeTheFileAndTheFileBeforeTheDefault) {
  write("plan.toml", "law = \"epoch2024\"\n# a comment\nflops = 1e20\nmfu = 0.3\n");
  const Ran ran = run("plan --config plan.toml --flops 2e20 --print-config");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto values = values_in(ran.out);
  EXPECT_EQ(values.at("flops"), std::vector<std::string>{"2e20"});
  EXPECT_EQ(values.at("mfu"), std::vector<std::string>{"0.3"});
  EXPECT_EQ(values.at("near"), std::vector<std::string>{"0.05"});
  EXPECT_THAT(ran.out, HasSubstr("# plan.toml:4"));
  EXPECT_THAT(ran.out, HasSubstr("# command line"));
  const Ran by_file = run("plan --config plan.toml --json");
  const Ran by_line = run("plan --law epoch2024 --flops 1e+20 --mfu 0.3 --json");
  EXPECT_EQ(by_file.code, 0) << by_file.err;
  EXPECT_EQ(by_file.out, by_line.out);
}

TEST_F(Config, AFileMayServeSeveralVerbsAndPositionalWordsStandInItToo) {
  write(
      "all.toml",
      "[plan]\nflops = 1e20\nlaw = \"epoch2024\"\n[compare]\nwhat = [\"gopher\", \"chinchilla\"]\n"
      "[sweep.run]\nworkers = 3\n");
  EXPECT_EQ(run("plan --config all.toml").code, 0);
  EXPECT_THAT(run("compare --config all.toml").out, HasSubstr("hinchilla"));
  EXPECT_THAT(run("sweep run --config all.toml --print-config").out, HasSubstr("workers = 3"));
}

TEST_F(Config, WhatIsWrongIsSaidWithFileAndLine) {
  const auto complaint = [&](const std::string& toml) {
    write("f.toml", toml);
    const Ran ran = run("plan --config f.toml");
    EXPECT_EQ(ran.code, 2) << toml;
    EXPECT_EQ(ran.out, "") << toml;
    return ran.err;
  };
  EXPECT_THAT(complaint("law = \"epoch2024\"\nflop = 1e20\n"),
              HasSubstr("f.toml:2: flop: is no option of isoflop plan: did you mean flops?"));
  EXPECT_THAT(complaint("flops = [\n"), HasSubstr("f.toml:1"));
  EXPECT_THAT(complaint("mfu = \"much\"\n"), HasSubstr("f.toml:1: mfu = \"much\""));
  EXPECT_THAT(complaint("[pln]\nflops = 1\n"), HasSubstr("did you mean plan?"));
  EXPECT_THAT(complaint("flops = 1e20\n[plan]\nflops = 1e21\n"), HasSubstr("f.toml:1"));
  EXPECT_THAT(run("plan --config none.toml").err, HasSubstr("isoflop VERB --print-config"));
}

TEST_F(Config, TheEnvironmentIsNamedWhereItCounts) {
  const Ran ran = run_under("env ISOFLOP_CORPORA=/data/corpora", "data info x --print-config");
  EXPECT_THAT(ran.out, HasSubstr("ISOFLOP_CORPORA = \"/data/corpora\""));
  const Ran plan = run_under("env ISOFLOP_CORPORA=/data/corpora", "flops --print-config");
  EXPECT_EQ(plan.out.find("ISOFLOP_CORPORA"), std::string::npos);
}

}  // namespace
}  // namespace isoflop
