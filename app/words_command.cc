// isoflop help | man | completion: what the program says of itself. None of them opens a store.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/command_page.h"
#include "app/command_tree.h"
#include "app/commands.h"
#include "app/completion.h"
#include "app/output.h"
#include "core/closest_word.h"
#include "core/error.h"
#include "db/process.h"
#include "io/atomic_file.h"

namespace isoflop {
namespace {

struct ManFlags {
  std::vector<std::string> verb;
  std::string dir;
  bool markdown = false;
};

const CLI::App& verb_named(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* verb = &root;
  for (const std::string& word : words) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* below : verbs_of(*verb)) {
      names.push_back(below->get_name());
      if (below->get_name() == word) next = below;
    }
    if (next == nullptr) {
      const std::string near = closest_word(word, names);
      const std::string parent = verb_words(*verb);
      throw Error(ErrorKind::kUsage,
                  "\"" + word + "\" is no verb of isoflop" + (parent.empty() ? "" : " " + parent) +
                      (near.empty() ? "" : ": did you mean " + near + "?") + "\nsee isoflop --help",
                  "unknown_verb");
    }
    verb = next;
  }
  return *verb;
}

std::string man_page(const CLI::App& root, const CLI::App& verb) {
  return man_text(page_of(verb), all_pages(root), program_version());
}

std::string man_file(const std::string& words) {
  std::string name = words.empty() ? "isoflop" : "isoflop-" + words;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name + ".1";
}

void write_pages(const CLI::App& root, const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    throw failure("man: " + dir + ": cannot be made: " + error.message() +
                  "; name another folder with --dir");
  }
  const auto pages = all_pages(root);
  for (const CommandPage& page : pages) {
    write_file_atomically(dir + "/" + man_file(page.words),
                          man_text(page, pages, program_version()));
  }
  say("written: " + std::to_string(pages.size()) + " pages in " + dir + "; read one with man -l " +
      dir + "/" + man_file("") + ", or all of them on the screen with isoflop help VERB");
}

void man(const CLI::App& root, const ManFlags& flags) {
  if (flags.markdown) return print(reference_markdown(all_pages(root)));
  if (!flags.dir.empty()) return write_pages(root, flags.dir);
  print(man_page(root, verb_named(root, flags.verb)));
}

void add_help_command(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "What a verb does, as its --help");
  command->footer(
      "  isoflop help\n"
      "  isoflop help plan\n"
      "  isoflop help sweep run");
  command->add_option("verb", *words, "Of which verb; without one: of the program");
  command->callback([words, &app] { print(help_text(page_of(verb_named(app, *words)))); });
}

void add_man_command(CLI::App& app) {
  auto flags = std::make_shared<ManFlags>();
  CLI::App* command = app.add_subcommand("man", "A manual page, or all of them");
  command->footer(
      "  isoflop man plan | man -l -\n"
      "  isoflop man --dir ~/.local/share/man/man1\n"
      "  isoflop man --md > docs/cli.md");
  auto* verb =
      command->add_option("verb", flags->verb, "Of which verb; without one: of the program");
  auto* dir = command->add_option("--dir", flags->dir, "Write the pages of all verbs there");
  command->add_flag("--md", flags->markdown, "The reference of all verbs in Markdown")
      ->excludes(dir)
      ->excludes(verb);
  command->callback([flags, &app] { man(app, *flags); });
}

void add_completion_command(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "A shell's completion script");
  command->footer(
      "  isoflop completion bash > ~/.local/share/bash-completion/completions/isoflop\n"
      "  isoflop completion zsh > ~/.zfunc/_isoflop\n"
      "  isoflop completion fish > ~/.config/fish/completions/isoflop.fish");
  command->add_option("shell", *shell, "Which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app] {
    const auto pages = all_pages(app);
    print(*shell == "bash"  ? bash_completion(pages)
          : *shell == "zsh" ? zsh_completion(pages)
                            : fish_completion(pages));
  });
}

}  // namespace

void add_words_commands(CLI::App& app) {
  add_help_command(app);
  add_man_command(app);
  add_completion_command(app);
}

}  // namespace isoflop
