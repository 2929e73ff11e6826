// Every command in the documents is run, in order, in one folder a document, and what the documents
// quote of the output has to be there: a document that is no longer true fails.
//
//   ```sh        every line is run by a shell that finds `isoflop`; "# exit 3" at its end is its
//                code
//   ```text      lines that the commands above it (since the last text block) printed, as they
//                stand; a line of "..." stands for any
//   ```python    is run by python3, as what a first line of "# NAME.py" calls it; its output may be
//                quoted too
//   ```csv NAME  is written into the file NAME, as is any other block with a name
//
// The folder has what a reader has: the tree's examples/, and files of their own
// (given_files.py). What is not run here stands in kNotRun with the reason; a command of the
// program anywhere else is an error, and so is a verb or a flag in the running text that does not
// exist.
#include <gmock/gmock.h>
#include <map>
#include <regex>
#include <set>

#include "tests/app/markdown.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

enum class When { kNever, kWithLibTorch };

struct NotRun {
  const char* document;
  const char* begins;  // of the command
  When when;
  const char* why;
};

// clang-format off
const NotRun kNotRun[] = {
    {"README.md", "./scripts/demo", When::kNever, "installs packages, builds, trains for minutes"},
    {"README.md", "./scripts/test", When::kNever, "runs this test"},
    {"README.md", "isoflop sweep run examples/demo.toml --corpus corpora/mine --db runs.db", When::kNever,
     "trains 20 models for minutes; decoder_sweep_test.cc does so in small"},
    {"README.md", "isoflop sweep run examples/masked.toml", When::kNever, "minutes of training"},
    {"README.md", "isoflop sweep run examples/sparse.toml", When::kNever, "minutes of training"},
    {"README.md", "isoflop sweep run examples/repeats.toml", When::kNever, "minutes of training"},
    {"README.md", "isoflop sweep watch", When::kNever, "serves until it is stopped"},
    {"README.md", "isoflop sweep slurm", When::kNever, "needs Slurm; tests/cluster"},
    {"CONTRIBUTING.md", "./scripts/", When::kNever, "installs packages, runs this test"},
    {"CONTRIBUTING.md", "cmake", When::kNever, "builds the tree"},
    {"docs/chinchilla_vs_gopher.md", "isoflop reproduce table2 --csv points.csv", When::kNever,
     "the points are not in the tree; tests/report has them where they are"},
    {"docs/chinchilla_vs_gopher.md", "isoflop sweep run examples/chinchilla_vs_gopher.toml", When::kNever,
     "three to seven minutes of training"},
    {"docs/chinchilla_vs_gopher.md", "isoflop compare --db cvg.db", When::kNever, "of that training"},
    {"docs/cli.md", "isoflop ", When::kNever, "written by isoflop man --md; words_test.cc holds it to the program"},
    {"docs/cluster.md", "isoflop sweep slurm", When::kNever, "needs Slurm; tests/cluster"},
    {"docs/cluster.md", "isoflop sweep collect /shared/zipf", When::kNever, "of that submission"},
    {"docs/cluster.md", "isoflop sweep status --db runs.db", When::kNever, "of that submission"},
    {"docs/cluster.md", "bsub ", When::kNever, "needs LSF"},
    {"docs/cluster.md", "echo ", When::kNever, "needs PBS"},
    {"docs/cluster.md", "for k in", When::kNever, "needs four hosts"},
    {"docs/comparison.md", "bench/peers", When::kNever, "installs Python packages, minutes"},
    {"docs/data.md", "isoflop data info corpora/classics4k", When::kNever, "shows a corpus of 21 MB"},
    {"docs/design.md", "isoflop ", When::kNever, "a table of the verbs, no commands"},
    {"docs/sparse.md", "isoflop sweep run examples/", When::kNever, "minutes of training"},
    {"docs/sparse.md", "isoflop fit --db sparse.db", When::kNever, "of that training"},
    {"docs/sparse.md", "isoflop sweep export --db sparse.db", When::kNever, "of that training"},
    {"docs/sparse.md", "isoflop fit --db experts.db", When::kNever, "of that training; kinds_test.cc fits and plans from a store like it"},
    {"docs/sparse.md", "isoflop plan --flops 2e11 --fit experts.json", When::kNever, "of that training"},
    {"docs/sparse.md", "isoflop train", When::kWithLibTorch, "trains a decoder"},
    {"docs/masked.md", "isoflop sweep run examples/masked.toml", When::kNever, "trains for minutes; masked_sweep_test.cc does so in small"},
    {"docs/masked.md", "isoflop fit --db masked.db", When::kNever, "of that training"},
    {"docs/masked.md", "isoflop train", When::kWithLibTorch, "trains a model"},
    {"docs/many_gpus.md", "torchrun", When::kNever, "needs two hosts with GPUs"},
    {"docs/many_gpus.md", "srun", When::kNever, "needs Slurm and GPUs; tests/cluster/slurm_ranks.py"},
    {"docs/many_gpus.md", "isoflop train", When::kWithLibTorch, "trains a decoder"},
    {"docs/repeats.md", "isoflop sweep run examples/", When::kNever, "minutes of training; kinds_test.cc does so with the tabular learner"},
    {"docs/repeats.md", "isoflop fit --db repeats.db", When::kNever, "of that training"},
    {"docs/repeats.md", "isoflop plan --flops 1e15 --fit repeats.json", When::kNever, "of that training"},
    {"docs/training.md", "isoflop train --params 20k --minutes", When::kNever, "takes five minutes"},
    {"docs/training.md", "isoflop train", When::kWithLibTorch, "trains a decoder"},
};
// clang-format on

const NotRun* not_run(const std::string& document, const std::string& command) {
  for (const NotRun& entry : kNotRun) {
    if (document == entry.document && command.rfind(entry.begins, 0) == 0) return &entry;
  }
  return nullptr;
}

bool is_skipped(const std::string& document, const std::string& command) {
  const NotRun* entry = not_run(document, command);
#ifdef ISOFLOP_TEST_HAS_TORCH
  return entry && entry->when == When::kNever;
#else
  return entry != nullptr;
#endif
}

// README.md and every Markdown file of docs/, relative to the tree's root.
std::vector<std::string> documents() {
  std::vector<std::string> names{"README.md", "CONTRIBUTING.md"};
  const fs::path root = ISOFLOP_SOURCE_DIR;
  for (const auto& entry : fs::recursive_directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") names.push_back(fs::relative(entry.path(), root));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The commands of a shell block: lines but comments, those that end with a backslash joined.
std::vector<std::string> commands_of(const CodeBlock& block) {
  std::vector<std::string> commands;
  std::string open;
  for (const std::string& line : block.lines) {
    const std::string text = open + trimmed(line);
    open.clear();
    if (text.empty() || text[0] == '#') continue;
    if (text.back() == '\\') {
      open = text.substr(0, text.size() - 1);
    } else {
      commands.push_back(text);
    }
  }
  return commands;
}

// In other blocks what looks like a command of ours: a transcript, another tool's line that calls
// us.
std::vector<std::string> look_like_commands(const CodeBlock& block) {
  static const std::regex ours(R"((^|[ ;"])(isoflop [a-z]|(\./)?scripts/[a-z]|cmake -))");
  std::vector<std::string> found;
  for (const std::string& line : block.lines) {
    std::string text = trimmed(line);
    if (text.rfind("$ ", 0) == 0) text = text.substr(2);
    if (text.empty() || text[0] == '#' || text[0] == '|') continue;
    if (std::regex_search(text, ours)) found.push_back(text);
  }
  return found;
}

bool is_typed_by_readers(const CodeBlock& block) {
  static const std::set<std::string> not_typed{"text", "python", "toml", "yaml", "json", "sql"};
  return not_typed.count(block.kind.substr(0, block.kind.find(' '))) == 0;
}

class Documents : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    fs::create_directories(dir_ / ".bin");
    fs::create_symlink(ISOFLOP_BINARY, dir_ / ".bin" / "isoflop");
    fs::copy(source("examples"), dir_ / "examples");
  }

  // Runs a document's blocks; gives the number of commands that were run.
  int follow(const std::string& document) {
    const std::string given = "python3 '" + source("tests/app/given_files.py") + "' '";
    EXPECT_EQ(shell(given + source(document) + "'"), 0) << read("err.txt");
    int commands = 0;
    std::string printed;
    bool quoted = true, skipped = false;
    for (const CodeBlock& block : code_blocks(read_source(document))) {
      if (block.kind == "sh") {
        if (quoted) printed.clear();
        skipped = skipped && !quoted;
        quoted = false;
        for (const std::string& command : commands_of(block)) {
          if (is_skipped(document, command)) {
            skipped = true;
          } else {
            run_command(document, block, command, printed);
            ++commands;
          }
        }
      } else if (block.kind == "text") {
        if (!skipped) expect_lines(document, block, printed);
        quoted = true;
      } else if (block.kind == "python") {
        run_python(document, block);
        if (quoted) printed.clear();
        quoted = false;
        printed += python_output_;
      } else if (block.kind.find(' ') != std::string::npos) {
        write(block.kind.substr(block.kind.find(' ') + 1), joined(block.lines));
      }
    }
    return commands;
  }

  int shell(const std::string& command) const {
    write(".bin/command.sh", command + "\n");
    const std::string run_it = "cd '" + dir_.string() + "' && PATH=\"$PWD/.bin:$PATH\" " +
                               "bash .bin/command.sh >out.txt 2>err.txt </dev/null";
    const int status = std::system(run_it.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string python_output_;

 private:
  static std::string place(const std::string& document, const CodeBlock& block) {
    return document + ", block at line " + std::to_string(block.line);
  }

  void run_command(const std::string& document, const CodeBlock& block, const std::string& command,
                   std::string& printed) {
    static const std::regex code(R"(# exit (\d+)$)");
    std::smatch match;
    const int expected = std::regex_search(command, match, code) ? std::stoi(match[1]) : 0;
    EXPECT_EQ(shell(command), expected) << place(document, block) << ": " << command << '\n'
                                        << read("err.txt");
    printed += read("out.txt") + read("err.txt");
  }

  static void expect_lines(const std::string& document, const CodeBlock& block,
                           const std::string& printed) {
    for (const std::string& line : block.lines) {
      if (line == "..." || line.empty()) continue;
      EXPECT_THAT(printed, ::testing::HasSubstr(line)) << place(document, block);
    }
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + '\n';
    return text;
  }

  void run_python(const std::string& document, const CodeBlock& block) {
    static const std::regex named(R"(# ([a-z_]+\.py))");
    std::smatch match;
    const std::string name =
        std::regex_match(block.lines.front(), match, named) ? match[1].str() : "script.py";
    write(name, joined(block.lines));
    EXPECT_EQ(shell("python3 " + name), 0) << place(document, block) << '\n' << read("err.txt");
    python_output_ = read("out.txt");
  }
};

class Document : public Documents, public ::testing::WithParamInterface<std::string> {};

TEST_P(Document, IsTrue) { follow(GetParam()); }

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param.substr(0, info.param.size() - 3);
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Of, Document, ::testing::ValuesIn(documents()), test_name);

TEST_F(Documents, HaveNoCommandThatIsNeitherRunNorListed) {
  for (const std::string& document : documents()) {
    for (const CodeBlock& block : code_blocks(read_source(document))) {
      if (block.kind == "sh" || !is_typed_by_readers(block)) continue;
      for (const std::string& command : look_like_commands(block)) {
        if (not_run(document, command)) continue;
        ADD_FAILURE() << document << ":" << block.line << ": " << command
                      << "\nput it into a ```sh block, or list it in kNotRun with the reason";
      }
    }
  }
}

TEST_F(Documents, EveryCommandThatIsListedAsNotRunStandsInItsDocument) {
  for (const NotRun& entry : kNotRun) {
    bool found = false;
    for (const CodeBlock& block : code_blocks(read_source(entry.document))) {
      for (const std::string& command :
           block.kind == "sh" ? commands_of(block) : look_like_commands(block)) {
        found = found || command.rfind(entry.begins, 0) == 0;
      }
    }
    EXPECT_TRUE(found) << entry.document << ": " << entry.begins;
  }
}

// "isoflop sweep run --db x | ..." -> the verbs and the long flags of its first command.
struct Mentioned {
  std::string verbs;
  std::set<std::string> flags;
};

Mentioned mentioned(const std::string& command) {
  Mentioned out;
  std::istringstream words(command);
  std::string word;
  bool in_verbs = true;
  static const std::regex verb("[a-z]+"), flag(R"((--[a-z][a-z0-9-]*).*)");
  static const std::set<std::string> groups{"data", "sweep"};
  while (words >> word && word != "isoflop") {
  }
  while (words >> word && word != "|" && word[0] != '#') {
    std::smatch match;
    if (in_verbs && std::regex_match(word, verb)) {
      out.verbs += ' ' + word;
      in_verbs = groups.count(word) > 0;
    } else if (std::regex_match(word, match, flag)) {
      out.flags.insert(match[1]);
    }
  }
  return out;
}

TEST_F(Documents, NameNoVerbAndNoFlagThatTheProgramDoesNotHave) {
  std::map<std::string, std::string> help;
  for (const std::string& document : documents()) {
    const std::string text = read_source(document);
    std::vector<std::string> commands = code_spans(text);
    for (const CodeBlock& block : code_blocks(text)) {
      for (const std::string& command : look_like_commands(block)) commands.push_back(command);
    }
    for (const std::string& command : commands) {
      if (!std::regex_search(command, std::regex("(^| )isoflop( [a-z-]|$)"))) continue;
      const Mentioned words = mentioned(command);
      if (help.count(words.verbs) == 0) {
        const Ran ran = run(words.verbs + " --help");
        EXPECT_EQ(ran.code, 0) << document << ": " << command;
        help[words.verbs] = ran.out;
      }
      for (const std::string& flag : words.flags) {
        const std::regex whole(flag + "[^a-z0-9-]");
        EXPECT_TRUE(std::regex_search(help[words.verbs], whole)) << document << ": " << command;
      }
    }
  }
}

TEST_F(Documents, LinkToFilesThatAreThere) {
  static const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  for (const std::string& document : documents()) {
    const std::string text = read_source(document);
    const fs::path folder = fs::path(source(document)).parent_path();
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
      EXPECT_TRUE(fs::exists(folder / (*at)[1].str())) << document << ": " << (*at)[1].str();
    }
  }
}

TEST_F(Documents, TenLinesOfPythonPredictWhatThePlanSays) {
  ASSERT_GE(follow("docs/fit_json.md"), 1);
  const auto plan = run("plan --flops 1e23 --fit fit.json --json").json();
  double params = 0, low = 0, high = 0, loss = 0;
  std::istringstream(python_output_) >> params >> low >> high >> loss;
  // The script has the closed form, the program the same to rounding; quantiles alike.
  EXPECT_NEAR(params / plan["params"]["value"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(low / plan["params"]["low"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(high / plan["params"]["high"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(loss / plan["loss"]["value"].get<double>(), 1, 1e-9);
}

}  // namespace
}  // namespace isoflop
