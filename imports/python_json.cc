#include "imports/python_json.h"

#include <array>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr std::array<std::string_view, 3> kPythonWords = {"-Infinity", "Infinity", "NaN"};

bool has_python_words(std::string_view text) {
  return text.find("NaN") != std::string_view::npos ||
         text.find("Infinity") != std::string_view::npos;
}

// The length of the string literal at the beginning of `text`, with its quotes.
std::size_t literal_length(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

std::size_t python_word_length(std::string_view text) {
  for (const std::string_view word : kPythonWords) {
    if (text.starts_with(word)) return word.size();
  }
  return 0;
}

std::string quoted_words(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 64);
  while (!text.empty()) {
    std::size_t length = 1;
    const std::size_t word = python_word_length(text);
    if (text.front() == '"') length = literal_length(text);
    if (word > 0) length = word;
    if (word > 0) out += '"';
    out.append(text.substr(0, length));
    if (word > 0) out += '"';
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

Json parse_python_json(std::string_view text, const std::string& file) {
  return has_python_words(text) ? parse_json(quoted_words(text), file) : parse_json(text, file);
}

std::optional<double> python_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const std::string& word = value.get_ref<const std::string&>();
  if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (word == "Infinity") return std::numeric_limits<double>::infinity();
  if (word == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

std::optional<double> python_field(const Json& object, std::string_view key) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(key);
  return found == object.end() ? std::nullopt : python_number(*found);
}

}  // namespace isoflop
