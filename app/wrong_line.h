// Wrong command lines, answered in one place: whatever the parser found is said in our words, with
// a code for scripts, what was probably meant and what to type next.
//
//   isoflop: plan: --flop is no option of isoflop plan: did you mean --flops? [unknown_option]
//     isoflop plan --flops 1e20 --law epoch2024
//   see isoflop plan --help
//
// Codes: unknown_verb, unknown_option, misplaced_option, unexpected_word, missing_verb,
// missing_option, missing_value, repeated_option, bad_value, excluded_options, wrong_line.
#ifndef ISOFLOP_APP_WRONG_LINE_H_
#define ISOFLOP_APP_WRONG_LINE_H_

#include <string>
#include <vector>

#include "core/error.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace isoflop {

// Of the words after the program's name, as they were given.
Error wrong_line(const CLI::App& root, const CLI::ParseError& error,
                 const std::vector<std::string>& words);

// Throws missing_value where an option that needs a value is followed by another option of its
// verb; the parser would take that for the value.
void check_values(const CLI::App& root, const std::vector<std::string>& words);

// An error's text for stderr: the code stands at the end of the first line, and a message that
// names no command is followed by the one for the help of the verb that was in use.
std::string error_text(const Error& error, const CLI::App& root);

}  // namespace isoflop

#endif  // ISOFLOP_APP_WRONG_LINE_H_
