// Mixtures of corpora through the program: mixed, described, refused, trained on.
#include <cmath>
#include <random>
#include <tuple>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

class Mix : public ProgramTest {
 protected:
  // A corpus of random lines in an alphabet of its own; `easy` ones repeat a word.
  void prepare(const std::string& name, size_t bytes, char first_letter, bool easy = false) const {
    std::mt19937 random(static_cast<unsigned>(first_letter));
    std::string text;
    while (text.size() < bytes) {
      if (easy) {
        text += std::string(7, first_letter) + '\n';
      } else {
        text += static_cast<char>(first_letter + random() % 10);
      }
    }
    write(name + ".txt", text);
    const Ran ran = run("data prepare " + name + ".txt --out corpora/" + name);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  void prepare_three() const {
    prepare("web", 120000, 'a');
    prepare("code", 60000, 'A');
    prepare("books", 40000, '0', true);
  }
};

TEST_F(Mix, WritesAManifestThatNamesItsPartsAndSaysHowLongTheyLast) {
  prepare_three();
  const Ran mixed = run("data mix books=1 web=5 code=4 --out corpora/mixed");
  ASSERT_EQ(mixed.code, 0) << mixed.err;
  EXPECT_NE(mixed.out.find("mixture \"mixed\" of 3 corpora"), std::string::npos) << mixed.out;
  EXPECT_NE(mixed.out.find("before \"code\" repeats"), std::string::npos) << mixed.out;
  EXPECT_EQ(run("data info mixed").out, mixed.out);
  const auto json = run("data info mixed --json").json();
  ASSERT_EQ(json["parts"].size(), 3u);
  EXPECT_EQ(json["parts"][0]["name"], "web");
  EXPECT_EQ(json["parts"][0]["weight"], 0.5);
  EXPECT_EQ(json["parts"][0]["dir"], "../web");
  EXPECT_FALSE(json.contains("tokens"));
}

TEST_F(Mix, MovesWithItsPartsAndSaysWhichIsGone) {
  prepare_three();
  ASSERT_EQ(run("data mix web=0.7 code=0.3 --out corpora/mixed").code, 0) << read("err.txt");
  std::filesystem::rename(dir_ / "corpora", dir_ / "moved");
  const Ran moved = run("data info moved/mixed");
  EXPECT_EQ(moved.code, 0) << moved.err;
  std::filesystem::remove_all(dir_ / "moved" / "code");
  const Ran gone = run("data info moved/mixed");
  EXPECT_EQ(gone.code, 1);
  EXPECT_NE(gone.err.find("part \"code\""), std::string::npos) << gone.err;
}

TEST_F(Mix, AnswersWrongCommandLinesWithACodeAndAWayOut) {
  prepare_three();
  ASSERT_EQ(run("data mix web=0.7 code=0.3 --out corpora/mixed").code, 0) << read("err.txt");
  const std::tuple<const char*, int, const char*> wrongs[] = {
      {"data mix", 2, "part"},
      {"data mix web=1 --out new", 2, "at least two"},
      {"data mix web code=1 --out new", 2, "web=0.7"},
      {"data mix web=much code=1 --out new", 2, "much"},
      {"data mix web=0 code=1 --out new", 2, "above 0"},
      {"data mix web=1 nowhere=1 --out new", 1, "data prepare"},
      {"data mix web=1 mixed=2 --out new", 2, "itself a mixture"},
      {"data mix web=1 code=1 --out corpora/mixed", 2, "holds a corpus already"},
  };
  for (const auto& [arguments, code, says] : wrongs) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.code, code) << arguments << "\n" << ran.err;
    EXPECT_NE(ran.err.find(says), std::string::npos) << arguments << "\n" << ran.err;
    EXPECT_EQ(ran.out, "") << arguments;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "new"));
}

constexpr const char* kMixedGrid = R"(name = "mixed"
[data]
corpus = "mixed"
[grid]
kind = "tokens"
tokens = [TOKENS]
params = ["6k"]
[trial]
model.context = 32
model.vocab = 256
eval_windows = 60
)";

std::string grid_of(const std::string& tokens, const std::string& more = "") {
  std::string grid = kMixedGrid;
  grid.replace(grid.find("TOKENS"), 6, tokens);
  return grid + more;
}

TEST_F(Mix, ASweepMayBeAsLongAsTheFirstPartLastsOrAsManyEpochsAsItAllows) {
  prepare_three();
  // books, 40,000 bytes of which some are held out, is a quarter: repeats before 160,000.
  ASSERT_EQ(run("data mix web=0.5 code=0.25 books=0.25 --out corpora/mixed").code, 0)
      << read("err.txt");
  write("fits.toml", grid_of("120e3"));
  EXPECT_EQ(run("sweep run fits.toml --dry-run").code, 0) << read("err.txt");
  write("long.toml", grid_of("161e3"));
  const Ran refused = run("sweep run long.toml --dry-run");
  EXPECT_EQ(refused.code, 2) << refused.out;
  EXPECT_NE(refused.err.find("token"), std::string::npos) << refused.err;
  write("twice.toml", grid_of("240e3", "data.epochs = 2\n"));
  EXPECT_EQ(run("sweep run twice.toml --dry-run").code, 0) << read("err.txt");
}

#ifdef ISOFLOP_TEST_HAS_TORCH

TEST_F(Mix, TrainingOnItGivesTheLossOfTheWholeAndOfEveryPart) {
  prepare_three();
  ASSERT_EQ(run("data mix web=0.5 code=0.3 books=0.2 --out corpora/mixed").code, 0)
      << read("err.txt");
  const Ran ran = run(
      "train --corpus mixed --params 20k --tokens 200k --set model.context=32 --set data.epochs=2 "
      "--set eval_windows=60 --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto trained = ran.json();
  const double web = trained["sets"]["heldout:web"]["loss"],
               code = trained["sets"]["heldout:code"]["loss"],
               books = trained["sets"]["heldout:books"]["loss"];
  // 60 windows in these shares: 30, 18 and 12, so that the plain mean is exact but for rounding.
  EXPECT_NEAR(trained["loss"], 0.5 * web + 0.3 * code + 0.2 * books, 1e-12);
  EXPECT_NEAR(trained["bits_per_byte"], trained["loss"].get<double>() / std::log(2), 1e-12);
  // books repeats one line: all but known. The others are one of ten letters each, ln 10 nats.
  EXPECT_LT(books, 0.5);
  EXPECT_GT(web, 2.2);
  EXPECT_GT(code, 2.2);
  EXPECT_GT(trained["epochs"], 1);  // 40k of the 200k are books', which has some 37k
  EXPECT_LT(trained["epochs"], 2);
  EXPECT_LT(trained["unique_tokens"], trained["tokens"]);
}

TEST_F(Mix, AFitCanBeAskedForOnePartsLoss) {
  prepare_three();
  ASSERT_EQ(run("data mix web=0.5 code=0.3 books=0.2 --out corpora/mixed").code, 0)
      << read("err.txt");
  write("grid.toml", grid_of("20e3"));
  ASSERT_EQ(run("sweep run grid.toml --db runs.db").code, 0) << read("err.txt");
  const Ran part = run("fit --db runs.db --heldout heldout:web");
  EXPECT_NE(part.err.find("too_few"), std::string::npos) << "one point is found:\n" << part.err;
  const Ran none = run("fit --db runs.db --heldout heldout:radio");
  EXPECT_NE(none.err.find("no finished trial with a loss on \"heldout:radio\""), std::string::npos)
      << none.err;
}

#endif

}  // namespace
}  // namespace isoflop
