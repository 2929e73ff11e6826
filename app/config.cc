#include "app/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <memory>

#include "app/command_tree.h"
#include "app/output.h"
#include "app/value_kinds.h"
#include "core/closest_word.h"
#include "core/error.h"
#include "io/option_file.h"

namespace isoflop {
namespace {

constexpr const char* kWithout[] = {"help", "man", "completion"};
constexpr std::size_t kCommentColumn = 36;

// Where the options that a file has set were found: "plan.toml:3".
using Origins = std::map<const CLI::Option*, std::string>;

bool is_configurable(const CLI::Option& option) {
  for (const char* name : {"--config", "--print-config", "--version", "--print-grid"}) {
    if (option.check_name(name)) return false;
  }
  return true;
}

std::string key_of(const CLI::Option& option) {
  return is_positional(option) ? option.get_name() : option.get_lnames().front();
}

std::vector<CLI::Option*> settable_options(CLI::App& verb) {
  std::vector<CLI::Option*> out;
  for (const CLI::Option* option : verb_options(verb)) {
    if (is_configurable(*option)) out.push_back(const_cast<CLI::Option*>(option));
  }
  return out;
}

CLI::Option* option_of_key(CLI::App& verb, std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  for (CLI::Option* option : settable_options(verb)) {
    if (key_of(*option) == key) return option;
  }
  return nullptr;
}

[[noreturn]] void unknown_key(CLI::App& verb, const FileOption& given, const std::string& where) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : settable_options(verb)) keys.push_back(key_of(*option));
  const std::string near = closest_word(given.key, keys);
  throw Error(ErrorKind::kUsage,
              where + ": " + given.key + ": is no option of isoflop " + verb_words(verb) +
                  (near.empty() ? "; see isoflop " + verb_words(verb) + " --print-config"
                                : ": did you mean " + near + "?"),
              "unknown_option");
}

void check_table(const CLI::App& root, const FileOption& given, const std::string& where) {
  std::vector<std::string> names;
  for (const CLI::App* verb : all_verbs(root)) names.push_back(verb_words(*verb));
  if (std::find(names.begin(), names.end(), given.verb) != names.end()) return;
  const std::string near = closest_word(given.verb, names);
  throw Error(ErrorKind::kUsage,
              where + ": [" + given.verb + "]: is no verb of isoflop: " +
                  (near.empty() ? "see isoflop --help" : "did you mean " + near + "?"),
              "unknown_verb");
}

std::string toml_of(const std::vector<std::string>& values) {
  return values.size() == 1 ? option_toml(values.front()) : option_toml(values);
}

void set_from_file(CLI::Option& option, const FileOption& given, const std::string& where) {
  const bool flag = !takes_value(option);
  const bool is_false = given.values == std::vector<std::string>{"false"};
  if (flag && is_false) return;
  try {
    for (const std::string& value : given.values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::ParseError&) {
    const auto words = value_words(option);
    std::string known;
    for (const std::string& word : words) known += (known.empty() ? "" : ", ") + word;
    throw Error(ErrorKind::kUsage,
                where + ": " + given.key + " = " + toml_of(given.values) + ": is no value of " +
                    option.get_name() + " (" + option.get_description() + ")" +
                    (known.empty() ? "" : "; known are " + known),
                "bad_value");
  }
}

const CLI::App& root_of(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb : root_of(*verb.get_parent());
}

void read_config(CLI::App& verb, const std::string& path, Origins& origins) {
  for (const FileOption& given : read_option_file(path)) {
    const std::string where = path + ":" + std::to_string(given.line);
    if (!given.verb.empty()) check_table(root_of(verb), given, where);
    if (!given.verb.empty() && given.verb != verb_words(verb)) continue;
    CLI::Option* option = option_of_key(verb, given.key);
    if (option == nullptr) unknown_key(verb, given, where);
    const bool from_line = option->count() > 0 && origins.count(option) == 0;
    if (from_line) continue;
    if (origins.count(option) > 0) {
      throw Error(ErrorKind::kUsage,
                  where + ": " + given.key + ": is said before, at " + origins.at(option) +
                      ": leave one out",
                  "repeated_option");
    }
    set_from_file(*option, given, where);
    origins[option] = where;
  }
}

// The variable's value before anything was read; empty where it has none.
std::string default_of(CLI::Option& option) {
  const std::string kept = option.get_default_str();
  option.capture_default_str();
  const std::string value = option.get_default_str();
  option.default_str(kept);
  return value == "[]" ? "" : value;
}

// The parser writes defaults with six digits: one that fills them may be a longer number.
bool may_be_rounded(const std::string& value) {
  const auto digits = std::count_if(value.begin(), value.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c));
  });
  return value.find('.') != std::string::npos && digits >= 6;
}

// A default such as 0 for "by the machine" need not be a value that may be given.
bool may_be_given(const CLI::Option& option, std::string value) {
  if (may_be_rounded(value)) return false;
  try {
    for (int i = 0;; ++i) {
      const auto* check = const_cast<CLI::Option&>(option).get_validator(i);
      if (!(*check)(value).empty()) return false;
    }
  } catch (const CLI::OptionNotFound&) {
    return true;
  }
}

using Defaults = std::map<const CLI::Option*, std::string>;

// "default: one a core" where the description says what stands for an option that is not given.
std::string said_default(const CLI::Option& option) {
  const std::string text = option.get_description();
  const auto at = text.find("default: ");
  return at == std::string::npos ? "" : text.substr(at, text.find(';', at) - at);
}

std::string line_of(const CLI::Option& option, const Origins& origins, const Defaults& defaults) {
  const bool flag = !takes_value(option);
  const bool many = option.get_items_expected_max() > 1;
  std::string text = key_of(option), comment;
  if (option.count() > 0) {
    const auto results = option.results();
    text += " = " + (flag ? "true" : many ? option_toml(results) : option_toml(results.back()));
    const auto found = origins.find(&option);
    comment = found == origins.end() ? "command line" : found->second;
  } else if (flag) {
    text += " = false";
    comment = "default";
  } else {
    const std::string value = defaults.at(&option), said = said_default(option);
    if (!value.empty()) text += " = " + option_toml(value);
    if (value.empty() || !may_be_given(option, value)) text = "# " + text;
    comment = !said.empty() ? said : value.empty() ? "not set" : "default";
  }
  if (text.size() < kCommentColumn) text.resize(kCommentColumn, ' ');
  return text + "  # " + comment + "\n";
}

std::string environment_text(const CLI::App& verb) {
  const char* corpora = std::getenv("ISOFLOP_CORPORA");
  const bool reads = find_option(verb, "--corpus") != nullptr || find_option(verb, "corpus");
  if (corpora == nullptr || !reads) return "";
  return "# environment variable ISOFLOP_CORPORA = " + option_toml(std::string(corpora)) +
         ": where corpora given by name are looked for\n";
}

std::string config_text(CLI::App& verb, const Origins& origins, const Defaults& defaults) {
  std::string text = "# isoflop " + verb_words(verb) +
                     ": every option, and where its value comes from. Give it back with\n"
                     "# isoflop " +
                     verb_words(verb) + " --config FILE\n" + environment_text(verb);
  for (const CLI::Option* option : settable_options(verb)) {
    text += line_of(*option, origins, defaults);
  }
  return text;
}

// One for all verbs: only one runs.
Origins& origins_of_this_run() {
  static Origins origins;
  return origins;
}

bool has_config(const CLI::App& verb) {
  return std::find(std::begin(kWithout), std::end(kWithout), verb.get_name()) == std::end(kWithout);
}

std::vector<CLI::App*> configured_verbs(const CLI::App& root) {
  std::vector<CLI::App*> out;
  for (const CLI::App* verb : all_verbs(root)) {
    if (has_config(*verb)) out.push_back(const_cast<CLI::App*>(verb));
  }
  return out;
}

}  // namespace

void add_config_options(CLI::App& root) {
  for (CLI::App* verb : configured_verbs(root)) {
    verb->add_option_function<std::string>(
            "--config",
            [verb](const std::string& path) { read_config(*verb, path, origins_of_this_run()); },
            "Options from a TOML file; the command line goes before it")
        ->group("Configuration");
    verb->add_flag("--print-config")
        ->description("Print every option, its value and where it comes from, and do nothing else")
        ->group("Configuration");
  }
}

void print_config_if_asked(CLI::App& root, const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  if (std::find(words.begin(), end, "--print-config") == end) return;
  for (CLI::App* verb : configured_verbs(root)) {
    auto defaults = std::make_shared<Defaults>();
    for (CLI::Option* option : settable_options(*verb)) {
      (*defaults)[option] = default_of(*option);
      option->required(false);
    }
    // Before the verb's own callback, which holds its flags and so must stay.
    verb->parse_complete_callback([verb, defaults] {
      if (!verb->remaining().empty()) return;  // a wrong command line, which the parser will say
      print(config_text(*verb, origins_of_this_run(), *defaults));
      throw CLI::Success();
    });
  }
}

}  // namespace isoflop
