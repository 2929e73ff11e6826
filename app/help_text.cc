// --help and docs/cli.md.
#include <algorithm>
#include <sstream>

#include "app/command_page.h"

namespace isoflop {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kWidestName = 30;

// Words into lines of the terminal's width, those after the first moved in.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::istringstream words(text);
  std::string out;
  std::size_t column = indent;
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void add_pairs(const Pairs& pairs, std::size_t name_width, std::string& out) {
  const std::size_t indent = name_width + 4;
  for (const auto& [name, about] : pairs) {
    out += "  " + name;
    if (name.size() > name_width) {
      out += "\n" + std::string(indent, ' ');
    } else {
      out += std::string(indent - 2 - name.size(), ' ');
    }
    out += wrapped(about, indent) + "\n";
  }
}

Pairs pairs_of(const std::vector<OptionEntry>& options) {
  Pairs pairs;
  for (const OptionEntry& option : options) pairs.push_back(described(option));
  return pairs;
}

std::size_t width_of(const CommandPage& page) {
  std::size_t width = 12;
  const auto widen = [&](const Pairs& pairs) {
    for (const auto& pair : pairs) {
      if (pair.first.size() <= kWidestName) width = std::max(width, pair.first.size());
    }
  };
  for (const OptionSection& section : page.sections) widen(pairs_of(section.options));
  widen(pairs_of(page.positionals));
  return width;
}

}  // namespace

std::string help_text(const CommandPage& page) {
  const std::size_t width = width_of(page);
  std::string out = page.about + "\n\nUsage: " + wrapped(usage_of(page), 7) + "\n";
  if (!page.examples.empty()) out += "\nExamples:\n";
  for (const std::string& example : page.examples) out += "  " + example + "\n";
  if (!page.verbs.empty()) out += "\nVerbs:\n";
  add_pairs(page.verbs, width, out);
  if (!page.positionals.empty()) out += "\nWords:\n";
  add_pairs(pairs_of(page.positionals), width, out);
  for (const OptionSection& section : page.sections) {
    out += "\n" + (section.title.empty() ? "Options" : section.title) +
           (section.about.empty() ? "" : " (" + section.about + ")") + ":\n";
    add_pairs(pairs_of(section.options), width, out);
  }
  if (!page.notes.empty()) out += "\n";
  for (const std::string& note : page.notes) out += note + "\n";
  if (!page.verbs.empty()) {
    out += "\n" + std::string(page.words.empty() ? "isoflop" : "isoflop " + page.words) +
           " VERB --help says more of one.\n";
  }
  return out;
}

namespace {

// Bars, brackets and backslashes mean something in a table of Markdown.
std::string table_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '>' || c == '*' || c == '_') out += '\\';
    out += c;
  }
  return out;
}

std::string code_cell(const std::string& text) {
  std::string out = "`";
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out + "`";
}

void add_options_table(const std::string& title, const std::vector<OptionEntry>& options,
                       std::string& out) {
  out += "| " + title + " | |\n|---|---|\n";
  for (const OptionEntry& option : options) {
    const auto [words, about] = described(option);
    out += "| " + code_cell(words) + " | " + table_cell(about) + " |\n";
  }
  out += '\n';
}

void add_page(const CommandPage& page, std::string& out) {
  out += "## isoflop" + (page.words.empty() ? "" : " " + page.words) + "\n\n" + page.about +
         "\n\n```\n" + usage_of(page) + "\n```\n\n";
  if (!page.examples.empty()) {
    out += "```sh\n";
    for (const std::string& example : page.examples) out += example + "\n";
    out += "```\n\n";
  }
  if (!page.verbs.empty()) out += "| Verb | |\n|---|---|\n";
  for (const auto& [name, about] : page.verbs) {
    out += "| " + code_cell(name) + " | " + table_cell(about) + " |\n";
  }
  if (!page.verbs.empty()) out += '\n';
  if (!page.positionals.empty()) add_options_table("Word", page.positionals, out);
  for (const OptionSection& section : page.sections) {
    std::string title = section.title.empty() ? "Option" : section.title;
    if (!section.about.empty()) title += ": " + section.about;
    add_options_table(title, section.options, out);
  }
  for (const std::string& note : page.notes) out += note + "\n";
  if (!page.notes.empty()) out += '\n';
}

}  // namespace

std::string reference_markdown(const std::vector<CommandPage>& pages) {
  std::string out =
      "<!-- Written by `isoflop man --md > docs/cli.md`; a test holds it to the program. -->\n\n"
      "# The command line\n\n"
      "Data go to stdout, messages to stderr. Numbers may be written as `1e19`, `3.5B`, `20k`. "
      "What `--help`, `isoflop man` and the shells' completions say is the same.\n\n";
  for (const CommonNote& note : common_notes()) {
    out += "| " + note.title + " | |\n|---|---|\n";
    for (const auto& [what, means] : note.lines) {
      out += "| " + code_cell(what) + " | " + table_cell(means) + " |\n";
    }
    out += '\n';
  }
  for (const CommandPage& page : pages) add_page(page, out);
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace isoflop
