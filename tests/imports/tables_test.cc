// Tables of no known format: what is a field, what follows from what, what names a run, and what
// is refused.
#include <algorithm>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

#include "core/error.h"
#include "core/units.h"
#include "imports/import_runs.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

RunImport import_table_text(const std::string& text, const std::string& map = "",
                            ImportOptions options = {}) {
  options.map = parse_column_map(map);
  return import_bytes({.path = "runs.txt", .bytes = text}, options);
}

RunImport import_6nd(const std::string& text, const std::string& map = "") {
  return import_table_text(text, map, {.convention_named = true});
}

std::string complaint_of(const std::string& text, const std::string& map = "",
                         const ImportOptions& options = {}) {
  return message_of<Error>([&] { import_table_text(text, map, options); });
}

std::vector<std::string> ids_of(const RunImport& read) {
  std::vector<std::string> ids;
  for (const ImportedRun& run : read.runs) ids.push_back(run.source_id);
  return ids;
}

const Observation& first_of(const RunImport& read) { return read.runs.at(0).observation; }

TEST(Tables, WhatFollowsUnder6ndFollowsFromWhatATokenPassesThrough) {
  const RunImport flops = import_6nd("N,active_params,D,loss\n4e9,1e9,2e10,2.5\n1e9,,2e10,2.5\n");
  EXPECT_EQ(first_of(flops).flops, 1.2e20);
  EXPECT_EQ(first_of(flops).params, 4e9);
  EXPECT_EQ(flops.runs.at(1).observation.flops, 1.2e20) << "dense where it is not said";
  EXPECT_EQ(first_of(import_6nd("N,active_params,C,loss\n4e9,1e9,1.2e20,2.5\n")).tokens, 2e10);
}

TEST(Tables, CsvTsvSemicolonsJsonAndJsonLinesSayTheSame) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"csv", "N,D,C,loss\n2.8B,57B,9.576e20,2.5\n"},
      {"csv", "N;D;C;loss\n2.8B;57B;9.576e20;2.5\n"},
      {"csv", "N|D|C|loss\n2.8B|57B|9.576e20|2.5"},
      {"tsv", "N\tD\tC\tloss\r\n2.8B\t57B\t9.576e20\t2.5\r\n"},
      {"json", R"([{"N": "2.8B", "D": 57e9, "C": 9.576e20, "loss": 2.5}])"},
      {"json", R"({"about": "x", "runs": [
 {"N": "2.8B", "D": 57e9, "C": 9.576e20, "loss": 2.5}]})"},
      {"json", R"({"N": 2800000000, "D": 57e9, "C": 9.576e20, "loss": 2.5})"},
      {"jsonl",
       "{\"N\": 2.8e9, \"D\": 57e9, \"C\": 9.576e20, \"loss\": 2.5}\n\n{\"N\": 1, \"D\": "
       "2, \"C\": 12, \"loss\": 3}\n"},
      {"csv", "\xEF\xBB\xBFN,D,C,loss\n2.8B,57B,9.576e20,2.5\n"}};
  for (const auto& [format, text] : all) {
    const RunImport read = import_table_text(text);
    EXPECT_EQ(read.format, format) << text;
    ASSERT_THAT(read.runs, Not(IsEmpty())) << text;
    EXPECT_EQ(first_of(read).params, 2.8e9) << text;
    EXPECT_EQ(first_of(read).tokens, 57e9) << text;
    EXPECT_EQ(first_of(read).flops, 9.576e20) << text;
    EXPECT_EQ(first_of(read).loss, 2.5) << text;
    EXPECT_EQ(read.runs[0].derived, "") << text;
  }
}

TEST(Tables, EveryFieldSaysWhereItComesFrom) {
  const RunImport read =
      import_6nd("size,Total Tokens,val/loss,budget\n1e9,2e10,2.5,1e20\n", "params=size");
  const auto is = [](const char* field, const char* column, const char* how) {
    return AllOf(Field(&FieldSource::field, field), Field(&FieldSource::column, column),
                 Field(&FieldSource::how, how));
  };
  EXPECT_THAT(read.fields, ElementsAre(is("params", "size", "--map"),
                                       is("tokens", "Total Tokens", "by its usual name"),
                                       is("loss", "val/loss", "by its usual name"),
                                       is("budget", "budget", "by its usual name"),
                                       is("flops", "", "flops = 6 params tokens [6nd]")));
}

TEST(Tables, AMissingOneOfNDAndCFollowsOnlyUnderANamedConvention) {
  const std::vector<std::tuple<std::string, std::string, std::string>> all = {
      {"N,D,L\n1e9,2e10,2.5\n", "FLOPs", "flops = 6 params tokens [6nd]"},
      {"N,C,L\n1e9,1.2e20,2.5\n", "tokens", "tokens = flops / (6 params) [6nd]"},
      {"C,D,L\n1.2e20,2e10,2.5\n", "parameters", "params = flops / (6 tokens) [6nd]"}};
  for (const auto& [text, what, formula] : all) {
    const RunImport read = import_6nd(text);
    EXPECT_EQ(first_of(read).params, 1e9);
    EXPECT_EQ(first_of(read).tokens, 2e10);
    EXPECT_EQ(first_of(read).flops, 1.2e20);
    EXPECT_EQ(read.runs[0].derived, formula);
    EXPECT_THAT(complaint_of(text), AllOf(HasSubstr("runs.txt:1: no column holds " + what),
                                          HasSubstr("--convention 6nd")));
    EXPECT_THAT(
        complaint_of(text, "", {.convention = FlopConvention::kExact, .convention_named = true}),
        AllOf(HasSubstr("under exact"), HasSubstr("model shapes")));
  }
  EXPECT_THAT(complaint_of("N,L\n1e9,2.5\n"), HasSubstr("--map tokens=D"));
}

TEST(Tables, ACellThatIsEmptyIsDerivedInItsRowAlone) {
  const RunImport read = import_6nd("N,D,C,L\n1e9,2e10,,2.5\n1e9,2e10,1.3e20,2.4\n");
  EXPECT_EQ(read.runs[0].derived, "flops = 6 params tokens [6nd]");
  EXPECT_EQ(read.runs[0].observation.flops, 1.2e20);
  EXPECT_EQ(read.runs[1].derived, "");
  EXPECT_EQ(read.runs[1].observation.flops, 1.3e20);
  EXPECT_THAT(complaint_of("N,D,C,L\n1e9,2e10,,2.5\n"), HasSubstr("runs.txt:2: C: \"\" is empty"));
  EXPECT_THAT(complaint_of("N,D,C,L\n1e9,,,2.5\n", "", {.convention_named = true}),
              HasSubstr("runs.txt:2: D: \"\" leaves two of"));
}

TEST(Tables, TheConventionIsThatOfTheOptions) {
  const std::string text = "N,D,C,L\n1e9,2e10,2e20,2.5\n";
  const RunImport unnamed = import_table_text(text);
  EXPECT_EQ(unnamed.convention, FlopConvention::k6nd);
  EXPECT_THAT(unnamed.notes, Contains(HasSubstr("times 6 N D")));
  const RunImport named =
      import_table_text(text, "", {.convention = FlopConvention::kExact, .convention_named = true});
  EXPECT_EQ(named.convention, FlopConvention::kExact);
  EXPECT_THAT(named.notes, IsEmpty());
}

TEST(Tables, ReadsEveryFurtherField) {
  const RunImport read = import_6nd(
      "N,D,L,loss_error,budget,seed,trial,run,num_experts,unique_tokens,score\n"
      "1e9,2e10,2.5,0.01,1.2e20,7,a,trunk,8,1e10,0.25\n");
  const Observation& o = first_of(read);
  EXPECT_EQ(o.loss_error, 0.01);
  EXPECT_EQ(o.budget, 1.2e20);
  EXPECT_EQ(o.seed, 7);
  EXPECT_EQ(o.trial, "a");
  EXPECT_EQ(o.run, "trunk");
  EXPECT_EQ(o.extra, (std::map<std::string, double>{
                         {"experts", 8}, {"unique_tokens", 1e10}, {"score", .25}}));
}

TEST(Tables, KeepsTheRowAsItStood) {
  const RunImport csv = import_6nd("N,D,L,note\n1.0e9, 2e10,2.50,\"a, \"\"b\"\"\"\n");
  EXPECT_EQ(csv.runs[0].provenance, R"({"N":"1.0e9","D":" 2e10","L":"2.50","note":"a, \"b\""})");
  EXPECT_EQ(csv.runs[0].line, 2);
  const RunImport json =
      import_6nd("[\n {\"N\": 1.0e9, \"D\": 2E10,\n  \"L\": 2.50, \"x\": [1, null]}]");
  EXPECT_EQ(json.runs[0].provenance, R"({"N": 1.0e9, "D": 2E10, "L": 2.50, "x": [1, null]})");
  EXPECT_EQ(json.runs[0].line, 2);
  EXPECT_EQ(json.runs[0].observation.loss, 2.5);
}

TEST(Tables, NestedObjectsAreDottedColumns) {
  const RunImport read =
      import_6nd(R"({"config": {"model": {"n": 1e9}}, "tokens": 2e10, "end": {"loss": 2.5}})",
                 "params=config.model.n,loss=end.loss");
  EXPECT_EQ(first_of(read).params, 1e9);
  EXPECT_EQ(first_of(read).loss, 2.5);
}

TEST(Tables, AHeaderMayBeMissingOrCommentedOrBehindComments) {
  EXPECT_EQ(first_of(import_6nd("1e9,2e10,2.5\n2e9,2e10,2.4\n", "params=1,tokens=2,loss=3")).loss,
            2.5);
  const RunImport commented = import_6nd("# from the paper\n\n#N D\n#N,D,L\n1e9,2e10,2.5\n");
  EXPECT_EQ(first_of(commented).params, 1e9);
  EXPECT_EQ(commented.runs[0].line, 5);
  EXPECT_THAT(complaint_of("# a, b\nN,D,L\n1e9,2e10,x\n", "", {.convention_named = true}),
              HasSubstr("runs.txt:3: L: \"x\" is not a finite number"));
}

TEST(Tables, HeldOutLossesGoBeforeTrainingLosses) {
  EXPECT_EQ(first_of(import_6nd("N,D,train_loss,val/loss\n1e9,2e10,2.5,2.6\n")).loss, 2.6);
  const RunImport read = import_6nd("N,D,train_loss\n1e9,2e10,2.5\n");
  EXPECT_EQ(first_of(read).loss, 2.5);
  EXPECT_THAT(read.notes, Contains(HasSubstr("training loss")));
}

TEST(Tables, BitsPerByteAreSaid) {
  EXPECT_EQ(import_6nd("N,D,val_bpb\n1e9,2e10,0.8\n").loss_unit, "bits_per_byte");
  EXPECT_EQ(import_6nd("N,D,loss\n1e9,2e10,2.5\n").loss_unit, "nats_per_token");
}

TEST(Tables, SeveralLossesAreAQuestion) {
  EXPECT_THAT(complaint_of("N,D,loss,val_loss\n1e9,2e10,2.5,2.6\n"),
              AllOf(HasSubstr("loss, val_loss"), HasSubstr("--map loss=")));
  EXPECT_THAT(complaint_of("N,D,a,b\n1e9,2e10,2.5,2.6\n", "loss=a,loss=b"),
              HasSubstr("--map loss=a"));
  EXPECT_THAT(complaint_of("N,D,c4\n1e9,2e10,2.5\n", "loss=c5"), HasSubstr("did you mean c4"));
}

TEST(Tables, MalformedCellsNameFileLineAndColumn) {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"N,D,C,L\n1e9,2e10,1e20,nan\n", "runs.txt:2: L: \"nan\" is not a finite number"},
      {"N,D,C,L\n1e9,2e10,1e20,inf\n", "runs.txt:2: L: \"inf\""},
      {"N,D,C,L\n1e9,2e10,1e20,\n", "runs.txt:2: L: \"\" is empty"},
      {"N,D,C,L\n1e9,2e10,1e20,2\n0,2e10,1e20,2\n", "runs.txt:3: N: \"0\" must be above 0"},
      {"N,D,C,L\n1e9,-2,1e20,2\n", "runs.txt:2: D: \"-2\" must be above 0"},
      {"N,D,C,L\n1e9,2e10,1e999,2\n", "runs.txt:2: C: \"1e999\" is beyond"},
      {"N,D,C,L\n\"1,000,000\",2,3,2\n", "thousands separators"},
      {"N;D;C;L\n1000;2;3;2,5\n", "runs.txt:2: L: \"2,5\" has a decimal comma"},
      {"N,D,C,L\n1,2,3\n", "runs.txt:2: has 3 cells, but there are 4 columns"},
      {"N,D,C,L\n1,2,3,\"x\n", "runs.txt:2: a quote is opened and never closed"},
      {"N,D,C,L\n", "has no rows"},
      {"[]", "has no rows"},
      {"{\"N\": 1,\n \"D\": }", "runs.txt:2:7: is not JSON"},
      {"[{\"N\": 1},\n 7]", "runs.txt:2:1: 7 is no object"},
      {"{\"N\": 1}\n{\"N\": 1\n", "runs.txt:2:8: is not JSON"},
      {"{\"N\": 1e999}", "runs.txt:1:11: holds a number too large"},
      {"[{\"N\":1,\"D\":2,\"C\":3,\n\"L\":NaN}]", "runs.txt:1: L: \"NaN\" is not a finite number"},
      {"{\"a\": [{\"N\": 1}], \"b\": [{\"N\": 2}]}", "several arrays"}};
  for (const auto& [text, said] : all) {
    EXPECT_THAT(complaint_of(text), HasSubstr(said)) << text;
  }
}

TEST(Tables, NotANumberWhereNobodyLooksIsNoError) {
  const RunImport read =
      import_6nd("[{\"N\":1e9,\"D\":2e10,\"L\":2.5,\"NaN\":NaN,\"g\":-Infinity,\"s\":\"NaN\"}]");
  EXPECT_EQ(read.runs[0].provenance,
            R"({"N":1e9,"D":2e10,"L":2.5,"NaN":"NaN","g":"-Infinity","s":"NaN"})");
  EXPECT_NO_THROW(nlohmann::json::parse(read.runs[0].provenance));
}

TEST(Tables, ALabelThatTellsRunsApartNamesThem) {
  EXPECT_THAT(ids_of(import_6nd("name,N,D,L\nb,1e9,2e10,2.5\na,1e9,2e10,2.6\n")),
              ElementsAre("b", "a"));
  EXPECT_THAT(ids_of(import_6nd("run_name,N,D,L\nb,1e9,2e10,2.5\na,1e9,2e10,2.6\n")),
              ElementsAre("b", "a"));
  // A label that does not names nothing, but is kept.
  const RunImport read = import_6nd("model,N,D,L\nb,1e9,2e10,2.5\nb,1e9,3e10,2.4\n");
  EXPECT_THAT(ids_of(read), ElementsAre("params=1e+09 tokens=2e+10", "params=1e+09 tokens=3e+10"));
  EXPECT_EQ(first_of(read).trial, "b");
}

// Importing again replaces what has the same name: rows that were added, moved or corrected must
// leave the others' names alone.
TEST(Tables, NamesOutliveRowsThatAreAddedMovedOrCorrected) {
  const RunImport before = import_6nd("N,D,L,seed\n1e9,2e10,2.5,1\n2e9,2e10,2.4,1\n");
  const RunImport after =
      import_6nd("N,D,L,seed\n3e9,2e10,2.3,1\n2e9,2e10,2.45,1\n1e9,2e10,2.5,1\n1e9,2e10,2.5,2\n");
  for (const std::string& id : ids_of(before)) EXPECT_THAT(ids_of(after), Contains(id));
  const auto find = [&](const std::string& id) {
    return std::find_if(after.runs.begin(), after.runs.end(),
                        [&](const ImportedRun& run) { return run.source_id == id; });
  };
  EXPECT_EQ(find(before.runs[1].source_id)->observation.loss, 2.45);
  EXPECT_THAT(ids_of(after), Contains("params=1e+09 tokens=2e+10 seed=2"));
}

TEST(Tables, TheSameCoordinatesTwiceAreTwoRuns) {
  const RunImport read = import_6nd("N,D,L\n1e9,2e10,2.5\n1e9,2e10,2.6\n");
  EXPECT_THAT(ids_of(read),
              ElementsAre("params=1e+09 tokens=2e+10", "params=1e+09 tokens=2e+10 #2"));
  EXPECT_THAT(read.notes, Contains(HasSubstr("kept as repeats")));
}

TEST(Tables, RowsOfOneRunAreItsCurveByStepsOrTokens) {
  const RunImport steps = import_6nd(
      "run,step,N,D,L,lr\na,2,1e9,2e10,2.5,0.1\na,1,1e9,1e10,2.9,0.2\nb,1,1e9,1e10,2.8,0.2\n"
      "a,2,1e9,2e10,2.45,0.15\n");
  ASSERT_THAT(ids_of(steps), ElementsAre("a", "b"));
  const ImportedRun& a = steps.runs[0];
  EXPECT_EQ(a.observation.loss, 2.45);  // the later line of step 2
  EXPECT_EQ(a.observation.tokens, 2e10);
  ASSERT_THAT(a.points, SizeIs(2));
  EXPECT_EQ(a.points[0],
            (ImportedPoint{.step = 1, .tokens = 1e10, .heldout_loss = 2.9, .rate = .2}));
  EXPECT_EQ(a.points[1],
            (ImportedPoint{.step = 2, .tokens = 2e10, .heldout_loss = 2.45, .rate = .15}));
  EXPECT_THAT(steps.runs[1].points, IsEmpty());
  EXPECT_THAT(steps.notes, Contains(HasSubstr("its curve")));

  const RunImport tokens = import_6nd("run,N,D,L\na,1e9,2e10,2.5\na,1e9,1e10,2.9\n");
  ASSERT_THAT(tokens.runs, SizeIs(1));
  EXPECT_EQ(first_of(tokens).loss, 2.5);
  EXPECT_THAT(tokens.runs[0].points, SizeIs(2));
}

TEST(Tables, RowsOfOneNameThatNothingOrdersNameBothLines) {
  EXPECT_THAT(complaint_of("run,N,D,L\na,1e9,2e10,2.5\nb,1,1,1\na,1e9,2e10,2.4\n", "",
                           {.convention_named = true}),
              AllOf(HasSubstr("runs.txt:4: run \"a\""), HasSubstr("line 2"), HasSubstr("--map")));
  EXPECT_THAT(
      complaint_of("run,N,D,L\na,1e9,2e10,2.5\na,2e9,3e10,2.4\n", "", {.convention_named = true}),
      HasSubstr("another number of parameters"));
}

TEST(Tables, WhatIsExportedComesBackTheSame) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> exponent(-8, 8), unit(0, 1);
  for (int round = 0; round < 40; ++round) {
    std::vector<Observation> all;
    for (int i = 0; i < 30; ++i) {
      Observation& o = all.emplace_back();
      o = {.params = 1e9 * std::pow(10, exponent(random)),
           .tokens = 1e10 * std::pow(10, exponent(random)),
           .flops = 1e20 * std::pow(10, exponent(random)),
           .loss = 1 + unit(random),
           .loss_error = unit(random) < 0.5 ? 0 : unit(random),
           .seed = static_cast<std::int64_t>(unit(random) * 100) - 50,
           .trial = round % 2 == 0 ? "" : "t\"," + std::to_string(i),
           .row = i};
      if (unit(random) < 0.5) o.budget = 1e20;
      if (round % 4 < 2) o.run = "trunk " + std::to_string(i / 3);
      if (round % 3 == 0 && unit(random) < 0.5) o.extra["experts"] = std::floor(9 * unit(random));
    }
    const RunImport read = import_table_text(observations_csv(all));
    std::vector<Observation> back;
    for (const ImportedRun& run : read.runs) back.push_back(run.observation);
    ASSERT_EQ(back, all) << "round " << round;
  }
}

TEST(Tables, ParametersOfAllRowsMayBeGivenByAFlag) {
  const RunImport read =
      import_table_text("D,L\n1e9,2.5\n2e9,2.4\n", "", {.convention_named = true, .params = 1e8});
  EXPECT_THAT(read.runs, SizeIs(2));
  EXPECT_EQ(first_of(read).params, 1e8);
  EXPECT_THAT(read.fields, Contains(Field(&FieldSource::how, "--params")));
}

TEST(Tables, AFormatThatIsNamedIsUsedOrCorrected) {
  EXPECT_EQ(import_table_text("a\tb,N,D,C,L\n1,1,2,3,4\n", "", {.format = "csv"}).format, "csv");
  EXPECT_THAT(complaint_of("N,D\n", "", {.format = "cvs"}), HasSubstr("did you mean csv"));
}

TEST(Tables, CompressedFilesSayHowToUnpackThem) {
  EXPECT_THAT(complaint_of("\x1F\x8B\x08..."), HasSubstr("gunzip"));
  EXPECT_THAT(complaint_of(std::string("PK\x03\x04...", 7)), HasSubstr("unzip"));
  EXPECT_THAT(complaint_of("PAR1....."), HasSubstr("Parquet"));
}

// Twice the rows or the nesting must not take much more than twice the time.
TEST(Tables, LargeInputsTakeTimeInProportion) {
  std::string many = "N,D,L\n";
  for (int i = 0; i < 50000; ++i) many += "1e9," + std::to_string(1000000 + i) + ",2.5\n";
  EXPECT_THAT(import_6nd(many).runs, SizeIs(50000));

  const std::string deep(1000000, '[');
  EXPECT_THAT(complaint_of(deep), HasSubstr("nested more than 64 deep"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_THAT(complaint_of(objects), HasSubstr("nested more than 64 deep"));

  std::string wide = "{\"N\":1,\"D\":2,\"L\":3";
  for (int i = 0; i < 100000; ++i) wide += ",\"k" + std::to_string(i) + "\":1";
  EXPECT_THAT(import_6nd(wide + "}").runs, SizeIs(1));

  std::string sparse;
  for (int i = 0; i < 20000; ++i) sparse += "{\"k" + std::to_string(i) + "\":1}\n";
  EXPECT_THAT(complaint_of(sparse), HasSubstr("almost no column in common"));
  EXPECT_THAT(complaint_of("{\"" + std::string(5000, 'k') + "\": 1}"),
              HasSubstr("a name of more than 1000"));
}

}  // namespace
}  // namespace isoflop
