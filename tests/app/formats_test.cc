// What scripts and terminals get: every format of every verb with a result, no escape bytes where
// nobody sees colour, refusals as JSON, silence when the reader has gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "io/csv.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Formats : public ProgramTest {
 protected:
  // Of `bash -c`, with the program as "$P".
  Ran shell(const std::string& command) const {
    write("command.sh", "P='" ISOFLOP_BINARY "'\n" + command + "\n");
    const int status = std::system(
        ("cd '" + dir_.string() + "' && bash command.sh >shell_out.txt 2>shell_err.txt </dev/null")
            .c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read("shell_out.txt"),
            read("shell_err.txt")};
  }

  static bool has(const char* program) {
    return std::system(("command -v " + std::string(program) + " >/dev/null 2>&1").c_str()) == 0;
  }

  void expect_formats(const std::string& line, const std::string& csv_flag = "--csv") const {
    const Ran json = run(line + " --json");
    EXPECT_EQ(json.code, 0) << line << "\n" << json.err;
    EXPECT_FALSE(nlohmann::json::parse(json.out, nullptr, false).is_discarded()) << line;
    const Ran csv = run(line + " " + csv_flag);
    EXPECT_EQ(csv.code, 0) << line << "\n" << csv.err;
    const Table table = parse_csv(csv.out, line);
    EXPECT_GE(table.rows.size(), 1u) << line << "\n" << csv.out;
    EXPECT_GE(table.columns.size(), 2u) << line << "\n" << csv.out;
    const Ran markdown = run(line + " --md");
    EXPECT_EQ(markdown.code, 0) << line << "\n" << markdown.err;
    EXPECT_THAT(markdown.out, HasSubstr("|---")) << line;
  }

  void make_store() const {
    write("grid.toml",
          "name = \"tiny\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\n"
          "kind = \"tokens\"\nparams = [\"1k\", \"2k\"]\ntokens = [\"20k\", \"40k\"]\n");
    const Ran ran = run("sweep run grid.toml --workers 1 --quiet");
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
};

TEST_F(Formats, OfVerbsThatNeedNoStore) {
  expect_formats("plan --flops 5.76e23 --law epoch2024");
  expect_formats("compare gopher chinchilla");
  expect_formats("flops --params 124M --tokens 2.5B");
  expect_formats("reproduce table2", "--print csv");
  expect_formats(
      "fit --csv " + source("examples/runs.csv") + " --convention exact --no-diagnostics",
      "--print csv");
}

TEST_F(Formats, OfVerbsThatReadAStore) {
  make_store();
  expect_formats("sweep status");
  expect_formats("sweep export");
  expect_formats("sweep retry");
  expect_formats("sweep cancel --all");
  expect_formats("sweep run grid.toml --dry-run");
  expect_formats("sweep merge runs.db --db other.db");
  const Ran lines = run("sweep export --jsonl");
  std::istringstream in(lines.out);
  int rows = 0;
  for (std::string line; std::getline(in, line); ++rows) {
    EXPECT_TRUE(nlohmann::json::parse(line).contains("params")) << line;
  }
  EXPECT_EQ(rows, 4);
}

TEST_F(Formats, OfACorpus) {
  write("book.txt", std::string(40000, 'a') + "\n");
  ASSERT_EQ(run("data prepare book.txt --out one").code, 0);
  expect_formats("data info one");
  EXPECT_THAT(run("data prepare book.txt --out two --csv").out, StartsWith("name,"));
}

TEST_F(Formats, ARefusalIsJsonWhereJsonWasAskedFor) {
  write("three.csv", "params,tokens,loss\n1e6,2e7,3.1\n2e6,2e7,3.0\n4e6,4e7,2.9\n");
  const Ran ran = run("fit --csv three.csv --json");
  EXPECT_EQ(ran.code, 3);
  const auto error = ran.json()["error"];
  EXPECT_EQ(error["code"], "too_few_rows");
  EXPECT_EQ(error["exit_code"], 3);
  EXPECT_THAT(ran.err, HasSubstr("[too_few_rows]"));
  EXPECT_EQ(run("fit --csv three.csv").out, "");
  EXPECT_EQ(run("fit --csv missing.csv --json").out, "");
}

TEST_F(Formats, NoEscapeByteOutsideATerminal) {
  for (const char* line :
       {"plan --flops 5.76e23 --law epoch2024", "plan --flops", "compare gopher chinchilla"}) {
    const Ran ran = run(line);
    EXPECT_EQ((ran.out + ran.err).find('\033'), std::string::npos) << line;
  }
  const Ran forced = run_under("env CLICOLOR_FORCE=1", "plan --flops 5.76e23 --law epoch2024");
  EXPECT_THAT(forced.out, StartsWith("\033[1mN* "));
  const Ran both =
      run_under("env CLICOLOR_FORCE=1 NO_COLOR=1", "plan --flops 1e20 --law epoch2024");
  EXPECT_EQ(both.out.find('\033'), std::string::npos);
  const Ran json = run_under("env CLICOLOR_FORCE=1", "plan --flops 1e20 --law epoch2024 --json");
  EXPECT_EQ(json.out.find('\033'), std::string::npos);
}

TEST_F(Formats, ATerminalGetsColourUnlessNoColorSaysOtherwise) {
  if (!has("script")) GTEST_SKIP() << "script is not installed";
  const std::string line = "'$P plan --flops 1e20 --law epoch2024'";
  EXPECT_THAT(shell("export P; TERM=xterm script -qec " + line + " /dev/null").out,
              HasSubstr("\033[1mN* "));
  EXPECT_THAT(shell("export P; NO_COLOR=1 TERM=xterm script -qec " + line + " /dev/null").out,
              Not(HasSubstr("\033")));
  EXPECT_THAT(shell("export P; TERM=dumb script -qec " + line + " /dev/null").out,
              Not(HasSubstr("\033")));
}

TEST_F(Formats, AReaderThatHasGoneEndsEveryVerbSilently) {
  make_store();
  const std::string fit =
      "fit --csv " + source("examples/runs.csv") + " --convention exact --no-diagnostics --json";
  for (const std::string& line :
       {std::string("sweep export --curves --csv"), fit, std::string("completion bash"),
        std::string("man --md"), std::string("plan --flops 1e20 --law epoch2024 --json")}) {
    const Ran ran = shell("$P " + line + " | head -n 1; echo ${PIPESTATUS[0]}");
    EXPECT_EQ(ran.err.find("rror"), std::string::npos) << line << ran.err;
    EXPECT_EQ(ran.err.find("roken"), std::string::npos) << line << ran.err;
    // 0: all was written before head went; 141: SIGPIPE.
    const std::string last = ran.out.substr(ran.out.rfind('\n', ran.out.size() - 2) + 1);
    EXPECT_TRUE(last == "0\n" || last == "141\n") << line << last;
  }
}

TEST_F(Formats, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const Ran ran = shell("$P man --md > /dev/full");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("could not be written"));
}

}  // namespace
}  // namespace isoflop
