// The commands of the documents are run, in order, in one folder, and what the documents quote of
// their output has to be there: a document that is no longer true fails.
//
//   ```sh            each line that begins with "isoflop " is run; "# exit 3" at its end is its
//   code
//   ```text          lines that the commands above it (since the last text block) printed, as they
//                    stand; a line of "..." stands for any
//   ```python        is run by python3
//   ```csv runs.csv  (any two words) is written to the file that the second word names
#include <gmock/gmock.h>
#include <regex>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

struct Block {
  std::string kind;
  std::vector<std::string> lines;
};

std::vector<Block> blocks_of(const std::string& text) {
  std::vector<Block> blocks;
  std::istringstream in(text);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("```", 0) == 0) {
      inside = !inside;
      if (inside) blocks.push_back({line.substr(3), {}});
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

class Documents : public ProgramTest {
 protected:
  // Runs a document's blocks; gives the number of commands that were run.
  int follow(const std::string& document) {
    int commands = 0;
    std::string printed;
    bool quoted = true;
    for (const Block& block : blocks_of(read_source(document))) {
      if (block.kind == "sh") {
        if (quoted) printed.clear();
        quoted = false;
        for (const std::string& line : block.lines) commands += command(line, printed);
      } else if (block.kind == "text") {
        expect_lines(block.lines, printed);
        quoted = true;
      } else if (block.kind == "python") {
        python(block.lines);
      } else if (const auto blank = block.kind.find(' '); blank != std::string::npos) {
        write_lines(block.kind.substr(blank + 1), block.lines);
      }
    }
    return commands;
  }

 private:
  int command(const std::string& line, std::string& printed) {
    if (line.rfind("isoflop ", 0) != 0) return 0;
    static const std::regex code(R"(\s+# exit (\d+)$)");
    std::smatch match;
    const int expected = std::regex_search(line, match, code) ? std::stoi(match[1]) : 0;
    const Ran ran = run(std::regex_replace(line, code, "").substr(8));
    EXPECT_EQ(ran.code, expected) << line << '\n' << ran.err;
    printed += ran.out + ran.err;
    return 1;
  }

  static void expect_lines(const std::vector<std::string>& lines, const std::string& printed) {
    for (const std::string& line : lines) {
      if (line == "..." || line.empty()) continue;
      EXPECT_THAT(printed, ::testing::HasSubstr(line));
    }
  }

  void write_lines(const std::string& name, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + '\n';
    write(name, text);
  }

  void python(const std::vector<std::string>& lines) {
    write_lines("script.py", lines);
    const std::string run_it = "cd '" + dir_.string() + "' && python3 script.py >out.txt 2>err.txt";
    EXPECT_EQ(std::system(run_it.c_str()), 0) << read("err.txt");
    python_output_ = read("out.txt");
  }

 protected:
  std::string python_output_;
};

TEST_F(Documents, TheTutorialIsTrue) {
  std::filesystem::copy_file(source("examples/tutorial.csv"), dir_ / "tutorial.csv");
  EXPECT_GE(follow("docs/tutorial.md"), 15);
}

TEST_F(Documents, ThePageOnImportsIsTrue) {
  std::filesystem::copy_file(source("examples/tutorial.csv"), dir_ / "tutorial.csv");
  EXPECT_GE(follow("docs/imports.md"), 15);
}

TEST_F(Documents, TenLinesOfPythonPredictWhatThePlanSays) {
  std::filesystem::copy_file(source("examples/tutorial.csv"), dir_ / "tutorial.csv");
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
