#include "io/option_file.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <toml++/toml.h>

#include "core/error.h"
#include "core/units.h"
#include "io/atomic_file.h"
#include "io/toml_text.h"

namespace isoflop {
namespace {

class OptionFileReader {
 public:
  explicit OptionFileReader(const std::string& name) : name_(name) {}

  std::vector<FileOption> read(const toml::table& root) {
    add_table(root, "");
    std::stable_sort(options_.begin(), options_.end(),
                     [](const FileOption& a, const FileOption& b) { return a.line < b.line; });
    return std::move(options_);
  }

 private:
  [[noreturn]] void fail(int line, const std::string& what) const {
    throw usage_error(name_ + ":" + std::to_string(line) + ": " + what);
  }

  std::string scalar(const toml::node& node, const std::string& key) const {
    const int line = static_cast<int>(node.source().begin.line);
    if (const auto* value = node.as_string()) return std::string(value->get());
    if (const auto* value = node.as_integer()) return std::to_string(value->get());
    if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
    if (const auto* value = node.as_floating_point()) {
      if (!std::isfinite(value->get())) fail(line, key + ": is not finite: give a number");
      return exact_number(value->get());
    }
    fail(line, key + ": is neither a number nor a text: put it in quotes, as it would be typed");
  }

  void add_value(const std::string& verb, const toml::key& key, const toml::node& node) {
    FileOption option{.verb = verb,
                      .key = std::string(key.str()),
                      .values = {},
                      .line = static_cast<int>(key.source().begin.line)};
    if (const toml::array* list = node.as_array()) {
      for (const toml::node& each : *list) option.values.push_back(scalar(each, option.key));
    } else {
      option.values.push_back(scalar(node, option.key));
    }
    options_.push_back(std::move(option));
  }

  void add_table(const toml::table& table, const std::string& verb) {
    for (const auto& [key, node] : table) {
      if (const toml::table* below = node.as_table()) {
        add_table(*below, (verb.empty() ? "" : verb + " ") + std::string(key.str()));
      } else {
        add_value(verb, key, node);
      }
    }
  }

  std::string name_;
  std::vector<FileOption> options_;
};

}  // namespace

std::vector<FileOption> parse_option_file(std::string_view text, const std::string& name) {
  try {
    const toml::table root = toml::parse(text, name);
    return OptionFileReader(name).read(root);
  } catch (const toml::parse_error& error) {
    throw usage_error(name + ":" + std::to_string(error.source().begin.line) + ": " +
                      std::string(error.description()) +
                      "; isoflop VERB --print-config prints a file that reads well");
  }
}

std::vector<FileOption> read_option_file(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    throw usage_error("--config: " + path +
                      ": is no file: write one with isoflop VERB --print-config > " + path);
  }
  return parse_option_file(read_whole_file(path), path);
}

std::string option_toml(const std::string& value) { return toml_value(value); }

std::string option_toml(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) out += (out.size() > 1 ? ", " : "") + option_toml(value);
  return out + "]";
}

}  // namespace isoflop
