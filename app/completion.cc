#include "app/completion.h"

namespace isoflop {
namespace {

std::string spaced(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string names_of_verbs(const CommandPage& page) {
  std::string text;
  for (const auto& [name, about] : page.verbs) text += (text.empty() ? "" : " ") + name;
  return text;
}

std::vector<OptionEntry> entries_in(const CommandPage& page) {
  std::vector<OptionEntry> all;
  for (const OptionSection& section : page.sections) {
    all.insert(all.end(), section.options.begin(), section.options.end());
  }
  return all;
}

std::string all_flags(const CommandPage& page) {
  std::string text;
  for (const OptionEntry& option : entries_in(page)) {
    for (const std::string& flag : option.flags) text += (text.empty() ? "" : " ") + flag;
  }
  return text;
}

// In single quotes, as the three shells read them.
std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash_reply(const OptionEntry& entry) {
  switch (entry.kind) {
    case ValueKind::kFile:
      return "_isoflop_reply -f \"$cur\"";
    case ValueKind::kFolder:
      return "_isoflop_reply -d \"$cur\"";
    case ValueKind::kWords:
      return "_isoflop_reply -W \"$cur\" " + single_quoted(spaced(entry.words));
    default:
      return ":";
  }
}

constexpr const char* kBashHead =
    R"(# bash completion for isoflop; written by `isoflop completion bash`.
# Try it with: source <(isoflop completion bash)
_isoflop_reply() {
  local line
  COMPREPLY=()
  if [[ $1 == -W ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$3" -- "$2")
    return
  fi
  compopt -o filenames 2>/dev/null
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$1" -- "$2")
}

_isoflop() {
  local cur prev verb="" i
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD-1]}
  # bash breaks --fit=x at the equals sign
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $prev == "=" ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$verb|${COMP_WORDS[i]}" in
)";

// "sweep|status" for every verb below another.
std::string bash_ways(const std::vector<CommandPage>& pages) {
  std::string text;
  for (const CommandPage& page : pages) {
    for (const auto& [name, about] : page.verbs) {
      text += (text.empty() ? "" : "|") + single_quoted(page.words + "|" + name);
    }
  }
  return text;
}

void add_bash_values(const CommandPage& page, std::string& out) {
  for (const OptionEntry& option : entries_in(page)) {
    if (option.kind == ValueKind::kNone) continue;
    std::string words;
    for (const std::string& flag : option.flags) {
      words += (words.empty() ? "" : "|") + single_quoted(page.words + "|" + flag);
    }
    out += "    " + words + ") " + bash_reply(option) + "; return ;;\n";
  }
}

void add_bash_verb(const CommandPage& page, std::string& out) {
  out += "    " + single_quoted(page.words) + ")\n      if [[ $cur == -* ]]; then\n";
  out += "        _isoflop_reply -W \"$cur\" " + single_quoted(all_flags(page)) + "\n";
  if (!page.verbs.empty()) {
    out += "      else\n        _isoflop_reply -W \"$cur\" " + single_quoted(names_of_verbs(page)) +
           "\n";
  } else if (!page.positionals.empty()) {
    out += "      else\n        " + bash_reply(page.positionals.back()) + "\n";
  }
  out += "      fi ;;\n";
}

}  // namespace

std::string bash_completion(const std::vector<CommandPage>& pages) {
  std::string out = kBashHead;
  out += "      " + bash_ways(pages) + ") verb=\"${verb:+$verb }${COMP_WORDS[i]}\" ;;\n" +
         "      *) break ;;\n    esac\n  done\n  case \"$verb|$prev\" in\n";
  for (const CommandPage& page : pages) add_bash_values(page, out);
  out += "  esac\n  case \"$verb\" in\n";
  for (const CommandPage& page : pages) add_bash_verb(page, out);
  return out + "  esac\n}\ncomplete -F _isoflop isoflop\n";
}

namespace {

// A text in a spec of zsh's _arguments or _describe.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string zsh_action(const OptionEntry& entry) {
  switch (entry.kind) {
    case ValueKind::kFile:
      return "_files";
    case ValueKind::kFolder:
      return "_files -/";
    case ValueKind::kWords: {
      return "(" + zsh_text(spaced(entry.words)) + ")";
    }
    default:
      return " ";
  }
}

std::string zsh_option(const OptionEntry& option, const std::string& flag) {
  std::string spec = (option.repeats ? "*" : "") + flag + "[" + zsh_text(option.about) + "]";
  if (option.kind != ValueKind::kNone) {
    spec += std::string(option.value_optional ? "::" : ":") + zsh_text(option.label) + ":" +
            zsh_action(option);
  }
  return single_quoted(spec);
}

void add_zsh_arguments(const CommandPage& page, std::string& out) {
  out += "      _arguments";
  for (const OptionEntry& option : entries_in(page)) {
    for (const std::string& flag : option.flags) {
      out += " \\\n        " + zsh_option(option, flag);
    }
  }
  for (std::size_t i = 0; i < page.positionals.size(); ++i) {
    const OptionEntry& word = page.positionals[i];
    const std::string place = word.repeats ? "*" : std::to_string(i + 1);
    out +=
        " \\\n        " + single_quoted(place + ":" + zsh_text(word.name) + ":" + zsh_action(word));
  }
  out += " ;;\n";
}

void add_zsh_verbs(const CommandPage& page, std::string& out) {
  out += "      verbs=(";
  for (const auto& [name, about] : page.verbs) {
    out += "\n        " + single_quoted(zsh_text(name) + ":" + zsh_text(about));
  }
  out += ")\n";
}

}  // namespace

std::string zsh_completion(const std::vector<CommandPage>& pages) {
  std::string out =
      "#compdef isoflop\n# zsh completion for isoflop; written by `isoflop completion zsh`.\n"
      "# Try it with: source <(isoflop completion zsh)\n"
      "_isoflop() {\n  local verb=''\n  local -a verbs\n"
      "  while (( CURRENT > 2 )); do\n    case \"$verb|$words[2]\" in\n      " +
      bash_ways(pages) +
      ")\n        verb=\"${verb:+$verb }$words[2]\"; shift words; (( CURRENT-- )) ;;\n"
      "      *) break ;;\n    esac\n  done\n  case \"$verb\" in\n";
  for (const CommandPage& page : pages) {
    out += "    " + single_quoted(page.words) + ")\n";
    if (page.verbs.empty()) {
      add_zsh_arguments(page, out);
      continue;
    }
    add_zsh_verbs(page, out);
    out += "      if [[ $words[CURRENT] == -* ]]; then\n  ";
    CommandPage flags = page;
    flags.positionals.clear();
    add_zsh_arguments(flags, out);
    out.resize(out.size() - 4);  // the branch goes on
    out += "\n      else\n        _describe -t verbs verb verbs\n      fi ;;\n";
  }
  return out +
         "  esac\n}\nif [ \"$funcstack[1]\" = \"_isoflop\" ]; then\n  _isoflop \"$@\"\nelse\n"
         "  compdef _isoflop isoflop\nfi\n";
}

namespace {

std::string fish_about(const std::string& about) {
  const std::string text = about.substr(0, about.find_first_of(";\n"));
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

std::string fish_value(const OptionEntry& entry) {
  switch (entry.kind) {
    case ValueKind::kFile:
      return " -r -F";
    case ValueKind::kFolder:
      return " -x -a '(__fish_complete_directories)'";
    case ValueKind::kWords:
      return " -x -a " + single_quoted(spaced(entry.words));
    case ValueKind::kText:
      return entry.value_optional ? "" : " -x";
    default:
      return "";
  }
}

void add_fish_options(const CommandPage& page, const std::string& begin, std::string& out) {
  for (const OptionEntry& option : entries_in(page)) {
    out += begin;
    for (const std::string& flag : option.flags) {
      const bool wide = flag.starts_with("--");
      out += (wide ? " -l " : " -s ") + flag.substr(wide ? 2 : 1);
    }
    out += fish_value(option) + " -d " + fish_about(option.about) + "\n";
  }
  for (const OptionEntry& word : page.positionals) {
    if (word.kind == ValueKind::kFile) out += begin + " -F\n";
    if (word.kind == ValueKind::kFolder) out += begin + " -a '(__fish_complete_directories)'\n";
    if (word.kind == ValueKind::kWords) {
      out += begin + " -a " + single_quoted(spaced(word.words)) + "\n";
    }
  }
}

}  // namespace

std::string fish_completion(const std::vector<CommandPage>& pages) {
  std::string parents;
  for (const CommandPage& page : pages) {
    if (!page.words.empty() && !page.verbs.empty()) parents += " " + page.words;
  }
  std::string out =
      "# fish completion for isoflop; written by `isoflop completion fish`.\n"
      "# Try it with: isoflop completion fish | source\n"
      "function __isoflop_in\n  set -l words (commandline -opc)\n  set -e words[1]\n"
      "  set -l verb\n  if set -q words[1]; and not string match -q -- '-*' $words[1]\n"
      "    set verb $words[1]\n    if contains -- $words[1]" +
      parents +
      "; and set -q words[2]\n      set verb \"$words[1] $words[2]\"\n    end\n  end\n"
      "  test \"$verb\" = \"$argv[1]\"\nend\ncomplete -c isoflop -f\n";
  for (const CommandPage& page : pages) {
    const std::string begin =
        "complete -c isoflop -n " + single_quoted("__isoflop_in \"" + page.words + "\"");
    for (const auto& [name, about] : page.verbs) {
      out += begin + " -a " + name + " -d " + fish_about(about) + "\n";
    }
    add_fish_options(page, begin, out);
  }
  return out;
}

}  // namespace isoflop
