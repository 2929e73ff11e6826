// JSON and JSON Lines as rows: each object becomes its text as it stood and its cells.
//
// An array of objects, an object that holds one such array, a single object, or an object a line.
// Objects within a row are flattened ("config": {"lr": 1} is the column "config.lr"); arrays are
// no cells. Numbers stay as they are written; true, false; null is an empty cell. NaN and Infinity,
// which Python writes and JSON lacks, become words, so that only their use is an error.
//
// Time and memory are linear in the text. Errors: Error(kUsage) "file:line:column: what" for what
// is not JSON, numbers beyond a double, nesting deeper than 64, names longer than 1000 characters,
// elements that are no objects, and more than one array of objects.
#ifndef ISOFLOP_IMPORTS_JSON_ROWS_H_
#define ISOFLOP_IMPORTS_JSON_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isoflop {

struct JsonRow {
  std::string text;                                        // the object as it stood, on one line
  std::int64_t line = 0;                                   // where it begins, from 1
  std::vector<std::pair<std::string, std::string>> cells;  // in the order of the file
};

// `name` is the file's name for messages.
std::vector<JsonRow> rows_of_json(std::string_view text, const std::string& name);
std::vector<JsonRow> rows_of_json_lines(std::string_view text, const std::string& name);

enum class JsonShape { kNone, kJson, kJsonLines };

// By the first characters and lines. Must be quick: looks no further than the second line.
JsonShape json_shape(std::string_view text);

// The names of the cells of the first row, or fewer where the text is cut or malformed. Looks at
// the first 64 kB.
std::vector<std::string> first_row_names(std::string_view text);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_JSON_ROWS_H_
