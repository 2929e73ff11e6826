// isoflop report as people type it: from a store, a table, an unfinished sweep; one figure for a
// paper; and how the page looks in a real browser.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Rows of a law, exact but for a wave that stands for scatter.
std::string report_table(int budgets) {
  std::ostringstream out;
  out << "trial,params,tokens,loss\n";
  out.precision(10);
  int k = 0;
  for (int b = 0; b < budgets; ++b) {
    const double budget = 6e18 * std::pow(5, b);
    for (const double ratio : {5.0, 10.0, 20.0, 40.0, 80.0}) {
      const double n = std::sqrt(budget / 6 / ratio);
      const double d = ratio * n;
      const double scatter = 1 + 0.002 * std::sin(12.9 * k);
      out << "run" << k++ << ',' << n << ',' << d << ','
          << (1.7 + 400 * std::pow(n, -0.34) + 1200 * std::pow(d, -0.34)) * scatter << '\n';
    }
  }
  return out.str();
}

bool is_installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class ReportCommand : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (!is_installed("gnuplot")) GTEST_SKIP() << "no gnuplot here, which draws the figures";
  }
  void make_store() const {
    const Ran ran = run("sweep run " + source("examples/light.toml") + " --quiet");
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
};

TEST_F(ReportCommand, OfAStoreIsOnePageWithTheAnswerAndTheTraining) {
  make_store();
  const std::string before = read("runs.db");
  const Ran ran = run("report --out page.html --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = ran.json();
  EXPECT_EQ(json["out"], "page.html");
  EXPECT_EQ(json["figures"].size(), 13u);
  EXPECT_THAT(json["answer"].get<std::string>(), StartsWith("With "));
  EXPECT_THAT(ran.err, HasSubstr("written: page.html"));
  const std::string page = read("page.html");
  EXPECT_THAT(page, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("</html>"),
                          HasSubstr("the tabular learner"), HasSubstr("35 of 35 trials are done")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_EQ(read("runs.db"), before) << "a report only reads";
}

TEST_F(ReportCommand, OfATableHasNoTrainingToReport) {
  write("runs.csv", report_table(4));
  const Ran ran = run("report --csv runs.csv --flops 1e23");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, StartsWith("With 1e23 FLOP, train a model of "));
  const std::string page = read("report.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<h1>runs: scaling-law report</h1>"), HasSubstr("not reported"),
                          HasSubstr("report --csv runs.csv --flops 1e23")));
}

TEST_F(ReportCommand, SpeaksOfTheRunsOwnUnitOfLoss) {
  std::string table = report_table(4);
  table.replace(table.find("loss"), 4, "val_bpb");
  write("runs.csv", table);
  ASSERT_EQ(run("import runs.csv --convention 6nd").code, 0);
  const Ran ran = run("report --db runs.db --flops 1e23");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr(" bits per byte ("), Not(HasSubstr("nats")),
                             HasSubstr("FLOP counted as 6nd")));
}

TEST_F(ReportCommand, OfRunsThatGiveNoLawIsAPageThatSaysWhy) {
  write("runs.csv", "params,tokens,loss\n1e6,2e7,4.1\n2e6,4e7,3.9\n4e6,8e7,3.7\n");
  const Ran ran = run("report --csv runs.csv --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string why = ran.json()["why_no_fit"];
  EXPECT_FALSE(why.empty());
  EXPECT_THAT(ran.err, HasSubstr("note: no law: " + why));
  EXPECT_THAT(read("report.html"), HasSubstr("There is no law yet."));
}

TEST_F(ReportCommand, OfASweepThatHasNotBegunIsAPageToo) {
  write("grid.toml", whole_file(source("examples/light.toml")));
  ASSERT_EQ(run("sweep assign grid.toml --dir shared --tasks 2").code, 0) << read("err.txt");
  const Ran ran = run("report --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.json()["why_no_fit"].get<std::string>(), HasSubstr("[no_results]"));
  EXPECT_THAT(read("report.html"), HasSubstr("0 of 35 trials are done"));
}

TEST_F(ReportCommand, TakesAFitAsItIs) {
  write("runs.csv", report_table(4));
  ASSERT_EQ(run("fit --csv runs.csv --out fit.json").code, 0);
  const Ran ran = run("report --csv runs.csv --fit fit.json --flops 1e23 --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto plan = run("plan --flops 1e23 --fit fit.json").out;
  const std::string params = plan.substr(3, plan.find(' ', 3) - 3);  // "N* 1.2B [..."
  EXPECT_THAT(ran.json()["answer"].get<std::string>(), HasSubstr("a model of " + params));
}

TEST_F(ReportCommand, OneFigureGoesToAFileForAPaper) {
  write("runs.csv", report_table(4));
  ASSERT_EQ(run("report --csv runs.csv --figure isoflop --out fig.pdf").code, 0) << read("err.txt");
  EXPECT_THAT(read("fig.pdf"), StartsWith("%PDF"));
  ASSERT_EQ(run("report --csv runs.csv --figure isoflop --out fig.png").code, 0);
  EXPECT_THAT(read("fig.png"), StartsWith("\x89PNG"));
  ASSERT_EQ(run("report --csv runs.csv --figure residuals --out fig.csv").code, 0);
  EXPECT_THAT(read("fig.csv"), StartsWith("panel,series,"));
}

TEST_F(ReportCommand, AWrongFigureIsAnsweredWithTheRightOne) {
  write("runs.csv", report_table(4));
  const Ran wrong = run("report --csv runs.csv --figure isoflops --out fig.pdf");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean isoflop?"));
  EXPECT_EQ(wrong.out, "");
  EXPECT_EQ(run("report --csv runs.csv --figure isoflop --out fig.gif").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("--out isoflop.pdf"));
  EXPECT_EQ(run("report --csv runs.csv --out report.pdf").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("--figure"));
  const Ran empty = run("report --csv runs.csv --figure curves --out fig.pdf");
  EXPECT_EQ(empty.code, 3);
  EXPECT_THAT(empty.err, HasSubstr("[empty_figure]"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "fig.pdf"));
}

TEST_F(ReportCommand, FiguresAreListedWithoutAnyRuns) {
  const Ran ran = run("report --figures --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.json().size(), 13u);
  EXPECT_EQ(ran.json()[0]["figure"], "answer");
}

// Every figure visible, nothing beyond the page, no label on another, contrast, names, headings, no
// word on the console, no request, and the answer on paper: look_at_page.py says how.
TEST_F(ReportCommand, LooksRightInABrowserAtEveryWidthInLightAndDark) {
  if (!is_installed("chromium")) GTEST_SKIP() << "no chromium here: apt-get install chromium";
  if (!is_installed("pdftotext"))
    GTEST_SKIP() << "no pdftotext here: apt-get install poppler-utils";
  ASSERT_EQ(run("demo --light --dir demo --quiet").code, 0) << read("err.txt");
  // Kept, for people to look at.
  const std::filesystem::path shots =
      std::filesystem::path(ISOFLOP_BINARY).parent_path() / "report";
  const std::string look = "python3 '" + source("tests/app/look_at_page.py") + "' '" +
                           (dir_ / "demo/report.html").string() + "' '" + shots.string() +
                           "' 400 1000 1600 > '" + (dir_ / "look.json").string() + "'";
  const int status = std::system(look.c_str());
  ASSERT_EQ(WEXITSTATUS(status), 0) << look;
  const auto seen = nlohmann::json::parse(read("look.json"));
  for (const auto& complaint : seen["complaints"]) ADD_FAILURE() << complaint.get<std::string>();
  EXPECT_GE(seen["figures"].size(), 10u);
  EXPECT_THAT(seen["lede"].get<std::string>(), StartsWith("With "));
  EXPECT_EQ(seen["screenshots"].size(), 12u);
}

}  // namespace
}  // namespace isoflop
