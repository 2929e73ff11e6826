// One line of JSON Lines: the text of a document.
//
// A line is one JSON object; the value of `key` in it must be a string. Everything else in the
// object is checked to be JSON and otherwise ignored. JSON text must be UTF-8.
//
// Errors: a value, as the caller knows file and line.
#ifndef ISOFLOP_DATA_JSONL_H_
#define ISOFLOP_DATA_JSONL_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace isoflop {

struct JsonlDocument {
  std::string text;
  std::string wrong;      // what is wrong with the line, and what to do; empty: nothing
  std::int64_t byte = 0;  // where in the line
};

JsonlDocument read_jsonl_line(std::string_view line, const std::string& key);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_JSONL_H_
