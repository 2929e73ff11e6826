#include "data/jsonl.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace isoflop {
namespace {

using JsonValue = nlohmann::json;

// Hears the values of a line one by one and keeps one of them.
class DocumentListener : public nlohmann::json_sax<JsonValue> {
 public:
  DocumentListener(const std::string& key, JsonlDocument& document)
      : key_(key), document_(document) {}

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("true or false"); }
  bool number_integer(number_integer_t) override { return other("a number"); }
  bool number_unsigned(number_unsigned_t) override { return other("a number"); }
  bool number_float(number_float_t, const string_t&) override { return other("a number"); }
  bool binary(binary_t&) override { return other("binary"); }
  bool string(string_t& value) override {
    if (depth_ == 0) return other("a string");
    if (wanted()) {
      document_.text = std::move(value);
      found_ = true;
    }
    return true;
  }
  bool start_object(std::size_t) override {
    const bool good = depth_ == 0 || other("an object");
    ++depth_;
    return good;
  }
  bool start_array(std::size_t) override {
    const bool good = other("a list");
    ++depth_;
    return good;
  }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    at_key_ = name == key_;
    if (!at_key_) names_ += (names_.empty() ? "" : ", ") + name;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    document_.byte = position > 0 ? static_cast<std::int64_t>(position) - 1 : 0;
    document_.wrong = utf8 ? "is not UTF-8: convert the file to UTF-8"
                           : "is not JSON: give one JSON object a line";
    return false;
  }

  void finish() {
    if (found_ || !document_.wrong.empty()) return;
    document_.wrong = "has no \"" + key_ + "\"" +
                      (names_.empty() ? "" : ", but " + names_.substr(0, 200)) +
                      ": name the text's key (--text-key)";
  }

 private:
  bool wanted() const { return depth_ == 1 && at_key_; }
  // A value that is no text: wrong where the text, or the object itself, should be.
  bool other(const char* what) {
    if (depth_ == 0) {
      document_.wrong = std::string("is ") + what + ": give one JSON object a line";
      return false;
    }
    if (!wanted()) return true;
    document_.wrong =
        "\"" + key_ + "\" is " + what + ", not a string: name the text's key (--text-key)";
    return false;
  }

  const std::string& key_;
  JsonlDocument& document_;
  std::string names_;
  int depth_ = 0;
  bool at_key_ = false;
  bool found_ = false;
};

}  // namespace

JsonlDocument read_jsonl_line(std::string_view line, const std::string& key) {
  JsonlDocument document;
  DocumentListener listener(key, document);
  JsonValue::sax_parse(line.begin(), line.end(), &listener);
  listener.finish();
  return document;
}

}  // namespace isoflop
