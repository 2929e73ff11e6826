// JSON as Python writes it: with NaN, Infinity and -Infinity as words, which JSON does not have.
// They become texts of the same name, so that a loss that is NaN can be told from one that is not
// there.
#ifndef ISOFLOP_IMPORTS_PYTHON_JSON_H_
#define ISOFLOP_IMPORTS_PYTHON_JSON_H_

#include <optional>
#include <string>
#include <string_view>

#include "io/json.h"

namespace isoflop {

// Throws as parse_json. Lines stay where they are.
Json parse_python_json(std::string_view text, const std::string& file);

// A number, or one of the three words as NaN or infinity; empty for anything else.
std::optional<double> python_number(const Json& value);
// The same of an object's field.
std::optional<double> python_field(const Json& object, std::string_view key);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_PYTHON_JSON_H_
