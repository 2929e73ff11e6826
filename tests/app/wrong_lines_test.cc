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
      {"plan --approach 2", 2, "isoflop fit has it", "see isoflop plan --help"},
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

TEST_F(WrongLines, OptionsThatDoNotGoTogetherOrAreMissing) {
  expect_all({
      {"fit", 2, "give the runs", "--csv runs.csv"},
      {"fit --csv a.csv --db b.db", 2, "either", "--db runs.db"},
      {"fit --csv a.csv --exclude 3", 2, "say why", "--because"},
      {"fit --json --print csv --csv a.csv", 2, "[excluded_options]", "isoflop fit --help"},
      {"fit --csv a.csv --print excel", 2, "give json, csv or md", "isoflop fit --help"},
      {"plan --law epoch2024", 2, "no budget is given", "--flops 5.76e23"},
      {"plan --flops 1e20", 2, "give the law", "--law epoch2024"},
      {"plan --flops 1e20 --money 5 --law epoch2024", 2, "several budgets", "isoflop plan --help"},
      {"plan --price 2 --flops 1e20 --law epoch2024", 2, "--gpus 8xH100", "isoflop plan --help"},
      {"compare a.json", 2, "give a.json b.json", "isoflop compare --help"},
      {"compare --db runs.db gopher", 2, "leave out the names", "isoflop compare --help"},
      {"reproduce", 2, "what?", "isoflop reproduce --list"},
      {"reproduce tabel2", 2, "did you mean table2?", "isoflop reproduce --help"},
      {"suggest --flops 1e20", 2, "give the law", "--fit fit.json"},
      {"flops", 2, "give the model", "isoflop flops --params 124M"},
      {"flops --layers 3", 2, "--width", "isoflop flops --layers 12 --width 768"},
      {"flops --params 1B --tokens 1B --tokens-per-param 20", 2, "exclude each other",
       "isoflop flops --help"},
      {"flops --params 1B --norm rsm", 2, "did you mean rms?", "--norm rms"},
      {"flops --params 1B --layers -3", 2, "must be above 0", "isoflop flops --help"},
      {"completion", 2, "[missing_option]", "isoflop completion --help"},
      {"completion tcsh", 2, "shell", "isoflop completion --help"},
      {"help dance", 2, "no verb", "see isoflop --help"},
      {"man plam", 2, "did you mean plan?", "see isoflop --help"},
      {"man plan --md", 2, "[excluded_options]", "isoflop man --help"},
      {"train", 2, "--params 20k", "isoflop train --help"},
      {"train --params 10k", 2, "--tokens", "isoflop train --help"},
      {"train --params 10k --tokens 1M --set rate", 2, "KEY=VALUE", "isoflop train --help"},
      {"sweep cancel", 2, "--all", "isoflop sweep export"},
      {"sweep run", 2, "grid is missing", "isoflop sweep run --help"},
      {"sweep assign g.toml", 2, "--dir is missing", "isoflop sweep assign --help"},
      {"sweep merge a.db", 2, "--db is missing", "isoflop sweep merge --help"},
      {"sweep status --watch 2 --csv", 2, "--json", "isoflop sweep status --help"},
      {"data mix web --out m", 2, "CORPUS=WEIGHT", "isoflop data mix --help"},
  });
}

TEST_F(WrongLines, ValuesThatCannotBeRead) {
  write("three.csv", "params,tokens,loss\n1e6,2e7,3.1\n2e6,2e7,3.0\n4e6,4e7,2.9\n");
  expect_all({
      {"plan --flops much --law epoch2024", 2, "\"much\"", "isoflop plan --help"},
      {"plan --flops -1 --law epoch2024", 2, "must be above 0", "isoflop plan --help"},
      {"plan --flops 1e20 --law epoch2023", 2, "epoch2024", "isoflop plan --help"},
      {"plan --gpus 8xZ100*24h --law epoch2024", 2, "Z100", "isoflop plan --help"},
      {"plan --money 5EUR --law epoch2024", 2, "5EUR", "isoflop plan --help"},
      {"plan --flops 1e20 --law epoch2024 --precision fp7", 2, "fp7", "isoflop plan --help"},
      {"fit --csv three.csv --draws 5", 2, "--draws", "isoflop fit --help"},
      {"fit --csv three.csv --bootstrap feral", 2, "feral", "isoflop fit --help"},
      {"fit --csv three.csv --approach 4", 2, "use 1 (envelope", "isoflop fit --help"},
      {"fit --csv three.csv --law chinchila", 2, "chinchilla", "isoflop fit --help"},
      {"fit --csv three.csv --convention 8nd", 2, "use 6nd", "isoflop fit --help"},
      {"fit --csv three.csv --map parms=N", 2, "params", "isoflop fit --help"},
      {"compare gofer chinchilla", 2, "gofer", "isoflop compare --help"},
      {"flops --params lots", 2, "\"lots\"", "isoflop flops --help"},
      {"flops --width 30 --heads 7", 2, "head", "isoflop flops --help"},
      {"sweep status --price free --db x.db", 2, "x.db", "isoflop sweep run makes one"},
  });
}

TEST_F(WrongLines, FilesThatAreNotThereOrAreNotWhatTheyShouldBe) {
  write("broken.toml", "name = \n");
  write("text.csv", "params,tokens,loss\n1e6,2e7,good\n");
  write("three.csv", "params,tokens,loss\n1e6,2e7,3.1\n2e6,2e7,3.0\n4e6,4e7,2.9\n");
  write("bad.json", "{");
  expect_all({
      {"fit --csv missing.csv", 2, "missing.csv", "isoflop fit --help"},
      {"fit --csv text.csv", 2, "good", "isoflop fit --help"},
      {"fit --db missing.db", 2, "missing.db", "isoflop "},
      {"fit --csv three.csv", 3, "[too_few_rows]", "add runs"},
      {"plan --flops 1e20 --fit missing.json", 2, "missing.json", "isoflop "},
      {"plan --flops 1e20 --fit bad.json", 2, "bad.json", "isoflop "},
      {"plan --config missing.toml", 2, "missing.toml", "isoflop VERB --print-config"},
      {"sweep run missing.toml", 2, "missing.toml", "isoflop sweep run --help"},
      {"sweep run broken.toml", 2, "broken.toml:1", "isoflop sweep run --help"},
      {"sweep status --db missing.db", 2, "missing.db", "isoflop "},
      {"sweep export --db missing.db", 2, "missing.db", "isoflop "},
      {"sweep collect nowhere", 2, "nowhere", "isoflop sweep collect --help"},
      {"sweep merge missing.db --db new.db", 2, "missing.db", "isoflop "},
      {"suggest --flops 1e20 --fit missing.json", 2, "missing.json", "isoflop "},
      {"compare a.json b.json", 2, "a.json", "isoflop "},
      {"train --trial missing.toml", 2, "missing.toml", "isoflop train --help"},
      {"data prepare missing.txt --out c", 2, "missing.txt", "isoflop data prepare --help"},
      {"data info nowhere", 1, "nowhere", "data prepare"},
      {"demo --light --grid missing.toml", 2, "missing.toml", "isoflop demo --help"},
  });
}

}  // namespace
}  // namespace isoflop
