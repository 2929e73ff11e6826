#include "imports/json_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "imports/json_walk.h"

namespace isoflop {
namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kLongestName = 1000;
constexpr std::size_t kFirstBytes = 65536;

std::string place_in(std::string_view text, std::size_t byte, std::int64_t first_line) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == before.npos ? before.size() : before.size() - newline - 1;
  return std::to_string(first_line + std::count(before.begin(), before.end(), '\n')) + ":" +
         std::to_string(column + 1);
}

// Hears the values of a row; collects its cells, or with none to fill only checks the syntax.
class RowListener : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit RowListener(std::vector<std::pair<std::string, std::string>>* cells) : cells_(cells) {}

  bool null() override { return cell(""); }
  bool boolean(bool value) override { return cell(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return cell(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return cell(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return cell(text); }
  bool string(string_t& text) override { return cell(text); }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& name) override {
    if (cells_ == nullptr || arrays_ > 0) return true;
    key_ = name;
    long_name_ = prefix().size() + key_.size() > kLongestName;
    return !long_name_;
  }
  bool start_object(std::size_t) override {
    if (depth_ > 0 && arrays_ == 0) prefixes_.push_back(prefix() + key_ + ".");
    return deeper();
  }
  bool end_object() override {
    if (--depth_ > 0 && arrays_ == 0) prefixes_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override {
    ++arrays_;
    return deeper();
  }
  bool end_array() override {
    --arrays_;
    --depth_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    position_ = position;
    out_of_range_ = error.id == 406;
    return false;
  }

  std::string why() const {
    if (depth_ > kDeepest) return "is nested more than 64 deep";
    if (long_name_) return "has a name of more than 1000 characters";
    if (out_of_range_) return "holds a number too large for a double";
    return "is not JSON: the file was cut or edited by hand";
  }
  std::size_t position() const { return position_ > 0 ? position_ - 1 : 0; }

 private:
  std::string prefix() const { return prefixes_.empty() ? "" : prefixes_.back(); }
  bool deeper() { return ++depth_ <= kDeepest; }
  bool cell(std::string text) {
    if (cells_ == nullptr || arrays_ > 0 || depth_ == 0) return true;
    cells_->emplace_back(prefix() + key_, std::move(text));
    return true;
  }

  std::vector<std::pair<std::string, std::string>>* cells_;
  std::vector<std::string> prefixes_;
  std::string key_;
  std::size_t depth_ = 0, arrays_ = 0, position_ = 0;
  bool out_of_range_ = false, long_name_ = false;
};

void hear_json(std::string_view text, const std::string& name, std::int64_t first_line,
               std::vector<std::pair<std::string, std::string>>* cells) {
  RowListener listener(cells);
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &listener)) return;
  throw usage_error(name + ":" + place_in(text, listener.position(), first_line) + ": " +
                    listener.why());
}

bool is_array_of_objects(std::string_view value) {
  JsonWalk walk(value);
  return walk.take('[') && walk.peek() == '{';
}

// The array of a whole file's rows: itself, or that of its one member that is such; else all of it.
std::string_view rows_in(std::string_view text, const std::string& name) {
  JsonWalk walk(text);
  if (!walk.take('{')) return text;
  std::string_view found, found_key;
  while (walk.peek() == '"') {
    const std::string_view key = walk.value();
    walk.take(':');
    const std::string_view value = walk.value();
    walk.take(',');
    if (!is_array_of_objects(value)) continue;
    if (!found.empty()) {
      throw usage_error(name + ": holds several arrays of objects, " + std::string(found_key) +
                        " and " + std::string(key) +
                        ": keep one of them in a file of its own, e.g. with jq");
    }
    found = value;
    found_key = key;
  }
  return found.empty() ? text : found;
}

JsonRow row_of(std::string_view object, const std::string& name, std::int64_t line) {
  JsonRow row{.text = on_one_line(object), .line = line, .cells = {}};
  hear_json(object, name, line, &row.cells);
  return row;
}

[[noreturn]] void no_object(const std::string& name, std::int64_t line, std::string_view what) {
  throw usage_error(name + ":" + std::to_string(line) +
                    ":1: " + std::string(what.substr(0, std::min<std::size_t>(what.size(), 20))) +
                    " is no object: a row is {\"params\": ..., \"tokens\": ..., \"loss\": ...}");
}

// Keeps count of lines while it goes through a text once.
class LineCount {
 public:
  explicit LineCount(std::string_view text) : text_(text) {}
  std::int64_t at(const char* place) {
    const auto offset = static_cast<std::size_t>(place - text_.data());
    line_ += std::count(text_.begin() + static_cast<std::ptrdiff_t>(seen_),
                        text_.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
    seen_ = offset;
    return line_;
  }

 private:
  std::string_view text_;
  std::size_t seen_ = 0;
  std::int64_t line_ = 1;
};

std::string_view trimmed_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kJsonBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kJsonBlanks) - first + 1);
}

// Without a byte-order mark.
std::string_view plain_json(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

std::vector<JsonRow> json_rows_of(std::string_view text, const std::string& name) {
  hear_json(text, name, 1, nullptr);
  LineCount lines(text);
  const std::string_view rows = rows_in(text, name);
  JsonWalk walk(rows);
  std::vector<JsonRow> out;
  if (walk.peek() == '{') {
    out.push_back(row_of(trimmed_blanks(rows), name, lines.at(rows.data() + walk.at())));
    return out;
  }
  if (!walk.take('[')) no_object(name, 1, trimmed_blanks(rows));
  while (walk.peek() != ']' && !walk.done()) {
    const std::string_view value = walk.value();
    const std::int64_t line = lines.at(value.data());
    if (!value.starts_with('{')) no_object(name, line, value);
    out.push_back(row_of(value, name, line));
    walk.take(',');
  }
  return out;
}

std::vector<JsonRow> json_line_rows_of(std::string_view text, const std::string& name) {
  std::vector<JsonRow> out;
  std::int64_t line = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view object = trimmed_blanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line;
    if (object.empty()) continue;
    if (!object.starts_with('{')) no_object(name, line, object);
    out.push_back(row_of(object, name, line));
  }
  return out;
}

}  // namespace

std::vector<JsonRow> rows_of_json(std::string_view text, const std::string& name) {
  text = plain_json(text);
  return names_no_number(text) ? json_rows_of(with_words_quoted(text), name)
                               : json_rows_of(text, name);
}

std::vector<JsonRow> rows_of_json_lines(std::string_view text, const std::string& name) {
  text = plain_json(text);
  return names_no_number(text) ? json_line_rows_of(with_words_quoted(text), name)
                               : json_line_rows_of(text, name);
}

JsonShape json_shape(std::string_view text) {
  text = plain_json(text);
  JsonWalk walk(text);
  if (walk.peek() == '[') return JsonShape::kJson;
  if (walk.peek() != '{') return JsonShape::kNone;
  const std::size_t end = text.find('\n', walk.at());
  if (end == text.npos) return JsonShape::kJson;
  JsonWalk first(text.substr(0, end)), next(text.substr(end));
  first.value();
  return first.closed() && next.peek() == '{' ? JsonShape::kJsonLines : JsonShape::kJson;
}

std::vector<std::string> first_row_names(std::string_view text) {
  const std::string quoted = with_words_quoted(plain_json(text).substr(0, kFirstBytes));
  text = quoted;
  if (json_shape(text) == JsonShape::kNone) return {};
  std::vector<std::pair<std::string, std::string>> cells;
  RowListener listener(&cells);
  std::string_view row = text;
  JsonWalk walk(text);
  if (json_shape(text) == JsonShape::kJson) {
    try {
      row = rows_in(text, "");
    } catch (const Error&) {
      return {};
    }
    walk = JsonWalk(row);
  }
  if (walk.take('[')) walk.peek();
  row = row.substr(std::min(walk.at(), row.size()));
  nlohmann::json::sax_parse(row.begin(), row.end(), &listener, nlohmann::json::input_format_t::json,
                            false);
  std::vector<std::string> names;
  for (auto& cell : cells) names.push_back(std::move(cell.first));
  return names;
}

}  // namespace isoflop
