#include "app/wrong_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>

#include "app/command_tree.h"
#include "app/output.h"
#include "app/value_kinds.h"
#include "core/closest_word.h"

namespace isoflop {
namespace {

// What was typed, and how far the parser came with it.
struct Typed {
  const CLI::App& root;
  const CLI::App& verb;  // the furthest that was named
  const std::vector<std::string>& words;
};

std::string program_words(const CLI::App& verb) {
  const std::string words = verb_words(verb);
  return words.empty() ? "isoflop" : "isoflop " + words;
}

std::string see_help(const CLI::App& verb) { return "see " + program_words(verb) + " --help"; }

Error wrong(const std::string& code, const CLI::App& verb, const std::string& message,
            const std::string& next) {
  const std::string words = verb_words(verb);
  return {ErrorKind::kUsage, (words.empty() ? "" : words + ": ") + message + "\n" + next, code};
}

std::string listed(const std::vector<std::string>& words, const char* last = " or ") {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? last : ", ") + words[i];
  }
  return text;
}

std::string quoted(const std::string& word) { return "\"" + word + "\""; }

std::string command_of(const std::vector<std::string>& words) {
  std::string text = "  isoflop";
  for (const std::string& word : words) text += " " + shell_word_of(word);
  return text;
}

// The command line with one word in the place of another.
std::string corrected(const Typed& typed, const std::string& word,
                      const std::vector<std::string>& by) {
  std::vector<std::string> words;
  bool found = false;
  for (const std::string& given : typed.words) {
    if (found || given != word) {
      words.push_back(given);
      continue;
    }
    found = true;
    words.insert(words.end(), by.begin(), by.end());
  }
  return command_of(words);
}

bool is_flag(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

std::string flag_name(const std::string& word) { return word.substr(0, word.find('=')); }

std::string flag_value(const std::string& word) {
  const auto equals = word.find('=');
  return equals == std::string::npos ? "" : word.substr(equals);
}

std::vector<std::string> names_of(const std::vector<const CLI::App*>& verbs) {
  std::vector<std::string> names;
  for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> flags_of(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb_options(verb)) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// "-json" and "--jsno" are both near to "--json"; so is "--flop_s" to "--flops".
std::string closest_flag(const CLI::App& verb, std::string name) {
  name = "--" + name.substr(std::min(name.find_first_not_of('-'), name.size()));
  std::replace(name.begin(), name.end(), '_', '-');
  const auto known = flags_of(verb);
  if (std::find(known.begin(), known.end(), name) != known.end()) return name;
  return closest_word(name, known);
}

Error unknown_verb(const Typed& typed, const CLI::App& parent, const std::string& word) {
  const auto names = names_of(verbs_of(parent));
  const std::string near = closest_word(word, names);
  const std::string message =
      quoted(word) + " is no verb of " + program_words(parent) + ": " +
      (near.empty() ? "there are " + listed(names, " and ") : "did you mean " + near + "?");
  return wrong(
      "unknown_verb", parent, message,
      near.empty() ? see_help(parent) : corrected(typed, word, {near}) + "\n" + see_help(parent));
}

// Of --db in `isoflop sweep --db runs.db status`.
Error flag_before_verb(const Typed& typed, const CLI::App& parent, const std::string& word) {
  const std::string name = flag_name(word);
  std::vector<std::string> words;
  std::vector<std::string> moved;
  const CLI::Option* option = find_option(typed.verb, name);
  for (std::size_t i = 0; i < typed.words.size(); ++i) {
    if (!moved.empty() || typed.words[i] != word) {
      words.push_back(typed.words[i]);
      continue;
    }
    moved.push_back(word);
    const bool two = takes_value(*option) && word == name && i + 1 < typed.words.size();
    if (two) moved.push_back(typed.words[++i]);
  }
  words.insert(words.end(), moved.begin(), moved.end());
  return wrong("misplaced_option", parent,
               name + " is an option of " + program_words(typed.verb) + ": give it behind the verb",
               command_of(words) + "\n" + see_help(typed.verb));
}

std::vector<std::string> verbs_with(const CLI::App& root, const std::string& flag) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : all_verbs(root)) {
    if (find_option(*verb, flag) != nullptr) verbs.push_back(program_words(*verb));
  }
  return verbs;
}

constexpr std::size_t kMostVerbs = 4;

Error unknown_flag(const Typed& typed, const CLI::App& verb, const std::string& word) {
  const std::string name = flag_name(word);
  std::string message = name + " is no option of " + program_words(verb);
  auto others = verbs_with(typed.root, name);
  if (others.size() > kMostVerbs) others.resize(kMostVerbs);
  if (!others.empty())
    message += "; " + listed(others, " and ") + (others.size() == 1 ? " has it" : " have it");
  const std::string near = closest_flag(verb, name);
  if (near.empty()) return wrong("unknown_option", verb, message, see_help(verb));
  return wrong("unknown_option", verb, message + ": did you mean " + near + "?",
               corrected(typed, word, {near + flag_value(word)}) + "\n" + see_help(verb));
}

// A file without its option says by its name which one was forgotten.
std::optional<std::string> forgotten_flag(const CLI::App& verb, const std::string& word) {
  static const std::pair<const char*, std::vector<const char*>> kinds[] = {
      {".csv", {"--csv"}},
      {".tsv", {"--csv"}},
      {".db", {"--db"}},
      {".json", {"--fit"}},
      {".toml", {"--grid", "--trial", "--design", "--config"}},
      {".html", {"--out"}},
      {".pdf", {"--out"}}};
  for (const auto& [end, flags] : kinds) {
    if (!word.ends_with(end)) continue;
    for (const char* flag : flags) {
      const CLI::Option* option = find_option(verb, flag);
      if (option != nullptr && takes_value(*option)) return flag;
    }
  }
  return std::nullopt;
}

Error unexpected_word(const Typed& typed, const CLI::App& verb, const std::string& word) {
  const std::string message = quoted(word) + ": " + program_words(verb);
  if (const auto flag = forgotten_flag(verb, word)) {
    return wrong("unexpected_word", verb,
                 message + " takes it with an option: did you mean " + *flag + "?",
                 corrected(typed, word, {*flag, word}) + "\n" + see_help(verb));
  }
  return wrong("unexpected_word", verb,
               message +
                   " takes no such word: leave it out, or quote "
                   "what belongs together",
               see_help(verb));
}

// The first word that found no place, and what is wrong with it.
std::optional<Error> misfit(const Typed& typed, const std::vector<const CLI::App*>& way) {
  for (const CLI::App* verb : way) {
    const auto left = verb->remaining();
    if (left.empty()) continue;
    const std::string& word = left.front();
    const bool furthest = verb == way.back();
    if (is_flag(word)) {
      const bool of_later = !furthest && find_option(typed.verb, flag_name(word)) != nullptr;
      if (of_later) return flag_before_verb(typed, *verb, word);
      return unknown_flag(typed, *verb, word);
    }
    if (!verbs_of(*verb).empty()) return unknown_verb(typed, *verb, word);
    return unexpected_word(typed, *verb, word);
  }
  return std::nullopt;
}

bool speaks_of(const std::string& message, const std::string& name) {
  const auto at = message.find(name);
  if (at == std::string::npos) return false;
  const auto end = at + name.size();
  const bool begins = at == 0 || message[at - 1] == ' ';
  return begins &&
         (end == message.size() || std::string(" :,=").find(message[end]) != std::string::npos);
}

// The options that the parser's message names, in its order.
std::vector<const CLI::Option*> named_options(const CLI::App& verb, const std::string& message) {
  std::vector<const CLI::Option*> found;
  for (const CLI::Option* option : verb_options(verb)) {
    if (speaks_of(message, option->get_name())) found.push_back(option);
  }
  std::sort(found.begin(), found.end(), [&](const auto* a, const auto* b) {
    return message.find(a->get_name()) < message.find(b->get_name());
  });
  return found;
}

// What the option is about, up to the end of its first clause.
std::string about(const CLI::Option& option) {
  const std::string text = option.get_description();
  return text.substr(0, text.find(';'));
}

std::string name_and_value(const CLI::Option& option) {
  if (is_positional(option)) return option.get_name();
  return option.get_name() + (takes_value(option) ? " " + value_label(option) : "");
}

Error missing_option(const CLI::App& verb, const CLI::Option& option) {
  return wrong(
      "missing_option", verb,
      option.get_name() + " is missing (" + about(option) + "): give " + name_and_value(option),
      see_help(verb));
}

Error missing_value(const CLI::App& verb, const CLI::Option& option) {
  return wrong("missing_value", verb,
               option.get_name() + " is not followed by its value (" + about(option) + "): give " +
                   name_and_value(option),
               see_help(verb));
}

Error repeated_option(const CLI::App& verb, const CLI::Option& option) {
  return wrong("repeated_option", verb,
               option.get_name() + " is given more than once (" +
                   listed(option.results(), " and ") + "): give it once",
               see_help(verb));
}

// Only numbers fail to convert.
std::string no_number(const CLI::Option& option, const std::string& value) {
  if (!takes_value(option)) return " is given to a flag: give " + option.get_name() + " alone";
  double number = 0;
  const char* end = value.data() + value.size();
  const bool fraction = std::from_chars(value.data(), end, number).ptr == end;
  return fraction ? " is no whole number: give one, in digits"
                  : " is not a number: give one, in digits";
}

Error bad_value(const Typed& typed, const CLI::Option& option, const CLI::ParseError& error) {
  const std::string value = option.results().empty() ? "" : option.results().back();
  const std::string begin = option.get_name() + ": " + quoted(value);
  const auto words = value_words(option);
  if (error.get_name() == "ConversionError") {
    return wrong("bad_value", typed.verb, begin + no_number(option, value), see_help(typed.verb));
  }
  if (words.empty()) {
    return wrong("bad_value", typed.verb, begin + " is out of range: it must be above 0",
                 see_help(typed.verb));
  }
  const std::string near = closest_word(value, words);
  const std::string message = begin + " is not known: ";
  if (near.empty()) {
    return wrong("bad_value", typed.verb, message + "give " + listed(words), see_help(typed.verb));
  }
  return wrong("bad_value", typed.verb, message + "did you mean " + near + "?",
               corrected(typed, value, {near}) + "\n" + see_help(typed.verb));
}

Error excluded(const CLI::App& verb, const std::vector<const CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  return wrong("excluded_options", verb,
               listed(names, " and ") + " exclude each other: give one of them", see_help(verb));
}

Error missing_verb(const CLI::App& verb) {
  return wrong("missing_verb", verb,
               "a subcommand is missing: give one of " + listed(names_of(verbs_of(verb))),
               see_help(verb));
}

Error by_kind(const Typed& typed, const CLI::ParseError& error) {
  const std::string kind = error.get_name(), text = error.what();
  const auto options = named_options(typed.verb, text);
  if (kind == "RequiredError" && options.empty() && !verbs_of(typed.verb).empty()) {
    return missing_verb(typed.verb);
  }
  if (options.empty()) return wrong("wrong_line", typed.verb, text, see_help(typed.verb));
  const CLI::Option& option = *options.front();
  if (kind == "RequiredError") return missing_option(typed.verb, option);
  if (kind == "ExcludesError") return excluded(typed.verb, options);
  if (kind == "ArgumentMismatch") {
    const bool few = static_cast<int>(option.results().size()) < option.get_items_expected_min();
    return few ? missing_value(typed.verb, option) : repeated_option(typed.verb, option);
  }
  if (kind == "ConversionError" || kind == "ValidationError") {
    return bad_value(typed, option, error);
  }
  return wrong("wrong_line", typed.verb, text, see_help(typed.verb));
}

}  // namespace

Error wrong_line(const CLI::App& root, const CLI::ParseError& error,
                 const std::vector<std::string>& words) {
  const auto way = verbs_in_use(root);
  const Typed typed{root, *way.back(), words};
  if (auto found = misfit(typed, way)) return *found;
  return by_kind(typed, error);
}

void check_values(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* verb = &root;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") return;
    for (const CLI::App* below : verbs_of(*verb, true)) {
      if (below->get_name() == words[i]) verb = below;
    }
    if (i + 1 == words.size() || !words[i].starts_with("--")) continue;
    const CLI::Option* option = find_option(*verb, words[i]);
    const bool needs = option != nullptr && option->get_items_expected_min() > 0;
    const bool flag_next =
        words[i + 1].starts_with("--") && find_option(*verb, flag_name(words[i + 1])) != nullptr;
    if (needs && flag_next) throw missing_value(*verb, *option);
  }
}

namespace {

bool names_a_command(const std::string& message, const CLI::App& root) {
  const auto has = [&](const std::string& words) {
    return message.find("isoflop " + words) != std::string::npos;
  };
  const auto verbs = names_of(verbs_of(root));
  return has("--help") || has("VERB") || std::any_of(verbs.begin(), verbs.end(), has);
}

}  // namespace

std::string error_text(const Error& error, const CLI::App& root) {
  const std::string message = error.what();
  const auto line = std::min(message.find('\n'), message.size());
  std::string text = "isoflop: " + message.substr(0, line) +
                     (error.code().empty() ? "" : " [" + error.code() + "]") + message.substr(line);
  if (!names_a_command(message, root)) {
    text += "\n" + see_help(*verbs_in_use(root).back());
  }
  return text;
}

}  // namespace isoflop
