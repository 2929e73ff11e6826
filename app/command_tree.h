// The tree of verbs as CLI11 holds it, read by whoever writes about it: wrong command lines, help,
// manual pages, completion, configuration. An option group is no verb: its options are its verb's.
#ifndef ISOFLOP_APP_COMMAND_TREE_H_
#define ISOFLOP_APP_COMMAND_TREE_H_

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace isoflop {

// The verbs directly below, in the order in which they were added; the hidden ones (sweep worker)
// only if asked for.
std::vector<const CLI::App*> verbs_of(const CLI::App& app, bool with_hidden = false);

// Every visible verb that does something, depth first: demo, data prepare, data mix, ...
std::vector<const CLI::App*> all_verbs(const CLI::App& root);

// "sweep status"; empty for the program itself.
std::string verb_words(const CLI::App& verb);

// Its own and its groups' options and positional words, in order, without --help.
std::vector<const CLI::Option*> verb_options(const CLI::App& verb);

// By "--name", "-n" or a positional's name; null where the verb has none.
const CLI::Option* find_option(const CLI::App& verb, const std::string& name);

bool is_positional(const CLI::Option& option);
bool takes_value(const CLI::Option& option);

// The furthest verb that the command line has named so far, and the way to it from the program.
std::vector<const CLI::App*> verbs_in_use(const CLI::App& root);

}  // namespace isoflop

#endif  // ISOFLOP_APP_COMMAND_TREE_H_
