#include "io/json.h"

#include <cmath>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

bool is_flat(const Json& json) {
  if (!json.is_array()) return false;
  for (const Json& element : json) {
    if (element.is_structured()) return false;
  }
  return true;
}

void append(const Json& json, const std::string& indent, std::string& out) {
  if (!json.is_structured() || json.empty() || is_flat(json)) {
    out += json.dump();
    return;
  }
  const std::string inner = indent + "  ";
  out += json.is_object() ? "{" : "[";
  const char* separator = "\n";
  for (const auto& [key, value] : json.items()) {
    out += separator + inner;
    if (json.is_object()) out += Json(key).dump() + ": ";
    append(value, inner, out);
    separator = ",\n";
  }
  out += "\n" + indent + (json.is_object() ? "}" : "]");
}

std::string line_and_column(std::string_view text, std::size_t byte) {
  std::size_t line = 1, column = 1;
  for (const char c : text.substr(0, byte > 0 ? byte - 1 : 0)) {
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n';
  }
  return std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace

JsonReader::JsonReader(const Json& root, const std::string& file) : JsonReader(root, file, "") {}

JsonReader::JsonReader(const Json& json, const std::string& file, const std::string& path)
    : json_(json), file_(file), path_(path) {
  if (!json.is_object()) {
    throw usage_error(file + ": " + (path.empty() ? "the file" : path) + " is not an object {...}");
  }
}

void JsonReader::fail(const std::string& key, const std::string& what) const {
  throw usage_error(file_ + ": " + (path_.empty() ? "" : path_ + ".") + key + ": " + what);
}

const Json& JsonReader::field(const char* key) const {
  const auto found = json_.find(key);
  if (found == json_.end()) fail(key, "is missing");
  return *found;
}

double JsonReader::number(const char* key) const {
  const Json& value = field(key);
  if (!value.is_number()) fail(key, "is not a number");
  const double number = value.get<double>();
  if (!std::isfinite(number)) fail(key, "is not finite");
  return number;
}

std::int64_t JsonReader::whole(const char* key) const {
  const Json& value = field(key);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
  if (!fits) fail(key, "is not a whole number");
  return value.get<std::int64_t>();
}

bool JsonReader::truth(const char* key) const {
  const Json& value = field(key);
  if (!value.is_boolean()) fail(key, "is not true or false");
  return value.get<bool>();
}

std::string JsonReader::text(const char* key) const {
  const Json& value = field(key);
  if (!value.is_string()) fail(key, "is not a text");
  return value.get<std::string>();
}

JsonReader JsonReader::object(const char* key) const {
  return {field(key), file_, path_.empty() ? key : path_ + "." + key};
}

std::vector<JsonReader> JsonReader::objects(const char* key) const {
  const Json& array = field(key);
  if (!array.is_array()) fail(key, "is not a list");
  std::vector<JsonReader> out;
  const std::string prefix = path_.empty() ? key : path_ + "." + key;
  for (std::size_t i = 0; i < array.size(); ++i) {
    out.push_back(JsonReader(array[i], file_, prefix + "[" + std::to_string(i) + "]"));
  }
  return out;
}

std::vector<std::string> JsonReader::texts(const char* key) const {
  const Json& array = field(key);
  if (!array.is_array()) fail(key, "is not a list");
  std::vector<std::string> out;
  for (const Json& item : array) {
    if (!item.is_string()) fail(key, "is not a list of texts");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<std::string> JsonReader::keys() const {
  std::vector<std::string> out;
  for (const auto& item : json_.items()) out.push_back(item.key());
  return out;
}

std::vector<std::vector<double>> JsonReader::rows(const char* key, std::size_t columns) const {
  const Json& array = field(key);
  if (!array.is_array()) fail(key, "is not a list");
  std::vector<std::vector<double>> out;
  for (const Json& row : array) {
    const std::string which = std::string(key) + "[" + std::to_string(out.size()) + "]";
    if (!row.is_array() || row.size() != columns) {
      fail(which, "is not a list of " + std::to_string(columns) + " numbers");
    }
    std::vector<double>& numbers = out.emplace_back();
    for (const Json& number : row) {
      if (!number.is_number() || !std::isfinite(number.get<double>())) {
        fail(which, "is not a list of " + std::to_string(columns) + " finite numbers");
      }
      numbers.push_back(number.get<double>());
    }
  }
  return out;
}

double JsonReader::number_or(const char* key, double absent) const {
  return has(key) ? number(key) : absent;
}
std::int64_t JsonReader::whole_or(const char* key, std::int64_t absent) const {
  return has(key) ? whole(key) : absent;
}
std::string JsonReader::text_or(const char* key, const std::string& absent) const {
  return has(key) ? text(key) : absent;
}
std::optional<double> JsonReader::maybe_number(const char* key) const {
  return has(key) ? std::optional(number(key)) : std::nullopt;
}

std::string JsonReader::scalar(const char* key) const {
  const Json& value = field(key);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  return exact_number(number(key));
}

Json recipe_json(const std::map<std::string, std::string>& recipe) {
  Json json = Json::object();
  for (const auto& [key, value] : recipe) {
    const Json typed = Json::parse(value, nullptr, false);
    const bool as_it_is = typed.is_number() || typed.is_boolean();
    json[key] = as_it_is ? typed : Json(value);
  }
  return json;
}

std::map<std::string, std::string> read_recipe(const JsonReader& reader) {
  std::map<std::string, std::string> recipe;
  for (const std::string& key : reader.keys()) recipe[key] = reader.scalar(key.c_str());
  return recipe;
}

Json parse_json(std::string_view text, const std::string& file) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw usage_error(file + ":" + line_and_column(text, error.byte) +
                      ": is not JSON: the file was cut or edited by hand");
  } catch (const Json::exception&) {
    throw usage_error(file + ": holds a number too large for a double");
  }
}

double finite(double value, const char* field) {
  if (!std::isfinite(value)) {
    throw failure(std::string("JSON: ") + field + ": is not finite and cannot be written");
  }
  return value;
}

Json interval_json(const Interval& interval, const char* field) {
  Json json = {{"value", finite(interval.value, field)}};
  if (interval.low) json["low"] = finite(*interval.low, field);
  if (interval.high) json["high"] = finite(*interval.high, field);
  return json;
}

Interval read_interval(const JsonReader& reader) {
  return {reader.number("value"), reader.maybe_number("low"), reader.maybe_number("high")};
}

Json warnings_json(const std::vector<Warning>& warnings) {
  Json json = Json::array();
  for (const Warning& warning : warnings) {
    json.push_back({{"code", warning.code}, {"message", warning.message}});
  }
  return json;
}

std::string json_text(const Json& json) {
  std::string out;
  append(json, "", out);
  return out + "\n";
}

}  // namespace isoflop
