// What the value of an option is, said once for all verbs: a file, a folder, one of some words, a
// number with its unit. Help, manual pages and completion read it from the option's type name:
// "FILE", "DIR", "FLOP", or the words with bars between them, "1|2|3|all".
#ifndef ISOFLOP_APP_VALUE_KINDS_H_
#define ISOFLOP_APP_VALUE_KINDS_H_

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace isoflop {

// Names the values of every option that takes one. An option that the table does not know keeps
// the parser's word for its type.
void name_values(CLI::App& root);

// "FILE", "cpu|cuda", "INT"; empty for flags.
std::string value_label(const CLI::Option& option);

// The words that may be given; empty where anything may.
std::vector<std::string> value_words(const CLI::Option& option);

bool is_file_value(const CLI::Option& option);
bool is_folder_value(const CLI::Option& option);

}  // namespace isoflop

#endif  // ISOFLOP_APP_VALUE_KINDS_H_
