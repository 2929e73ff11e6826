// Manual pages in roff.
#include <cctype>

#include "app/command_page.h"

namespace isoflop {
namespace {

// Hyphens that are typed must stay hyphens; a dot or a quote at a line's beginning is a command.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool begins = out.empty() || out.back() == '\n';
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '"') {
      out += "\\(dq";
    } else {
      out += c;
    }
  }
  return out;
}

std::string man_upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string page_name(const std::string& words) {
  std::string name = words.empty() ? "isoflop" : "isoflop-" + words;
  for (char& c : name) {
    if (c == ' ') c = '-';
  }
  return name;
}

void add_tagged(const std::string& tag, const std::string& text, std::string& out) {
  out += ".TP\n\\fB" + roff(tag) + "\\fR\n" + roff(text) + "\n";
}

void add_man_entries(const std::vector<OptionEntry>& options, std::string& out) {
  for (const OptionEntry& option : options) {
    const auto [words, about] = described(option);
    add_tagged(words, about, out);
  }
}

std::string man_first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void add_sections(const CommandPage& page, std::string& out) {
  if (!page.verbs.empty()) out += ".SH VERBS\n";
  for (const auto& [name, about] : page.verbs) add_tagged(name, about, out);
  if (!page.positionals.empty()) out += ".SH WORDS\n";
  add_man_entries(page.positionals, out);
  for (const OptionSection& section : page.sections) {
    out += ".SH " + roff(section.title.empty() ? "OPTIONS" : man_upper(section.title)) + "\n";
    if (!section.about.empty()) out += roff(section.about) + ".\n";
    add_man_entries(section.options, out);
  }
  if (!page.examples.empty()) out += ".SH EXAMPLES\n.nf\n";
  for (const std::string& example : page.examples) out += roff(example) + "\n";
  if (!page.examples.empty()) out += ".fi\n";
  if (!page.notes.empty()) out += ".SH NOTES\n";
  for (const std::string& note : page.notes) out += roff(note) + "\n";
}

void add_see_also(const CommandPage& page, const std::vector<CommandPage>& all, std::string& out) {
  std::string names;
  for (const CommandPage& other : all) {
    if (other.words == page.words) continue;
    names += (names.empty() ? ".BR " : " ,\n.BR ") + roff(page_name(other.words)) + " (1)";
  }
  if (!names.empty()) out += ".SH SEE ALSO\n" + names + "\n";
}

}  // namespace

std::string man_text(const CommandPage& page, const std::vector<CommandPage>& all,
                     const std::string& version) {
  const std::string name = page_name(page.words);
  std::string out = ".TH " + roff(man_upper(name)) + " 1 \"\" \"isoflop " + roff(version) +
                    "\" \"isoflop\"\n.SH NAME\n" + roff(name) + " \\- " +
                    roff(man_first_line(page.about)) + "\n.SH SYNOPSIS\n" + roff(usage_of(page)) +
                    "\n.SH DESCRIPTION\n" + roff(page.about) + "\n";
  add_sections(page, out);
  for (const CommonNote& note : common_notes()) {
    out += ".SH " + man_upper(note.title) + "\n";
    for (const auto& [what, means] : note.lines) add_tagged(what, means, out);
  }
  add_see_also(page, all, out);
  return out;
}

}  // namespace isoflop
