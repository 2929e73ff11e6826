// Wrong command lines of every verb: the exit code, nothing on stdout, and on stderr what was wrong
// and what to type next.
#include <gtest/gtest.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

struct WrongLine {
  const char* line;
  int code;
  const char* says;
  const char* next;  // the next step, which stderr names too
};

class WrongLines : public ProgramTest {
 protected:
  void expect_all(const std::vector<WrongLine>& lines) const {
    for (const WrongLine& wrong : lines) {
      const Ran ran = run(wrong.line);
      EXPECT_EQ(ran.code, wrong.code) << wrong.line << "\n" << ran.err;
      EXPECT_EQ(ran.out, "") << wrong.line;
      EXPECT_NE(ran.err.find(wrong.says), std::string::npos) << wrong.line << "\n" << ran.err;
      EXPECT_NE(ran.err.find(wrong.next), std::string::npos) << wrong.line << "\n" << ran.err;
    }
  }
};

TEST_F(WrongLines, UnknownVerbs) {
  expect_all({
      {"", 2, "a subcommand is missing", "see isoflop --help"},
      {"fly", 2, "[unknown_verb]", "see isoflop --help"},
      {"paln --flops 1e20 --law epoch2024", 2, "did you mean plan?",
       "  isoflop plan --flops 1e20 --law epoch2024"},
      {"swep status", 2, "did you mean sweep?", "  isoflop sweep status"},
      {"sweep", 2, "[missing_verb]", "run, status"},
      {"sweep stauts --db x.db", 2, "did you mean status?", "  isoflop sweep status --db x.db"},
      {"sweep dance", 2, "no verb of isoflop sweep", "see isoflop sweep --help"},
      {"data", 2, "[missing_verb]", "see isoflop data --help"},
      {"data prepre a.txt", 2, "did you mean prepare?", "  isoflop data prepare a.txt"},
  });
}

TEST_F(WrongLines, UnknownAndMisplacedOptions) {
  expect_all({
      {"plan --flop 1e20 --law epoch2024", 2, "did you mean --flops?",
       "  isoflop plan --flops 1e20 --law epoch2024"},
      {"plan --flop=1e20 --law epoch2024", 2, "did you mean --flops?",
       "  isoflop plan --flops=1e20 --law epoch2024"},
      {"plan -flops 1e20", 2, "[unknown_option]", "  isoflop plan --flops 1e20"},
      {"plan --max_params 1B", 2, "did you mean --max-params?", "  isoflop plan --max-params 1B"},
      {"plan --approach 2", 2, "isoflop fit have it", "see isoflop plan --help"},
      {"fit --cvs runs.csv", 2, "did you mean --csv?", "  isoflop fit --csv runs.csv"},
      {"fit --zebra", 2, "--zebra is no option", "see isoflop fit --help"},
      {"--flops 1e20 plan", 2, "[misplaced_option]", "  isoflop plan --flops 1e20"},
      {"sweep --db runs.db status", 2, "behind the verb", "  isoflop sweep status --db runs.db"},
      {"--zebra", 2, "--zebra", "see isoflop --help"},
  });
}

TEST_F(WrongLines, WordsAndValues) {
  expect_all({
      {"fit runs.csv", 2, "did you mean --csv?", "  isoflop fit --csv runs.csv"},
      {"fit runs.db", 2, "did you mean --db?", "  isoflop fit --db runs.db"},
      {"plan fit.json --flops 1e20", 2, "did you mean --fit?", "isoflop plan --fit fit.json"},
      {"sweep status demo", 2, "[unexpected_word]", "see isoflop sweep status --help"},
      {"plan --flops", 2, "[missing_value]", "see isoflop plan --help"},
      {"plan --flops --law epoch2024", 2, "not followed by its value", "isoflop plan --help"},
      {"plan --flops 1e20 --flops 1e21", 2, "given more than once (1e20 and 1e21)",
       "see isoflop plan --help"},
      {"demo --workers many", 2, "\"many\" is not a number", "see isoflop demo --help"},
      {"demo --workers 1.5", 2, "[bad_value]", "see isoflop demo --help"},
      {"data prepare a.txt --out c --format xml", 2, "give text or jsonl", "data prepare --help"},
      {"data prepare a.txt --out c --format jsnl", 2, "did you mean jsonl?", "--format jsonl"},
      {"data prepare a.txt", 2, "[missing_option]", "see isoflop data prepare --help"},
      {"suggest --fit fit.json", 2, "--flops is missing", "see isoflop suggest --help"},
      {"plan --json --csv --flops 1e20", 2, "[excluded_options]", "give one of them"},
      {"sweep export --csv --md", 2, "exclude each other", "see isoflop sweep export --help"},
  });
}

}  // namespace
}  // namespace isoflop
