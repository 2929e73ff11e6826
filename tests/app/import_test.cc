// isoflop import, and what fits and exports make of other tools' runs.
#include <cmath>
#include <gmock/gmock.h>

#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Runs of a known law with 0.2 % of scatter, and a column that only the source knows.
std::string runs_csv(const std::string& loss_column = "loss", double shift = 0) {
  std::ostringstream out;
  out << "trial,optimizer,params,tokens," << loss_column << "\n";
  out.precision(10);
  int k = 0;
  for (const double budget : {6e18, 3e19, 1.5e20, 7.5e20}) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0, 80.0}) {
      const double n = std::sqrt(budget / 6 / ratio);
      const double d = ratio * n;
      const double loss = (1.7 + 400 * std::pow(n, -0.34) + 1200 * std::pow(d, -0.34)) *
                          (1 + 0.002 * std::sin(12.9 * k));
      out << "run" << k << ',' << (k % 4 == 3 ? "sgd" : "adam") << ',' << n << ',' << d << ','
          << loss + shift << '\n';
      ++k;
    }
  }
  return out.str();
}

// A fit without what names its source.
nlohmann::json law_of(const Ran& fit) {
  EXPECT_EQ(fit.code, 0) << fit.err;
  if (fit.code != 0) return nullptr;
  nlohmann::json json = fit.json();
  for (const char* key : {"source", "where", "set"}) json.erase(key);
  return json;
}

class Import : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write("runs.csv", runs_csv());
  }
  // Everything that the store holds of imports.
  nlohmann::json content() const {
    if (!std::filesystem::exists(dir_ / "runs.db")) return "no store";
    const Store store((dir_ / "runs.db").string());
    nlohmann::json all = nlohmann::json::array();
    for (const StudyRow& study : store.studies()) {
      all.push_back({study.name, study.grid, study.trials, study.imported});
    }
    for (const ImportRow& row : store.imports()) {
      all.push_back({row.id, row.study, row.path, row.sha256, row.added, row.runs});
    }
    all.push_back(run("import --list --csv").out);
    for (const StudyRow& study : store.studies()) {
      all.push_back(run("sweep export --imports --csv --study '" + study.name + "'").out);
      all.push_back(run("sweep export --imports --curves --csv --study '" + study.name + "'").out);
    }
    return all;
  }
  static std::string shared(const std::string& file) {
    return std::string(ISOFLOP_SOURCE_DIR) + "/../shared/data/" + file;
  }
  // --csv and --db of the same rows give the same law to the bit.
  void expect_same_law(const std::string& csv_flags, const std::string& db_flags) const {
    EXPECT_EQ(law_of(run("fit --json --csv " + csv_flags)), law_of(run("fit --json " + db_flags)));
  }
};

TEST_F(Import, AFitOfImportedRunsIsTheFitOfTheirTable) {
  const Ran imported = run("import runs.csv --convention 6nd");
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("study \"runs\": 20 runs from 1 file\n"));
  EXPECT_THAT(imported.out, HasSubstr("20 new (import 1, format csv"));
  EXPECT_THAT(imported.out, HasSubstr("derived: "));
  EXPECT_THAT(imported.err, HasSubstr("next: isoflop fit --db runs.db --study runs\n"));
  EXPECT_THAT(imported.err, HasSubstr("undo: isoflop import --undo 1\n"));
  expect_same_law("runs.csv", "--db runs.db");
  expect_same_law("runs.csv --where \"optimizer = 'adam' and N > 1e8\"",
                  "--db runs.db --where \"optimizer = 'adam' and N > 1e8\"");
  expect_same_law("runs.csv --exclude 3 --because x", "--db runs.db --exclude 3 --because x");
  EXPECT_THAT(run("fit --db runs.db --exclude run3 --because 'bad restart'").out,
              HasSubstr("left out: run3, because: bad restart"));
}

TEST_F(Import, ASecondImportChangesNothing) {
  ASSERT_EQ(run("import runs.csv --convention 6nd").code, 0);
  const auto before = content();
  std::filesystem::create_directory(dir_ / "copy");
  std::filesystem::copy_file(dir_ / "runs.csv", dir_ / "copy/runs.csv");
  const Ran again = run("import runs.csv --convention 6nd");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("20 unchanged (import 1"));
  EXPECT_EQ(content(), before);
  EXPECT_THAT(run("import copy/runs.csv --convention 6nd").out, HasSubstr("20 unchanged"));

  write("runs.csv", runs_csv() + "late,adam,1e9,2e10,2.9\n");
  EXPECT_THAT(run("import runs.csv --convention 6nd").out, HasSubstr("1 new, 20 unchanged"));
}

TEST_F(Import, AFailureLeavesTheStoreAsItWas) {
  write("good.csv", runs_csv("loss", 0.5));
  write("bad.csv", runs_csv() + "broken,adam,1e9,2e10,oops\n");
  const Ran fresh = run("import good.csv bad.csv --convention 6nd");
  EXPECT_EQ(fresh.code, 2);
  EXPECT_EQ(fresh.out, "");
  EXPECT_THAT(fresh.err, HasSubstr("bad.csv:22: loss: \"oops\""));
  EXPECT_EQ(content(), "no store");

  ASSERT_EQ(run("import runs.csv --convention 6nd").code, 0);
  const auto before = content();
  EXPECT_EQ(run("import good.csv bad.csv --convention 6nd").code, 2);
  EXPECT_EQ(run("import bad.csv good.csv --study runs --convention 6nd").code, 2);
  EXPECT_EQ(run("import good.csv nowhere.csv --convention 6nd").code, 2);
  EXPECT_EQ(run("import good.csv --where 'nope > 1' --convention 6nd").code, 2);
  EXPECT_EQ(run("import good.csv --where 'loss > 100' --convention 6nd").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("--where keeps"));
  EXPECT_EQ(content(), before);
}

TEST_F(Import, ADryRunShowsEverythingAndWritesNothing) {
  const Ran dry = run("import runs.csv --map loss=loss,params=params --convention 6nd --dry-run");
  ASSERT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("would import 20 runs from 1 file into study \"runs\""));
  EXPECT_THAT(dry.out, HasSubstr("--map"));
  EXPECT_THAT(dry.out, HasSubstr("flops"));
  EXPECT_THAT(dry.out, HasSubstr("run0"));
  EXPECT_THAT(dry.err, HasSubstr("next: "));
  EXPECT_EQ(content(), "no store");
  const auto json = run("import runs.csv --convention 6nd --dry-run --json").json();
  EXPECT_EQ(json["dry_run"], true);
  EXPECT_EQ(json["imports"][0]["runs"], 20);
  EXPECT_THAT(json["imports"][0]["first"], SizeIs(5));
  EXPECT_FALSE(json["imports"][0].contains("id"));
}

TEST_F(Import, AnImportIsUndone) {
  ASSERT_EQ(run("import runs.csv --convention 6nd").code, 0);
  const auto before = content();
  write("wrong.csv", runs_csv("loss", 0.5));
  const auto added = run("import wrong.csv --study runs --convention 6nd --json").json();
  EXPECT_EQ(added["imports"][0]["new"], 20);
  const Ran undone = run("import --undo " + std::to_string(added["imports"][0]["id"].get<int>()));
  EXPECT_EQ(undone.code, 0) << undone.err;
  EXPECT_THAT(undone.out, HasSubstr("20 runs of"));
  EXPECT_EQ(content(), before);
  EXPECT_EQ(run("import --undo 77").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("isoflop import --list"));
  EXPECT_EQ(run("import --undo 1").code, 0);
  EXPECT_EQ(run("fit --db runs.db").code, 2) << "nothing is left";
}

TEST_F(Import, ListsAndExportsHoldEveryRun) {
  ASSERT_EQ(run("import runs.csv --convention 6nd").code, 0);
  const auto list = run("import --list --json").json();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0]["runs"], 20);
  EXPECT_EQ(list[0]["study"], "runs");
  const Ran exported = run("sweep export --db runs.db --csv");
  ASSERT_EQ(exported.code, 0) << exported.err;
  write("again.csv", exported.out);
  expect_same_law("again.csv", "--db runs.db");
  EXPECT_THAT(run("import --formats").out, HasSubstr("epoch"));
  EXPECT_EQ(run("import").code, 2);
  EXPECT_THAT(read("err.txt"), HasSubstr("--formats"));
}

TEST_F(Import, EveryFormatIsOnItsPage) {
  const std::string page = read_source("docs/imports.md");
  const auto formats = run("import --formats --json").json();
  EXPECT_GT(formats.size(), 20u);
  for (const auto& row : formats) {
    EXPECT_THAT(page, HasSubstr("`" + row["format"].get<std::string>() + "`"));
  }
}

TEST_F(Import, UnitsAndConventionsAreNotMixed) {
  write("bits.csv", runs_csv("val_bpb", -1));
  ASSERT_EQ(run("import runs.csv --convention 6nd").code, 0);
  const auto before = content();
  const Ran bits = run("import bits.csv --study runs --convention 6nd");
  EXPECT_EQ(bits.code, 3);
  EXPECT_THAT(bits.err, HasSubstr("[mixed_units]"));
  EXPECT_THAT(bits.err, HasSubstr("--study NAME"));
  EXPECT_EQ(content(), before);
  ASSERT_EQ(run("import bits.csv --convention 6nd").code, 0) << read("err.txt");
  EXPECT_THAT(run("fit --db runs.db --study bits --out bits.json").out,
              HasSubstr(" bits per byte; E "));
  EXPECT_EQ(nlohmann::json::parse(read("bits.json"))["loss_unit"], "bits_per_byte");

  std::string kaplan = "params,tokens,flops,loss\n";
  for (int i = 1; i <= 8; ++i) {
    const double n = 1e8 * i, d = 2e9 * (1 + (i * 5) % 8);
    kaplan += std::to_string(n) + "," + std::to_string(d) + "," + std::to_string(5 * n * d) + "," +
              std::to_string(1.7 + 400 * std::pow(n, -0.34) + 1200 * std::pow(d, -0.34)) + "\n";
  }
  write("kaplan.csv", kaplan);
  const Ran mixed = run("import kaplan.csv --convention kaplan --study runs");
  EXPECT_EQ(mixed.code, 3);
  EXPECT_THAT(mixed.err, HasSubstr("[mixed_conventions]"));
  ASSERT_EQ(run("import kaplan.csv --convention kaplan").code, 0) << read("err.txt");
  expect_same_law("kaplan.csv --convention kaplan", "--db runs.db --study kaplan");
}

// Two trials of the tabular learner and other tools' runs in one study.
TEST_F(Import, TrialsAndImportedRunsAreFittedTogetherWhenTheUserSaysSo) {
  write("grid.toml", R"(
name = "runs"
trainer = "tabular"

[data]
source = "zipf"

[grid]
kind = "tokens"
tokens = [100000]
params = [1000, 2000]
)");
  const Ran swept = run("sweep run grid.toml --db runs.db --workers 1 --quiet");
  ASSERT_EQ(swept.code, 0) << swept.err;
  const Ran unnamed = run("import runs.csv --convention 6nd");
  EXPECT_EQ(unnamed.code, 2);
  EXPECT_THAT(unnamed.err, HasSubstr("--study runs to fit both together"));
  ASSERT_EQ(run("import runs.csv --convention 6nd --study runs").code, 0) << read("err.txt");
  const Ran status = run("sweep status --db runs.db --json");
  EXPECT_EQ(status.json()["trials"]["done"], 2) << "imported runs are no trials";
  const Ran fit = run("fit --db runs.db --json --where \"params > 1e6 or state = 'planned'\"");
  ASSERT_EQ(fit.code, 0) << fit.err;
  EXPECT_EQ(fit.json()["observations"], 20);
  EXPECT_THAT(fit.err, HasSubstr("keeps 20 of 22 runs"));
  EXPECT_THAT(fit.err, HasSubstr("20 imported runs of 1 file are fitted together with 2 trials"));
  const Ran exported = run("sweep export --db runs.db --csv");
  EXPECT_THAT(exported.out, Not(HasSubstr("run0")));
  EXPECT_THAT(exported.err, HasSubstr("--imports"));
  EXPECT_THAT(run("sweep export --db runs.db --imports --csv").out, HasSubstr("run0"));
}

// Logs with a curve each: approach 1 reads them.
TEST_F(Import, ImportedCurvesMakeTheEnvelope) {
  std::string rows = "run,params,step,tokens,loss\n";
  int longest = 40;  // of one length nothing could be said of D
  for (const double n : {1e6, 2e6, 4e6, 8e6, 1.6e7, 3.2e7, 6.4e7}) {
    longest += 10;
    for (int step = 1; step <= longest; ++step) {
      const double d = 2e6 * step;
      rows += "n" + std::to_string(static_cast<int>(n)) + "," + std::to_string(n) + "," +
              std::to_string(step) + "," + std::to_string(d) + "," +
              std::to_string(1.7 + 400 * std::pow(n, -0.34) + 1200 * std::pow(d, -0.34)) + "\n";
    }
  }
  write("curves.csv", rows);
  const Ran imported = run("import curves.csv --convention 6nd --json");
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(imported.json()["imports"][0]["runs"], 7);
  EXPECT_EQ(imported.json()["imports"][0]["points"], 560);
  const Ran fit = run("fit --db runs.db --approach 1 --json");
  ASSERT_EQ(fit.code, 0) << fit.err;
  const Ran table = run("fit --curves curves.csv --approach 1 --json");
  ASSERT_EQ(table.code, 0) << table.err;
  // C / D is 6 N to rounding there, and exactly here.
  EXPECT_NEAR(fit.json()["exponents"]["a"]["value"].get<double>(),
              table.json()["exponents"]["a"]["value"].get<double>(), 1e-9);
}

TEST_F(Import, PublishedTablesGiveTheFitOfTheirFile) {
  const struct {
    const char* file;
    const char* format;
    const char* map;
  } cases[] = {
      {"epoch-research_analyzing-chinchilla/svg_extracted_data.csv", "epoch", ""},
      {"huggingface_datablations/datablations_c4_fit182.csv", "datablations",
       "--map params=params_N,tokens=tokens_D,loss=val_loss,unique_tokens=unique_tokens_U"},
  };
  for (const auto& one : cases) {
    const std::string path = shared(one.file);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
    const std::string flags = "--draws 1000 --no-diagnostics ";
    const Ran imported = run("import '" + path + "' --study s --db " + one.format + ".db --json");
    ASSERT_EQ(imported.code, 0) << imported.err;
    EXPECT_EQ(imported.json()["imports"][0]["format"], one.format);
    expect_same_law("'" + path + "' " + one.map + " " + flags,
                    "--db " + std::string(one.format) + ".db " + flags);
    EXPECT_THAT(run("import '" + path + "' --study s --db " + one.format + ".db").out,
                HasSubstr(" unchanged "));
  }
}

TEST_F(Import, GemstonesCurvesComeWithTheirRuns) {
  const std::string path = shared("mcleish7_gemstone-scaling-laws/wandb_df_for_fitting_hot.jsonl");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const Ran imported = run("import '" + path + "' --study gemstones --json");
  ASSERT_EQ(imported.code, 0) << imported.err;
  const auto answer = imported.json()["imports"][0];
  EXPECT_EQ(answer["format"], "gemstones");
  EXPECT_GT(answer["points"].get<int>(), answer["runs"].get<int>());
  // Every run saw as many tokens: their ends alone tell no law, and that is said.
  const Ran fit = run("fit --db runs.db");
  EXPECT_EQ(fit.code, 3);
  EXPECT_THAT(fit.err, HasSubstr("[one_token_count]"));
  const std::string curves = run("sweep export --db runs.db --curves --csv").out;
  EXPECT_EQ(std::count(curves.begin(), curves.end(), '\n'), answer["points"].get<int>() + 1);
}

}  // namespace
}  // namespace isoflop
