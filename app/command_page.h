// What there is to say of a verb, read off the tree of verbs: help, manual pages, the reference in
// Markdown and the shells' completions are four ways of writing this one struct.
#ifndef ISOFLOP_APP_COMMAND_PAGE_H_
#define ISOFLOP_APP_COMMAND_PAGE_H_

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace isoflop {

enum class ValueKind { kNone, kText, kFile, kFolder, kWords };

struct OptionEntry {
  std::vector<std::string> flags;  // "--json", "-h"; empty: a positional word
  std::string name;                // of a positional word
  ValueKind kind = ValueKind::kNone;
  std::string label;               // of the value: "FILE"
  std::vector<std::string> words;  // that may be given, for kWords
  bool required = false;
  bool repeats = false;         // may be given many times, or many words
  bool value_optional = false;  // --watch, --watch 5
  std::string about;
};

struct OptionSection {
  std::string title;  // empty: the verb's own
  std::string about;
  std::vector<OptionEntry> options;
};

struct CommandPage {
  std::string words;  // "sweep status"; empty: the program
  std::string about;  // the first line is the short one
  std::vector<OptionEntry> positionals;
  std::vector<OptionSection> sections;
  std::vector<std::pair<std::string, std::string>> verbs;  // and what they do in a line
  std::vector<std::string> examples;                       // "isoflop sweep status"
  std::vector<std::string> notes;                          // further lines below the examples
};

CommandPage page_of(const CLI::App& verb);

// Of the program and every visible verb, depth first.
std::vector<CommandPage> all_pages(const CLI::App& root);

// "isoflop sweep run [options] grid"
std::string usage_of(const CommandPage& page);
// "--db FILE", "--watch [SECONDS]", "grid", and what it means. Where there are many words to choose
// from, they stand in the meaning: "--law WORD".
std::pair<std::string, std::string> described(const OptionEntry& option);

// Exit codes, the environment, files: what holds for all verbs, as (title, lines of text).
struct CommonNote {
  std::string title;
  std::vector<std::pair<std::string, std::string>> lines;  // what, and what it means
};
const std::vector<CommonNote>& common_notes();

// --help: plain text of at most 100 columns.
std::string help_text(const CommandPage& page);
// A manual page in roff's man macros. `version` stands in its foot.
std::string man_text(const CommandPage& page, const std::vector<CommandPage>& all,
                     const std::string& version);
// docs/cli.md.
std::string reference_markdown(const std::vector<CommandPage>& pages);

}  // namespace isoflop

#endif  // ISOFLOP_APP_COMMAND_PAGE_H_
