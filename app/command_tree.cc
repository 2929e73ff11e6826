#include "app/command_tree.h"

#include <CLI/CLI.hpp>

namespace isoflop {
namespace {

bool is_group(const CLI::App& app) { return app.get_name().empty(); }

void add_options(const CLI::App& app, std::vector<const CLI::Option*>& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option != app.get_help_ptr()) out.push_back(option);
  }
  for (const CLI::App* group : app.get_subcommands(nullptr)) {
    if (is_group(*group)) add_options(*group, out);
  }
}

void add_verbs(const CLI::App& app, std::vector<const CLI::App*>& out) {
  for (const CLI::App* verb : verbs_of(app)) {
    if (verbs_of(*verb).empty()) out.push_back(verb);
    add_verbs(*verb, out);
  }
}

}  // namespace

std::vector<const CLI::App*> verbs_of(const CLI::App& app, bool with_hidden) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    if (!is_group(*verb) && (with_hidden || !verb->get_group().empty())) out.push_back(verb);
  }
  return out;
}

std::vector<const CLI::App*> all_verbs(const CLI::App& root) {
  std::vector<const CLI::App*> out;
  add_verbs(root, out);
  return out;
}

std::string verb_words(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  if (parent == nullptr) return "";
  const std::string before = verb_words(*parent);
  return before.empty() ? verb.get_name() : before + " " + verb.get_name();
}

std::vector<const CLI::Option*> verb_options(const CLI::App& verb) {
  std::vector<const CLI::Option*> out;
  add_options(verb, out);
  return out;
}

const CLI::Option* find_option(const CLI::App& verb, const std::string& name) {
  for (const CLI::Option* option : verb_options(verb)) {
    if (option->check_name(name)) return option;
  }
  return nullptr;
}

bool is_positional(const CLI::Option& option) { return option.get_positional(); }

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::vector<const CLI::App*> verbs_in_use(const CLI::App& root) {
  std::vector<const CLI::App*> way{&root};
  while (true) {
    const auto parsed = way.back()->get_subcommands();
    const auto named = std::find_if(parsed.begin(), parsed.end(),
                                    [](const CLI::App* app) { return !is_group(*app); });
    if (named == parsed.end()) return way;
    way.push_back(*named);
  }
}

}  // namespace isoflop
