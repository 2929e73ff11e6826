// What the program says of itself: help, manual pages, the reference, completions. All come from
// one tree of verbs; here they are read by those who will read them: bash, zsh, fish, groff.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Words : public ProgramTest {
 protected:
  // A command of the shell in the test's folder.
  Ran shell(const std::string& command) const {
    write("command.sh", command);
    const int status = std::system(
        ("cd '" + dir_.string() + "' && bash command.sh >shell_out.txt 2>shell_err.txt </dev/null")
            .c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read("shell_out.txt"),
            read("shell_err.txt")};
  }

  static bool has(const char* program) {
    return std::system(("command -v " + std::string(program) + " >/dev/null 2>&1").c_str()) == 0;
  }

  void write_completion(const std::string& name) const {
    const Ran ran = run("completion " + name);
    ASSERT_EQ(ran.code, 0) << ran.err;
    write("completion." + name, ran.out);
  }

  // Every verb with its words, as the reference names them: "## isoflop sweep run".
  std::vector<std::string> verbs() const {
    std::vector<std::string> found;
    std::istringstream lines(run("man --md").out);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("## isoflop ", 0) == 0) found.push_back(line.substr(11));
    }
    return found;
  }
};

TEST_F(Words, EveryVerbHasHelpWithThreeExamplesAndHelpVerbSaysTheSame) {
  const auto all = verbs();
  ASSERT_GT(all.size(), 20u);
  for (const std::string& verb : all) {
    const Ran ran = run(verb + " --help");
    EXPECT_EQ(ran.code, 0) << verb << "\n" << ran.err;
    EXPECT_EQ(run("help " + verb).out, ran.out) << verb;
    if (ran.out.find("\nVerbs:\n") != std::string::npos) continue;  // its verbs have examples
    int examples = 0;
    std::istringstream lines(ran.out);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("  isoflop ", 0) == 0) ++examples;
      EXPECT_LE(line.size(), 110u) << verb << ": " << line;
    }
    EXPECT_GE(examples, 3) << verb << "\n" << ran.out;
  }
  EXPECT_EQ(run("help").out, run("--help").out);
}

TEST_F(Words, TheReferenceInDocsIsWhatTheProgramSays) {
  const std::string reference = run("man --md").out;
  EXPECT_THAT(reference, StartsWith("<!-- Written by `isoflop man --md > docs/cli.md`"));
  EXPECT_TRUE(read_source("docs/cli.md") == reference)
      << "docs/cli.md is out of date: isoflop man --md > docs/cli.md";
}

TEST_F(Words, ManualPagesAreRoffWithoutWarnings) {
  if (!has("groff")) GTEST_SKIP() << "groff is not installed";
  ASSERT_EQ(run("man --dir pages").code, 0);
  std::size_t pages = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ / "pages")) {
    ++pages;
    const Ran ran = shell("groff -man -Tutf8 -ww '" + entry.path().string() + "'");
    EXPECT_EQ(ran.err, "") << entry.path();
    EXPECT_THAT(ran.out, HasSubstr("isoflop")) << entry.path();
  }
  EXPECT_EQ(pages, verbs().size() + 1);
  EXPECT_EQ(run("man sweep run").out, read("pages/isoflop-sweep-run.1"));
  EXPECT_THAT(run("man plan").out, HasSubstr("isoflop plan \\-\\-flops 5.76e23"));
}

TEST_F(Words, BashCompletesVerbsOptionsWordsAndFiles) {
  write_completion("bash");
  write("fit.json", "");
  const Ran ran = shell(R"(bash -n completion.bash || exit 1
source completion.bash
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _isoflop; echo "${COMPREPLY[*]}"; }
try isoflop swe
try isoflop sweep sta
try isoflop plan --precis
try isoflop plan --precision f
try isoflop plan --precision = b
try isoflop plan --flops 1e20 --fit fi
try isoflop completion z
try isoflop plan --flops ''
try isoflop sweep --hel
)");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "sweep\nstatus\n--precision\nfp8 fp32\nbf16\nfit.json\nzsh\n\n--help\n");
  EXPECT_EQ(ran.err, "");
}

TEST_F(Words, FishCompletesVerbsOptionsWordsAndFiles) {
  if (!has("fish")) GTEST_SKIP() << "fish is not installed";
  write_completion("fish");
  write("fit.json", "");
  const Ran ran = shell(R"(export HOME=$PWD
fish -n completion.fish || exit 1
fish -c 'source completion.fish
  complete -C"isoflop swee" | cut -f1
  complete -C"isoflop sweep sta" | cut -f1
  complete -C"isoflop plan --precisi" | cut -f1
  complete -C"isoflop plan --precision b" | cut -f1
  complete -C"isoflop plan --fit fi" | cut -f1
  complete -C"isoflop sweep run fi" | cut -f1')");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "sweep\nstatus\n--precision\nbf16\nfit.json\nfit.json\n");
}

TEST_F(Words, ZshCompletesVerbsOptionsAndWords) {
  if (!has("zsh")) GTEST_SKIP() << "zsh is not installed";
  write_completion("zsh");
  // A zsh in a terminal of its own: Tab completes, Ctrl-X shows the line as it is then.
  write("try.zsh", R"(zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; source ./completion.zsh; show() { echo "<$BUFFER>"; }; zle -N show; bindkey "^X" show; bindkey "^I" complete-word; echo re""ady'
zpty -r z line '*ready*'
for words in 'isoflop swee' 'isoflop sweep sta' 'isoflop plan --precision b' 'isoflop completion z'; do
  zpty -w -n z $'\C-a\C-k'"$words"$'\t\C-x'
  zpty -r z line '*<*>*'
  print -r -- "$line"
done
zpty -d z
)");
  const Ran ran = shell("zsh -n completion.zsh && timeout 60 zsh -f try.zsh");
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char* line : {"<isoflop sweep >", "<isoflop sweep status >",
                           "<isoflop plan --precision bf16 >", "<isoflop completion zsh >"}) {
    EXPECT_THAT(ran.out, HasSubstr(line));
  }
}

TEST_F(Words, CompletionNeedsNoStoreAndHoldsEveryVerb) {
  for (const char* name : {"bash", "zsh", "fish"}) {
    const Ran ran = run_for(5, std::string("completion ") + name);
    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.err, "");
    for (const std::string& verb : verbs()) {
      EXPECT_THAT(ran.out, HasSubstr(verb.substr(verb.rfind(' ') + 1))) << name;
    }
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 2);  // out.txt, err.txt
}

}  // namespace
}  // namespace isoflop
