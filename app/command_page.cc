#include "app/command_page.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "app/command_tree.h"
#include "app/value_kinds.h"

namespace isoflop {
namespace {

constexpr std::size_t kWidestLabel = 24;
constexpr const char* kExampleLead = "  isoflop";

ValueKind kind_of(const CLI::Option& option) {
  if (!takes_value(option)) return ValueKind::kNone;
  if (is_file_value(option)) return ValueKind::kFile;
  if (is_folder_value(option)) return ValueKind::kFolder;
  return value_words(option).empty() ? ValueKind::kText : ValueKind::kWords;
}

OptionEntry entry_of(const CLI::Option& option) {
  OptionEntry entry{.kind = kind_of(option),
                    .label = value_label(option),
                    .words = value_words(option),
                    .required = option.get_required(),
                    .repeats = option.get_expected_max() > 1,
                    .value_optional = takes_value(option) && option.get_expected_min() == 0,
                    .about = option.get_description()};
  if (is_positional(option)) {
    entry.name = option.get_name();
    return entry;
  }
  for (const std::string& name : option.get_lnames()) entry.flags.push_back("--" + name);
  for (const std::string& name : option.get_snames()) entry.flags.push_back("-" + name);
  return entry;
}

OptionSection& section_named(CommandPage& page, const std::string& title,
                             const std::string& about) {
  for (OptionSection& section : page.sections) {
    if (section.title == title) return section;
  }
  page.sections.push_back({.title = title, .about = about, .options = {}});
  return page.sections.back();
}

void add_entries(const CLI::App& app, const std::string& title, const std::string& about,
                 CommandPage& page) {
  for (const CLI::Option* option : app.get_options()) {
    if (is_positional(*option)) {
      page.positionals.push_back(entry_of(*option));
      continue;
    }
    if (option->get_group().empty()) continue;  // hidden
    const bool own = option->get_group() == "Options";
    section_named(page, own ? title : option->get_group(), own ? about : "")
        .options.push_back(entry_of(*option));
  }
  for (const CLI::App* group : app.get_subcommands(nullptr)) {
    if (group->get_name().empty()) {
      add_entries(*group, group->get_group(), group->get_description(), page);
    }
  }
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Lines that begin like a command are examples, the others notes.
void add_footer(const std::string& footer, CommandPage& page) {
  std::istringstream lines(footer);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kExampleLead)) {
      page.examples.push_back(line.substr(2));
    } else if (!line.empty()) {
      page.notes.push_back(line);
    }
  }
}

// --help stands last: who reads it knows it.
void move_help_back(CommandPage& page) {
  for (OptionSection& section : page.sections) {
    const auto help = std::find_if(section.options.begin(), section.options.end(), [](auto& each) {
      return !each.flags.empty() && each.flags.front() == "--help";
    });
    if (help != section.options.end()) std::rotate(help, help + 1, section.options.end());
  }
}

}  // namespace

CommandPage page_of(const CLI::App& verb) {
  CommandPage page{.words = verb_words(verb), .about = verb.get_description()};
  add_entries(verb, "", "", page);
  move_help_back(page);
  for (const CLI::App* below : verbs_of(verb)) {
    page.verbs.emplace_back(below->get_name(), first_line(below->get_description()));
  }
  add_footer(verb.get_footer(), page);
  return page;
}

std::vector<CommandPage> all_pages(const CLI::App& root) {
  std::vector<CommandPage> pages{page_of(root)};
  for (const CLI::App* verb : verbs_of(root)) {
    for (CommandPage& page : all_pages(*verb)) pages.push_back(std::move(page));
  }
  return pages;
}

std::pair<std::string, std::string> described(const OptionEntry& option) {
  std::string text = option.name, about = option.about;
  for (const std::string& flag : option.flags) text += (text.empty() ? "" : ", ") + flag;
  const bool many = option.label.size() > kWidestLabel && option.kind == ValueKind::kWords;
  const bool told = std::all_of(option.words.begin(), option.words.end(), [&](const auto& word) {
    return about.find(word) != std::string::npos;
  });
  if (many && !told) {
    std::string all;
    for (const std::string& word : option.words) all += (all.empty() ? "" : ", ") + word;
    about += (about.ends_with(".") ? " One of " : ". One of ") + all;
  }
  if (option.required) about += " (required)";
  if (option.flags.empty() || option.kind == ValueKind::kNone) return {text, about};
  const std::string label = many ? "WORD" : option.label;
  return {text + (option.value_optional ? " [" + label + "]" : " " + label), about};
}

std::string usage_of(const CommandPage& page) {
  std::string text = page.words.empty() ? "isoflop" : "isoflop " + page.words;
  if (!page.verbs.empty()) return text + " <verb> [options]";
  for (const OptionSection& section : page.sections) {
    for (const OptionEntry& option : section.options) {
      if (option.required) text += " " + described(option).first;
    }
  }
  text += " [options]";
  for (const OptionEntry& word : page.positionals) {
    const std::string name = word.name + (word.repeats ? " ..." : "");
    text += word.required ? " " + name : " [" + name + "]";
  }
  return text;
}

const std::vector<CommonNote>& common_notes() {
  static const std::vector<CommonNote> notes = {
      {"Exit status",
       {{"0", "done"},
        {"1", "the world failed us: a file, the disk, a process"},
        {"2", "a wrong command line, or a malformed file or value"},
        {"3",
         "refused: well-formed data that cannot answer the question; the code stands in brackets, "
         "and with --json as {\"error\": {\"code\", \"message\", \"exit_code\"}} on stdout"},
        {"4", "finished, but some trials failed"},
        {"5", "the store is locked, newer than this program, or on a network file system"},
        {"99", "sweep task: stopped with work left; start it again"},
        {"130", "interrupted; what was finished is saved"}}},
      {"Environment",
       {{"ISOFLOP_CORPORA", "folder of prepared corpora that are given by name; default ./corpora"},
        {"NO_COLOR", "set to anything: no colour, not even in a terminal"},
        {"CLICOLOR_FORCE", "set to anything but 0: colour also where stderr is no terminal"}}},
      {"Files",
       {{"runs.db", "the store that sweeps write and fits read, in the current folder"},
        {"runs.db.checkpoints", "checkpoints of trials that run"}}}};
  return notes;
}

}  // namespace isoflop
