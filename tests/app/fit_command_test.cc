#include <cmath>
#include <gmock/gmock.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A table of a known law, exact to eight digits; `bad` rows are 9 % off.
std::string table_of(int bad) {
  std::ostringstream out;
  out << "trial,params,tokens,loss,other_loss\n";
  out.precision(10);
  int k = 0;
  for (const double budget : {6e18, 3e19, 1.5e20, 7.5e20}) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0, 80.0}) {
      const double n = std::sqrt(budget / 6 / ratio);
      const double d = ratio * n;
      const double scatter = 1 + 0.002 * std::sin(12.9 * k);
      const double loss = (1.7 + 400 * std::pow(n, -0.34) + 1200 * std::pow(d, -0.34)) * scatter;
      const bool foreign = k < bad;
      out << "run" << k++ << ',' << n << ',' << d << ',' << loss * (foreign ? 1.09 : 1) << ','
          << loss + 0.5 << '\n';
    }
  }
  return out.str();
}

class FitCommand : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write("runs.csv", table_of(0));
    write("bad.csv", table_of(2));
  }
};

TEST_F(FitCommand, RowsLeftOutByHandAreRecordedWithTheirReason) {
  const Ran with = run("fit --csv bad.csv --json");
  const Ran without = run("fit --csv bad.csv --exclude 0-1 --because 'bad restart' --json");
  ASSERT_EQ(without.code, 0) << without.err;
  EXPECT_EQ(without.json()["observations"], 18);
  EXPECT_EQ(without.json()["exclusions"][0]["rows"], "0-1");
  EXPECT_EQ(without.json()["exclusions"][0]["because"], "bad restart");
  EXPECT_LT(without.json()["objective"].get<double>(), with.json()["objective"].get<double>());
  EXPECT_THAT(run("fit --csv bad.csv --exclude run0 --because 'bad restart'").out,
              HasSubstr("left out: run0, because: bad restart"));

  EXPECT_EQ(run("fit --csv bad.csv --exclude 3").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("--because"));
  EXPECT_EQ(run("fit --csv bad.csv --exclude 77 --because x").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("77"));
}

TEST_F(FitCommand, AConditionChoosesRows) {
  const Ran chosen = run("fit --csv runs.csv --where \"C > 1e19 and D/N < 60\" --json");
  ASSERT_EQ(chosen.code, 0) << chosen.err;
  EXPECT_EQ(chosen.json()["observations"], 12);
  EXPECT_EQ(chosen.json()["where"], "C > 1e19 and D/N < 60");
  const Ran wrong = run("fit --csv runs.csv --where \"Nope > 1\"");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_EQ(wrong.out, "");
  EXPECT_THAT(wrong.err, HasSubstr("Nope"));
}

TEST_F(FitCommand, ParametersCanBeFixedBoundedTiedAndKnown) {
  const auto parameters = [&](const std::string& flags) {
    const Ran ran = run("fit --csv runs.csv --json " + flags);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.json();
  };
  const auto fixed = parameters("--fix E=1.6");
  EXPECT_EQ(fixed["law"]["parameters"]["E"], 1.6);
  EXPECT_EQ(fixed["constraints"][0], "E = 1.6");
  EXPECT_GE(fixed["draws"].size(), 1000u);
  for (const auto& draw : fixed["draws"]) ASSERT_EQ(draw[0], 1.6);
  const auto tied = parameters("--tie beta=alpha");
  EXPECT_EQ(tied["law"]["parameters"]["alpha"], tied["law"]["parameters"]["beta"]);
  EXPECT_LE(parameters("--bound beta=0.1:0.3")["law"]["parameters"]["beta"].get<double>(), 0.3);
  const auto known = parameters("--prior alpha=0.5+-0.0001");
  EXPECT_NEAR(known["law"]["parameters"]["alpha"].get<double>(), 0.5, 0.01);
  EXPECT_EQ(run("fit --csv runs.csv --fix gamma=1").code, 2);
}

TEST_F(FitCommand, ALawForEachLossColumn) {
  const Ran two = run("fit --csv runs.csv --map loss=loss,loss=other_loss --out fit.json --json");
  ASSERT_EQ(two.code, 0) << two.err;
  ASSERT_EQ(two.json()["fits"].size(), 2u);
  const double first = two.json()["fits"][0]["law"]["parameters"]["E"];
  const double second = two.json()["fits"][1]["law"]["parameters"]["E"];
  EXPECT_NEAR(second - first, 0.5, 0.1);
  EXPECT_EQ(run("plan --flops 1e22 --fit fit.other_loss.json").code, 0);
}

TEST_F(FitCommand, EveryApproachStandsBesideTheOthers) {
  const Ran all = run("fit --csv runs.csv --approach all");
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("no_curves"));
  const auto answers = run("fit --csv runs.csv --approach all --json").json()["approaches"];
  EXPECT_EQ(answers["answers"].size(), 3u);
  EXPECT_EQ(run("fit --csv runs.csv --approach 1").code, 3);
  EXPECT_EQ(read("out.txt"), "");
  const Ran second = run("fit --csv runs.csv --approach 2 --out two.json --json");
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_NEAR(second.json()["exponents"]["a"]["value"].get<double>(), 0.5, 0.03);
  EXPECT_FALSE(second.json()["law"].contains("parameters"));
  EXPECT_EQ(run("plan --flops 1e22 --fit two.json").code, 3);
  EXPECT_THAT(read("err.txt"), HasSubstr("no_law"));
}

TEST_F(FitCommand, TheBacktestShowsEachHiddenRunBesideItsPrediction) {
  const Ran ran = run("fit --csv runs.csv --backtest --hide 1e20 --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto backtest = ran.json()["backtest"];
  ASSERT_EQ(backtest["rows"].size(), 10u);
  double sum = 0;
  for (const auto& row : backtest["rows"]) {
    sum += row["predicted"]["value"].get<double>() / row["loss"].get<double>() - 1;
    EXPECT_LT(row["predicted"]["low"].get<double>(), row["predicted"]["high"].get<double>());
  }
  EXPECT_NEAR(sum / 10, backtest["mean_error"].get<double>(), 1e-12);
  EXPECT_THAT(run("fit --csv runs.csv --backtest").out, HasSubstr("predicted"));
}

TEST_F(FitCommand, PublishedStartsEndWhereAllOthersDo) {
  const auto screened = run("fit --csv runs.csv --json").json();
  const auto published = run("fit --csv runs.csv --starts hoffmann2022 --json").json();
  EXPECT_NEAR(published["objective"].get<double>() / screened["objective"].get<double>(), 1, 1e-6);
  EXPECT_EQ(published["starts"]["tried"], 1);
}

TEST_F(FitCommand, BadTablesNeverGiveANumber) {
  const std::string head = "params,tokens,loss\n";
  const struct {
    const char* name;
    std::string text;
    int code;
    const char* said;
  } cases[] = {
      {"nan", head + "1e8,2e9,nan\n2e8,4e9,3\n", 2, "nan"},
      {"negative", head + "1e8,-2e9,3\n", 2, "-2e9"},
      {"zero", head + "0,2e9,3\n", 2, "params"},
      {"missing", head + "1e8,,3\n", 2, "tokens"},
      {"three rows", head + "1e8,2e9,3\n2e8,4e9,2.9\n4e8,8e9,2.8\n", 3, "too_few_rows"},
      {"one budget",
       head + "1e8,1.6e9,3.4\n2e8,8e8,3.3\n4e8,4e8,3.35\n5e8,3.2e8,3.4\n6.4e7,2.5e9,3.5\n"
              "3.2e7,5e9,3.7\n1.6e7,1e10,3.9\n",
       3, "one_budget"},
      {"one ratio",
       head + "1e8,2e9,3.4\n2e8,4e9,3.2\n4e8,8e9,3\n8e8,16e9,2.85\n1.6e9,32e9,2.72\n"
              "3.2e9,64e9,2.62\n6.4e9,128e9,2.53\n",
       3, "one_ratio"},
      {"one size",
       head + "1e8,1e9,3.4\n1e8,2e9,3.3\n1e8,4e9,3.2\n1e8,8e9,3.1\n1e8,16e9,3\n"
              "1e8,32e9,2.9\n",
       3, "one_size"},
      {"equal losses", head + "1e8,1e9,3\n2e8,2e9,3\n4e8,4e9,3\n1e8,8e9,3\n2e8,16e9,3\n4e8,9e9,3\n",
       3, "constant_loss"},
  };
  for (const auto& one : cases) {
    write("bad_table.csv", one.text);
    const Ran ran = run("fit --csv bad_table.csv --out never.json");
    EXPECT_EQ(ran.code, one.code) << one.name << ": " << ran.err;
    EXPECT_EQ(ran.out, "") << one.name;
    EXPECT_THAT(ran.err, HasSubstr(one.said)) << one.name;
    EXPECT_FALSE(std::filesystem::exists(dir_ / "never.json")) << one.name;
  }
  std::string twice = table_of(0);
  twice += twice.substr(twice.find("run7"), twice.find("run8") - twice.find("run7"));
  write("bad_table.csv", twice);
  EXPECT_EQ(run("fit --csv bad_table.csv").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("7"));
  const Ran swapped = run("fit --csv runs.csv --map params=tokens,tokens=params");
  EXPECT_EQ(swapped.code, 3);
  EXPECT_EQ(swapped.out, "");
  EXPECT_THAT(swapped.err, HasSubstr("swapped_columns"));
  EXPECT_THAT(swapped.err, Not(HasSubstr("unexpected")));
}

}  // namespace
}  // namespace isoflop
