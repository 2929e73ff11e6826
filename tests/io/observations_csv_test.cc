#include "io/observations_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ObservationTable read(const std::string& text, const std::string& map = "",
                      FlopConvention convention = FlopConvention::k6nd) {
  return observations_from(parse_csv(text, "runs.csv"), "runs.csv", parse_column_map(map),
                           convention);
}

TEST(ObservationsCsv, RecognisesUsualNamesAndSuffixes) {
  const auto table =
      read("Model Size,D,C,Loss,extra\n2.8B,57B, 9.6e20 ,2.5,x\n70M,1.4e9,6e17,3.25,y\n");
  ASSERT_EQ(table.observations.size(), 2u);
  const Observation& first = table.observations[0];
  EXPECT_EQ(first.params, 2.8e9);
  EXPECT_EQ(first.tokens, 57e9);
  EXPECT_EQ(first.flops, 9.6e20);
  EXPECT_EQ(first.loss, 2.5);
  EXPECT_EQ(first.row, 0);
  EXPECT_FALSE(first.budget.has_value());
  EXPECT_EQ(table.observations[1].row, 1);
  EXPECT_THAT(table.notes, IsEmpty());
  EXPECT_EQ(table.columns.params, "Model Size");
}

TEST(ObservationsCsv, ReadsColumnsAsMapped) {
  const auto table = read("a,b,c,d,e,f\n1M,20M,3.5,1e14,7,x\n1M,20M,3.5,,,\n",
                          "params=a,tokens=b,loss=c,budget=d,seed=e,trial=f");
  const Observation& o = table.observations[0];
  EXPECT_EQ(o.budget, 1e14);
  EXPECT_EQ(o.seed, 7);
  EXPECT_EQ(o.trial, "x");
  EXPECT_EQ(o.flops, 6 * 1e6 * 20e6);
  EXPECT_THAT(table.notes, ElementsAre(HasSubstr("C = 6 N D")));
  EXPECT_FALSE(table.observations[1].budget.has_value());
  EXPECT_EQ(table.observations[1].seed, 0);
}

TEST(ObservationsCsv, DerivesTokensUnder6ndOnlyAndSaysSo) {
  const std::string text = "N,C,L\n1e9,1.2e20,2.5\n";
  const auto table = read(text);
  EXPECT_EQ(table.observations[0].tokens, 2e10);
  EXPECT_THAT(table.notes, ElementsAre(HasSubstr("D = C / (6 N)")));
  EXPECT_THAT(message_of<Error>([&] { read(text, "", FlopConvention::kExact); }),
              HasSubstr("under exact they do not follow"));
}

TEST(ObservationsCsv, DerivesFromWhatATokenPassesThrough) {
  const auto tokens = read("N,active_params,C,L\n4e9,1e9,1.2e20,2.5\n1e9,,1.2e20,2.5\n");
  EXPECT_EQ(tokens.observations[0].tokens, 2e10);
  EXPECT_EQ(tokens.observations[1].tokens, 2e10) << "a row that does not say it is dense";
  EXPECT_THAT(tokens.notes, ElementsAre(HasSubstr("N active_params")));
  const Table table = parse_csv("N,active_params,D,L\n4e9,1e9,2e10,2.5\n", "x");
  EXPECT_EQ(observations_from(table, "x").observations[0].flops, 1.2e20);
  const auto aliases = alias_cells(table, "x");
  EXPECT_THAT(aliases, ::testing::Contains(
                           std::pair<std::string, std::vector<std::string>>("C", {"1.2e+20"})));
}

TEST(ObservationsCsv, FindsTheFlopsOfTheConvention) {
  const std::string text = "N,D,flops_6nd,flops_exact,L\n1e9,2e10,1.2e20,1.5e20,2.5\n";
  EXPECT_EQ(read(text).observations[0].flops, 1.2e20);
  EXPECT_THAT(read(text).notes, IsEmpty());
  EXPECT_EQ(read(text, "", FlopConvention::kExact).observations[0].flops, 1.5e20);
  EXPECT_EQ(read(text, "", FlopConvention::kExact).observations[0].extra.at("exact_flops"), 1.5e20);
  EXPECT_EQ(read(text, "flops=flops_exact").observations[0].flops, 1.5e20);
}

TEST(ObservationsCsv, ReadsBackWhatItWrites) {
  const std::vector<Observation> all = {
      {.params = 1.0 / 3 * 1e9,
       .tokens = 2e10,
       .flops = 1.3e20,
       .loss = 2.123456789012345,
       .loss_error = 1e-3,
       .budget = 1e20,
       .seed = -4,
       .trial = "a,b",
       .row = 0},
      {.params = 1e7, .tokens = 2e8, .flops = 1.3e16, .loss = 3.5, .row = 1}};
  const auto table = observations_from(parse_csv(observations_csv(all), "x"), "x");
  EXPECT_EQ(table.observations, all);
  EXPECT_THAT(table.notes, IsEmpty());
}

TEST(ObservationsCsv, NamesFileLineAndColumnOfWhatIsMalformed) {
  struct Case {
    std::string text, map, said;
  };
  const std::vector<Case> cases = {
      {"N,D,L\n1,2,3\n\n1,2,\n", "", "runs.csv:4: L: \"\" is empty"},
      {"N,D,L\n1,2,nan\n", "", "runs.csv:2: L: \"nan\" is not a finite number"},
      {"N,D,L\n1,inf,3\n", "", "runs.csv:2: D: \"inf\" is not a finite number"},
      {"N,D,L\n1,1e400,3\n", "", "runs.csv:2: D: \"1e400\" is beyond what a number can hold"},
      {"N,D,L\n1,2,1e-400\n", "", "runs.csv:2: L: \"1e-400\" is beyond what a number can hold"},
      {"N,D,L\n\"1,000,000\",2,3\n", "", "runs.csv:2: N: \"1,000,000\" has thousands separators"},
      {"N,D,L\n1 000,2,3\n", "", "runs.csv:2: N: \"1 000\" has thousands separators"},
      {"N,D,L\n1,2,\"3,52\"\n", "", "runs.csv:2: L: \"3,52\" has a decimal comma"},
      {"N,D,L\n1,2,3\n4,5", "",
       "runs.csv:3: has 2 cells, but there are 3 columns: is the file cut"},
      {"N,D,L\n1,2,3\n4,5\n6,7,8\n", "", "runs.csv:3: has 2 cells, but there are 3 columns"},
      {"N;D;L\n1;2;3,5\n", "", "runs.csv:1: the columns are separated by semicolons"},
      {"N\tD\tL\n1\t2\t3\n", "", "runs.csv:1: the columns are separated by tabs"},
      {"\xFF\xFEN,D", "", "UTF-16"},
      {"N,D,L,experts\n1,2,3,-8\n", "", "runs.csv:2: experts: \"-8\" must not be negative"},
      {"N,D,L,score\n1,2,3,high\n", "", "runs.csv:2: score: \"high\" is not a finite number"},
      {"N,D,L\nsmall,2,3\n", "", "runs.csv:2: N: \"small\" is not"},
      {"N,D,L\n0,2,3\n", "", "runs.csv:2: N: \"0\" must be above 0"},
      {"N,D,L\n1,-2,3\n", "", "runs.csv:2: D: \"-2\" must be above 0"},
      {"N,D,L,seed\n1,2,3,1.5\n", "", "runs.csv:2: seed: \"1.5\" is not a whole number"},
      {"N,D,L,budget\n1,2,3,-1\n", "", "must not be negative"},
      {"N,D,L\n", "", "has columns but no rows"},
      {"x,D,L\n1,2,3\n", "", "no column holds parameters (columns: x, D, L)"},
      {"N,D,x\n1,2,3\n", "", "no column holds losses"},
      {"N,L\n1,2\n", "", "no column holds tokens or FLOPs"},
      {"N,params,D,L\n1,1,2,3\n", "", "params: could be any of N, params"},
      {"N,D,Los\n1,2,3\n", "loss=Loss", "no column \"Loss\": did you mean Los?"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(message_of<Error>([&] { read(c.text, c.map); }), HasSubstr(c.said)) << c.text;
  }
}

TEST(ObservationsCsv, ReadsRunsAndFurtherCoordinatesAndWritesThemBack) {
  const auto table = read(
      "params_N,tokens_D,val_loss,unique_tokens_U,run_name,num_experts,bits\n"
      "1e9,2e10,3,1e10,a-1,,4\n1e9,4e10,2.9,1e10,a-1,8,4\n",
      "weight_bits=bits");
  const Observation& first = table.observations[0];
  EXPECT_EQ(first.run, "a-1");
  EXPECT_EQ(first.extra,
            (std::map<std::string, double>{{"unique_tokens", 1e10}, {"weight_bits", 4}}))
      << "an empty cell says nothing";
  EXPECT_EQ(table.observations[1].extra.at("experts"), 8);
  EXPECT_EQ(table.columns.extra.at("unique_tokens"), "unique_tokens_U");
  const auto again = observations_from(parse_csv(observations_csv(table.observations), "x"), "x");
  EXPECT_EQ(again.observations, table.observations);
}

TEST(ObservationsCsv, ReadsOnlyTheRowsItIsToldAndKeepsTheirNumbers) {
  const Table table = parse_csv("N,D,L\n1,2,3\n4,bad,6\n7,8,9\n", "runs.csv");
  const auto read = observations_from(table, "runs.csv", {}, FlopConvention::k6nd, {{0, 2}});
  ASSERT_EQ(read.observations.size(), 2u);
  EXPECT_EQ(read.observations[1].row, 2);
  EXPECT_EQ(read.observations[1].params, 7);
}

TEST(ObservationsCsv, HasALossColumnForEachThatTheMapNames) {
  const ColumnMap map = parse_column_map("loss=c4,loss=pile,params=N");
  EXPECT_THAT(map.more_losses, ElementsAre("pile"));
  const std::vector<ColumnMap> maps = one_loss_each(map);
  ASSERT_EQ(maps.size(), 2u);
  const Table table = parse_csv("N,D,c4,pile\n1,2,3,4\n", "x");
  EXPECT_EQ(observations_from(table, "x", maps[0]).observations[0].loss, 3);
  EXPECT_EQ(observations_from(table, "x", maps[1]).observations[0].loss, 4);
  EXPECT_EQ(one_loss_each({}).size(), 1u);
}

TEST(ObservationsCsv, OffersShortNamesForConditions) {
  const Table table = parse_csv("Model Size,C,val_loss\n1B,1.2e20,3\n?,1e20,4\n", "x");
  std::map<std::string, std::vector<std::string>> aliases;
  for (const auto& [name, cells] : alias_cells(table, "x")) aliases[name] = cells;
  EXPECT_THAT(aliases["N"], ElementsAre("1B", "?"));
  EXPECT_THAT(aliases["tokens"], ElementsAre("2e+10", ""));
  EXPECT_THAT(aliases["L"], ElementsAre("3", "4"));
  EXPECT_FALSE(aliases.contains("C")) << "the table has one";
  EXPECT_TRUE(aliases.contains("flops"));
}

TEST(ColumnMap, IsReadWithSuggestions) {
  const ColumnMap map = parse_column_map("params=N, tokens = Training Tokens ,loss=L");
  EXPECT_EQ(map, (ColumnMap{.params = "N", .tokens = "Training Tokens", .loss = "L"}));
  EXPECT_EQ(parse_column_map(""), ColumnMap{});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"parms=N", "did you mean params?"},    {"colour=N", "is not a field: give params"},
      {"params", "is not field=column"},      {"params=", "is not field=column"},
      {"params=a,params=b", "given twice"},   {"loss=a,loss=a", "given twice"},
      {"experts=a,experts=b", "given twice"}, {"params=N,,loss=L", "is not field=column"},
  };
  for (const auto& [text, said] : cases) {
    EXPECT_THAT(message_of<Error>([&] { parse_column_map(text); }), HasSubstr(said)) << text;
  }
}

TEST(ObservationsCsv, ReadsPublishedTables) {
  const std::string folder = std::string(ISOFLOP_SOURCE_DIR) + "/../shared/data/";
  const std::string chinchilla =
      folder + "epoch-research_analyzing-chinchilla/svg_extracted_data.csv";
  if (!std::filesystem::exists(chinchilla))
    GTEST_SKIP() << "published tables are not beside this checkout";
  const auto epoch = read_observations(chinchilla);
  EXPECT_EQ(epoch.observations.size(),
            245u);  // the points Besiroglu et al. 2024 took off the figure
  EXPECT_THAT(epoch.notes, ElementsAre(HasSubstr("D = C / (6 N)")));
  const auto porian = read_observations(
      folder + "formll_resolving-scaling-law-discrepancies/porian_isoflop_points.csv");
  EXPECT_GT(porian.observations.size(), 100u);
  EXPECT_THAT(porian.notes, IsEmpty());
}

}  // namespace
}  // namespace isoflop
