// Reading and writing our JSON files with messages that name the file and the field. For io/'s own
// sources only (it brings nlohmann-json along).
//
// A JsonReader is an object in a file together with its path there ("law.parameters"). A field that
// is missing or of another type is Error(kUsage) "file: path: what".
#ifndef ISOFLOP_IO_JSON_H_
#define ISOFLOP_IO_JSON_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/law_fit.h"

namespace isoflop {

using Json = nlohmann::ordered_json;

class JsonReader {
 public:
  // The file's root, which must be an object. The Json must outlive the reader.
  JsonReader(const Json& root, const std::string& file);

  bool has(const char* key) const { return json_.contains(key); }
  double number(const char* key) const;
  std::int64_t whole(const char* key) const;
  bool truth(const char* key) const;
  std::string text(const char* key) const;
  JsonReader object(const char* key) const;
  // Each element of an array of objects.
  std::vector<JsonReader> objects(const char* key) const;
  std::vector<std::string> texts(const char* key) const;  // an array of strings
  std::vector<std::string> keys() const;                  // of this object, in the file's order
  // An array of arrays of `columns` numbers.
  std::vector<std::vector<double>> rows(const char* key, std::size_t columns) const;

  // The same with a default where the field is absent.
  double number_or(const char* key, double absent) const;
  std::int64_t whole_or(const char* key, std::int64_t absent) const;
  std::string text_or(const char* key, const std::string& absent) const;
  std::optional<double> maybe_number(const char* key) const;
  // A number, a truth or a text, as text.
  std::string scalar(const char* key) const;

  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  JsonReader(const Json& json, const std::string& file, const std::string& path);
  const Json& field(const char* key) const;

  const Json& json_;
  std::string file_;
  std::string path_;
};

// Throws Error(kUsage) naming `file`, the line and the column where `text` is not JSON.
Json parse_json(std::string_view text, const std::string& file);

// The number, or Error(kFailed) naming `field` when it is not finite: JSON has no NaN.
double finite(double value, const char* field);

// A recipe (core/recipe.h) as an object: numbers and truths as such, the rest as text.
Json recipe_json(const std::map<std::string, std::string>& recipe);
std::map<std::string, std::string> read_recipe(const JsonReader& reader);

Json interval_json(const Interval& interval, const char* field);
Interval read_interval(const JsonReader& reader);
Json warnings_json(const std::vector<Warning>& warnings);

// Two spaces a level but for arrays of numbers, which stay on a line; ends with a newline.
std::string json_text(const Json& json);

}  // namespace isoflop

#endif  // ISOFLOP_IO_JSON_H_
