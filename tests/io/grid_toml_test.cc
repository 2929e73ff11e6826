#include "io/grid_toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "io/hyper_json.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr const char* kDemo = R"(name = "demo"
trainer = "decoder"
[data]
corpus = "classics"
[grid]
kind = "isoflop"
flops = "exact"
budgets = [1e11, "3e11"]
params = [["3k", 6000], ["6k", "12k"]]
[trial]
"eval_windows" = 64
train.beta2 = 0.99
[trial.model]
tied_head = false
norm = "layernorm"
[axes]
"train.rate" = [1e-3, "2e-3"]
seed = [1, 2]
[bracket]
rate = 2.5
[target]
flops = "1P"
)";

// A grid that is right but for what a test changes.
std::string grid_with(const std::string& grid, const std::string& rest = "") {
  return "name = \"x\"\n[grid]\n" + grid + "\n" + rest;  // `grid` starts on line 3
}
const std::string kGood = "kind = \"tokens\"\nparams = [1000]\ntokens = [1e6]";

TEST(GridToml, ReadsEveryPart) {
  const GridSpec spec = parse_grid(kDemo, "demo.toml");
  EXPECT_EQ(spec.name, "demo");
  EXPECT_EQ(spec.corpus, "classics");
  EXPECT_EQ(spec.kind, GridKind::kIsoflop);
  EXPECT_EQ(spec.convention, FlopConvention::kExact);
  EXPECT_THAT(spec.budgets, ElementsAre(1e11, 3e11));
  EXPECT_THAT(spec.sizes, ElementsAre(ElementsAre(3000, 6000), ElementsAre(6000, 12000)));
  EXPECT_THAT(spec.fixed, ElementsAre(Pair("eval_windows", "64"), Pair("model.norm", "layernorm"),
                                      Pair("model.tied_head", "false"), Pair("train.beta2", "0.99"),
                                      Pair("trainer", "decoder")));
  EXPECT_THAT(spec.axes, ElementsAre(Pair("train.rate", ElementsAre("0.001", "2e-3")),
                                     Pair("seed", ElementsAre("1", "2"))));
  EXPECT_EQ(spec.bracket, 2.5);
  EXPECT_EQ(spec.target_flops, 1e15);
}

TEST(GridToml, ReadsItsOtherKindsAndSyntheticData) {
  const GridSpec tokens = parse_grid(grid_with(kGood), "x.toml");
  EXPECT_EQ(tokens.kind, GridKind::kTokens);
  EXPECT_THAT(tokens.tokens, ElementsAre(1e6));
  EXPECT_EQ(tokens.convention, FlopConvention::k6nd);
  EXPECT_EQ(tokens.target_flops, 0);
  EXPECT_EQ(tokens.bracket, 0);
  const GridSpec ratio = parse_grid(
      grid_with("kind = \"tokens_per_param\"\nparams = [\"1k\"]\ntokens_per_param = [10, 20.5]",
                "[data]\nsource = \"zipf\"\nzipf_alpha = 0.5\nzipf_digits = 8\n"),
      "x.toml");
  EXPECT_THAT(ratio.tokens_per_param, ElementsAre(10, 20.5));
  EXPECT_THAT(ratio.fixed, ElementsAre(Pair("data.source", "zipf"), Pair("data.zipf_alpha", "0.5"),
                                       Pair("data.zipf_digits", "8")));
}

TEST(GridToml, KnowsAShortFormOfTheObjective) {
  const std::string grid = "[grid]\n" + kGood + "\n";
  const GridSpec spec = parse_grid("name = \"x\"\nobjective = \"masked\"\n" + grid, "x.toml");
  EXPECT_THAT(spec.fixed, ElementsAre(Pair("model.objective", "masked")));
  EXPECT_EQ(parse_grid(grid_toml(spec), "again"), spec);
  EXPECT_EQ(parse_grid(grid_with(kGood, "[trial]\nobjective = \"masked\"\n"), "x.toml"), spec);
  EXPECT_THROW(parse_grid("name = \"x\"\nobjective = \"causal\"\n" + grid, "x.toml"), Error);
}

TEST(GridToml, ReadsBackWhatItWrites) {
  const std::vector<std::string> texts = {
      kDemo,
      grid_with(kGood),
      grid_with("kind = \"isoflop\"\nbudgets = [123456789012345.678]\nparams = [1e3, 333.3]",
                "[axes]\ntrain.schedule = [\"cosine\"]\n\"train.batch\" = [4, 8]\nmodel.qk_norm = "
                "[true, false]\n"),
      "name = \"quo\\\"te \\\\ \\u0001 \xC3\xA9\"\ntrainer = \"tabular\"\n[grid]\n" + kGood +
          "\n[data]\nsource = \"zipf\"\nzipf_noise = 1e-7\n[trial]\ntrain.rate = \"1k\"\nseed = "
          "\"007\"\n"
          "train.dtype = \"a b\"\n[target]\nflops = 5.76e23\n",
  };
  for (const std::string& text : texts) {
    const GridSpec spec = parse_grid(text, "a.toml");
    const std::string written = grid_toml(spec);
    EXPECT_EQ(parse_grid(written, "b.toml"), spec) << written;
    EXPECT_EQ(grid_toml(parse_grid(written, "b.toml")), written);
  }
}

TEST(GridToml, NamesFileLineAndKeyOfWhatIsMalformed) {
  struct Case {
    std::string text;
    std::vector<std::string> said;
  };
  const auto good_but = [](const std::string& rest) { return grid_with(kGood, rest); };  // line 6
  const std::vector<Case> cases = {
      {"name = ", {"x.toml:1: is not TOML"}},
      {"name = \"a\"\nname = \"b\"", {"x.toml:2: is not TOML"}},
      {"[grid]\nkind = 1", {"x.toml:1: name: is missing"}},
      {"name = 3", {"x.toml:1: name: must be a text"}},
      {"name = \"\"", {"name: is empty"}},
      {"name = \"x\"", {"grid: is missing"}},
      {"name = \"x\"\ngrid = 3", {"x.toml:2: grid: must be a table"}},
      {"name = \"x\"\n[gird]\n", {"x.toml:2: gird: is not a key of a sweep", "did you mean grid?"}},
      {grid_with("budget = [1]"), {"x.toml:3: grid.budget:", "did you mean budgets?"}},
      {grid_with("kind = \"circle\""), {"x.toml:3: grid.kind: \"circle\"", "give isoflop"}},
      {grid_with("params = [1]"), {"x.toml:2: grid.kind: is missing"}},
      {grid_with("kind = \"isoflop\"\nflops = \"7nd\""), {"x.toml:4: grid.flops:", "7nd"}},
      {grid_with("kind = \"isoflop\"\nparams = [1]"), {"grid.budgets: is missing"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [1e9]"), {"grid.params: is missing"}},
      {grid_with("kind = \"isoflop\"\nbudgets = []\nparams = [1]"),
       {"x.toml:4: grid.budgets: is an empty list"}},
      {grid_with("kind = \"isoflop\"\nbudgets = 1e9\nparams = [1]"),
       {"x.toml:4: grid.budgets: must be a list"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [true]\nparams = [1]"),
       {"x.toml:4: grid.budgets: must be a number"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [\"lots\"]\nparams = [1]"),
       {"\"lots\" is not a number"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [nan]\nparams = [1]"),
       {"x.toml:4: grid.budgets: is not finite"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [1e9,\n0]\nparams = [1]"),
       {"x.toml:5: grid.budgets: 0 is not above 0"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [1e9, \"1G\"]\nparams = [1]"), {"is listed twice"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [1e9]\nparams = [[1], [2]]"),
       {"x.toml:5: grid.params: has 2 lists", "1 budgets"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [1e9]\nparams = [[1], 2]"),
       {"mixes numbers and lists"}},
      {grid_with("kind = \"isoflop\"\nbudgets = [1e9, 2e9]\nparams = [[1], []]"),
       {"grid.params: is an empty list"}},
      {grid_with("kind = \"tokens\"\ntokens = [1]\nparams = [[1]]"), {"has 1 lists"}},
      {good_but("budgets = [1]"), {"x.toml:6: grid.budgets: does not belong"}},
      {good_but("tokens_per_param = [1]"), {"x.toml:6: grid.tokens_per_param: does not belong"}},
      {good_but("[trial]\ntrain.beta3 = 1"),
       {"x.toml:7: trial key: \"train.beta3\"", "did you mean train.beta"}},
      {good_but("[trial.train]\n\nbeta2 = \"x\""), {"x.toml:8: ", "train.beta2"}},
      {good_but("[trial]\nseed = [1, 2]"), {"x.toml:7: seed: is a list", "[axes]"}},
      {good_but("[trial]\nseed = 1.5"), {"x.toml:7: seed: \"1.5\" is not valid"}},
      {good_but("[trial]\nseed = 1979-05-27"), {"x.toml:7: seed: must be a number"}},
      {good_but("[trial]\ntrain.tokens = 5"), {"x.toml:7: train.tokens: is set by the grid"}},
      {good_but("[axes]\ntabular_params = [5]"), {"x.toml:7: tabular_params: is set by the grid"}},
      {good_but("[trial]\n\"train.rate\" = 1\ntrain.rate = 2"),
       {"x.toml:8: ", "train.rate is set twice"}},
      {good_but("[trial]\nseed = 1\n[axes]\nseed = [1]"), {"x.toml:9: seed: seed is set twice"}},
      {good_but("[axes]\nseed = 1"), {"x.toml:7: seed: must be a list"}},
      {good_but("[axes]\nseed = []"), {"x.toml:7: seed: is an empty list"}},
      {good_but("[axes]\nseed = [1,\n1]"), {"x.toml:8: seed: 1 is listed twice"}},
      {good_but("[axes]\nsed = [1]"), {"x.toml:7: trial key: \"sed\"", "did you mean seed?"}},
      {good_but("[axes]\nseed = [[1]]"), {"x.toml:7: seed: is a list"}},
      {good_but("[data]\ncorpuss = \"x\""), {"x.toml:7: data.corpuss:", "did you mean corpus?"}},
      {good_but("[data]\ncorpus = 3"), {"x.toml:7: corpus: must be a text"}},
      {good_but("[data]\nsource = \"zipf\"\ncorpus = \"x\""),
       {"x.toml:6: data: source \"zipf\" needs no corpus"}},
      {good_but("[bracket]"), {"x.toml:6: bracket.rate: is missing"}},
      {good_but("[bracket]\nrates = 2"), {"x.toml:7: bracket.rates:", "did you mean rate?"}},
      {good_but("[bracket]\nrate = 1"), {"x.toml:7: bracket.rate: 1 is not above 1"}},
      {good_but("[bracket]\nrate = \"twice\""), {"x.toml:7: bracket.rate: \"twice\""}},
      {good_but("[bracket]\nbatch = 1"), {"x.toml:7: bracket.batch: 1 is not above 1"}},
      {good_but("[rates]\nlow = 1"), {"x.toml:7: rates.low:", "did you mean law?"}},
      {good_but("[rates]"), {"x.toml:6: rates.law: is missing"}},
      {good_but("[rates]\nlaw = \"stepflaw\""),
       {"x.toml:7: rates.law: law of rates: stepflaw", "known are steplaw"}},
      {good_but("[rates]\nlaw = \"gone.json\""), {"x.toml:7: rates.law:", "gone.json"}},
      {good_but("[rates]\nlaw = \"a\"\nrate = [1, 2]"),
       {"x.toml:8: rates.rate: must be [c, n, d, e]"}},
      {good_but("[rates]\nlaw = \"a\"\nrate = [1, -0.5, 0, 0]\ncounted = \"some\""),
       {"x.toml:9: rates.counted:", "non-embedding"}},
      {good_but("[rates]\nlaw = \"steplaw\"\ncounted = \"all\""),
       {"x.toml:8: rates.counted: belongs to a law that is given in numbers", "steplaw"}},
      {good_but("[rates]\nlaw = \"steplaw\"\nwarmup_per_param = 3"),
       {"x.toml:8: rates.warmup_per_param: belongs"}},
      {good_but("[rates]\nlaw = \"a\"\nrate = [1, -0.5, 0, 0]\nparams = [3, 2]"),
       {"x.toml:9: rates.params: must be [low, high]"}},
      {good_but("[target]\nflop = 1"), {"x.toml:7: target.flop:", "did you mean flops?"}},
      {good_but("[target]\nflops = -1"), {"x.toml:7: target.flops: -1 is not above 0"}},
      {"trainer = 3\n" + good_but("[trial]\ntrainer = \"tabular\""),
       {"x.toml:8: trainer: trainer is set twice"}},
  };
  for (const Case& c : cases) {
    try {
      parse_grid(c.text, "x.toml");
      ADD_FAILURE() << "was accepted:\n" << c.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      for (const std::string& said : c.said) EXPECT_THAT(error.what(), HasSubstr(said)) << c.text;
    }
  }
}

TEST(GridToml, NamesTheFileThatIsMissing) {
  EXPECT_THAT(message_of<Error>([] { read_grid("/no/such/sweep.toml"); }),
              HasSubstr("/no/such/sweep.toml"));
  const TempFolder folder;
  EXPECT_EQ(read_grid(folder.write("a.toml", kDemo)).name, "demo");
}

TEST(GridToml, EpochsAreAnAxisThatIsNoTrialsKey) {
  const GridSpec spec = parse_grid(grid_with(kGood, "[axes]\nepochs = [1, 2.5, \"16\"]\n"), "g");
  EXPECT_THAT(spec.axes, ElementsAre(Pair("epochs", ElementsAre("1", "2.5", "16"))));
  EXPECT_EQ(parse_grid(grid_toml(spec), "again"), spec);
  const auto said = [](const std::string& rest) {
    return message_of<Error>([&] { parse_grid(grid_with(kGood, rest), "g"); });
  };
  EXPECT_THAT(said("[axes]\nepochs = [0.5]"), HasSubstr("g:7: epochs: 0.5 is less than one pass"));
  EXPECT_THAT(said("[axes]\nepochs = [4, 4]"), HasSubstr("listed twice"));
  EXPECT_THAT(said("[trial]\nepochs = 4"), HasSubstr("epochs"));
}

TEST(GridToml, RatesAreALawByItsNameOrByItsFile) {
  const GridSpec named = parse_grid(grid_with(kGood, "[rates]\nlaw = \"steplaw\""), "x.toml");
  ASSERT_TRUE(named.rates);
  EXPECT_EQ(named.rates->name, "steplaw");
  EXPECT_EQ(named.rates->counted, CountedParams::kNonEmbedding);
  EXPECT_EQ(named.rates->rate->power.params, -0.713);
  EXPECT_EQ(named.rates->params, (HyperRange{60e6, 1.1e9}));
  // Written in numbers: a law's file may move, and draws have no use in a grid.
  EXPECT_EQ(parse_grid(grid_toml(named), "y.toml"), named);
  const TempFolder folder;
  HyperLaw own{.name = "own",
               .params = {1e5, 3e6},
               .tokens = {0, 1e9},
               .flops = {1e12, 1e15},
               .tokens_per_param = {20, 40},
               .warmup_per_param = 2};
  own.rate = HyperTerm{.power = {.coefficient = 0.3, .params = -0.4, .tokens = 0.1}};
  own.rate->draws = {own.rate->power};
  const std::string file = folder.write("law.json", hyper_law_json(own));
  const GridSpec fitted = parse_grid(grid_with(kGood, "[rates]\nlaw = '" + file + "'"), "x.toml");
  own.rate->draws.clear();
  EXPECT_EQ(*fitted.rates, own);
  EXPECT_EQ(parse_grid(grid_toml(fitted), "y.toml"), fitted);
}

TEST(GridToml, ABracketMayBeOfBatchesAlone) {
  const GridSpec spec = parse_grid(grid_with(kGood, "[bracket]\nbatch = 2"), "x.toml");
  EXPECT_EQ(spec.bracket, 0);
  EXPECT_EQ(spec.batch_bracket, 2);
  EXPECT_EQ(parse_grid(grid_toml(spec), "y.toml"), spec);
}

}  // namespace
}  // namespace isoflop
