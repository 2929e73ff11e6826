#include "io/grid_toml.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <toml++/toml.h>
#include <tuple>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/trial.h"
#include "core/units.h"
#include "io/atomic_file.h"
#include "io/hyper_json.h"

namespace isoflop {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// A value in the file with its key, for messages.
struct Entry {
  std::string key;  // dotted, as the user sees it: "grid.budgets"
  const toml::node* node;
  toml::source_position at;
};

class GridParser {
 public:
  GridParser(const toml::table& root, const std::string& name) : root_(root), name_(name) {}

  GridSpec parse() {
    check_keys(root_, "",
               {"name", "trainer", "objective", "data", "grid", "trial", "axes", "rates", "bracket",
                "target"});
    spec_.name = text(needed(root_, "", "name"));
    if (spec_.name.empty()) fail(needed(root_, "", "name"), "is empty: name the sweep");
    if (const auto trainer = find(root_, "", "trainer")) fix("trainer", *trainer);
    if (const auto objective = find(root_, "", "objective")) fix("model.objective", *objective);
    parse_data();
    parse_trial();
    parse_axes();
    parse_grid_table();
    parse_rates();
    parse_bracket();
    parse_target();
    std::sort(spec_.fixed.begin(), spec_.fixed.end());
    return std::move(spec_);
  }

 private:
  [[noreturn]] void fail_at(const toml::source_position& at, const std::string& what) const {
    throw usage_error(name_ + ":" + std::to_string(at.line) + ": " + what);
  }
  [[noreturn]] void fail(const Entry& entry, const std::string& what) const {
    fail_at(entry.at, entry.key + ": " + what);
  }

  static Entry entry_of(const std::string& prefix, const toml::key& key, const toml::node& node) {
    const std::string dotted =
        prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
    return {dotted, &node, key.source().begin};
  }

  std::optional<Entry> find(const toml::table& table, const std::string& prefix,
                            std::string_view key) const {
    for (const auto& [name, node] : table) {
      if (name.str() == key) return entry_of(prefix, name, node);
    }
    return std::nullopt;
  }
  Entry needed(const toml::table& table, const std::string& prefix, const std::string& key) const {
    if (auto entry = find(table, prefix, key)) return *entry;
    fail_at({std::max(1u, table.source().begin.line), 1},
            (prefix.empty() ? key : prefix + "." + key) + ": is missing");
  }

  const toml::table& table_of(const Entry& entry) const {
    if (!entry.node->is_table()) fail(entry, "must be a table: [" + entry.key + "]");
    return *entry.node->as_table();
  }

  void check_keys(const toml::table& table, const std::string& prefix,
                  const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      if (std::count(known.begin(), known.end(), key.str()) > 0) continue;
      std::string hint = closest_word(key.str(), known);
      if (hint.empty()) {
        for (const std::string& word : known) hint += (hint.empty() ? "" : ", ") + word;
        hint = "; known are " + hint;
      } else {
        hint = ": did you mean " + hint + "?";
      }
      fail(entry_of(prefix, key, node), "is not a key of a sweep" + hint);
    }
  }

  std::string text(const Entry& entry) const {
    if (!entry.node->is_string()) fail(entry, "must be a text in quotes");
    return std::string(entry.node->as_string()->get());
  }

  // A scalar as set_key reads it.
  std::string scalar(const Entry& entry) const {
    const toml::node& node = *entry.node;
    if (const auto* value = node.as_string()) return std::string(value->get());
    if (const auto* value = node.as_integer()) return std::to_string(value->get());
    if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
    if (const auto* value = node.as_floating_point()) {
      if (!std::isfinite(value->get())) fail(entry, "is not finite");
      return exact_number(value->get());
    }
    fail(entry, node.is_array() ? "is a list: lists of values belong under [axes]"
                                : "must be a number, a text, or true or false");
  }

  double positive(const Entry& entry) const {
    if (!entry.node->is_number() && !entry.node->is_string()) fail(entry, "must be a number");
    const std::string value = scalar(entry);
    const auto number = try_parse_quantity(value);
    if (!number) fail(entry, "\"" + value + "\" is not a number");
    if (*number <= 0) fail(entry, value + " is not above 0");
    return *number;
  }

  std::vector<Entry> elements(const Entry& entry) const {
    const toml::array* array = entry.node->as_array();
    if (array == nullptr) fail(entry, "must be a list: [...]");
    if (array->empty()) fail(entry, "is an empty list");
    std::vector<Entry> out;
    for (const toml::node& node : *array) {
      out.push_back({entry.key, &node, node.source().begin});
    }
    return out;
  }

  std::vector<double> numbers(const Entry& entry) const {
    std::vector<double> out;
    for (const Entry& element : elements(entry)) {
      const double value = positive(element);
      if (std::count(out.begin(), out.end(), value) > 0) {
        fail(element, exact_number(value) + " is listed twice");
      }
      out.push_back(value);
    }
    return out;
  }

  // Every scalar or list below `table`, its keys joined by dots.
  void flatten(const toml::table& table, const std::string& prefix, std::vector<Entry>& out) const {
    for (const auto& [key, node] : table) {
      const Entry entry = entry_of(prefix, key, node);
      if (const auto* inner = node.as_table()) {
        flatten(*inner, entry.key, out);
      } else {
        out.push_back(entry);
      }
    }
  }
  std::vector<Entry> flattened(const toml::table& table) const {
    std::vector<Entry> out;
    flatten(table, "", out);
    std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
    return out;
  }

  void try_on_trial(const std::string& key, const Entry& entry, const std::string& value) const {
    try {
      Trial scratch;
      set_key(scratch, key, value);
    } catch (const Error& error) {
      fail_at(entry.at, error.what());
    }
  }

  void check_epochs(const Entry& entry) const {
    if (positive(entry) >= 1) return;
    fail(entry, scalar(entry) + " is less than one pass over the data: give 1 or more");
  }

  // Each trial key has one place in the file, and the grid's own have none.
  void claim(const std::string& key, const Entry& entry) {
    if (key == "train.tokens" || key == "tabular_params") {
      fail(entry, "is set by the grid: give it under [grid] as tokens or params");
    }
    if (!claimed_.insert(key).second) fail(entry, key + " is set twice");
  }

  void fix(const std::string& key, const Entry& entry) {
    const std::string value = scalar(entry);
    try_on_trial(key, entry, value);
    claim(key, entry);
    spec_.fixed.emplace_back(key, value);
  }

  void parse_data() {
    const auto data = find(root_, "", "data");
    if (!data) return;
    std::vector<std::string> known = {"corpus"};
    for (const std::string& key : trial_keys()) {
      if (key.starts_with("data.")) known.push_back(key.substr(5));
    }
    check_keys(table_of(*data), "data", known);
    std::string source;
    for (const Entry& entry : flattened(table_of(*data))) {
      if (entry.key == "corpus") {
        spec_.corpus = text(entry);
      } else {
        fix("data." + entry.key, entry);
        if (entry.key == "source") source = spec_.fixed.back().second;
      }
    }
    if (source == "zipf" && !spec_.corpus.empty()) {
      fail(*data, "source \"zipf\" needs no corpus: remove one of the two");
    }
  }

  void parse_trial() {
    const auto trial = find(root_, "", "trial");
    if (!trial) return;
    for (const Entry& entry : flattened(table_of(*trial))) {
      fix(entry.key == "objective" ? "model.objective" : entry.key, entry);
    }
  }

  void parse_axes() {
    const auto axes = find(root_, "", "axes");
    if (!axes) return;
    for (const Entry& entry : flattened(table_of(*axes))) {
      std::vector<std::string> values;
      for (const Entry& element : elements(entry)) {
        const std::string value = scalar(element);
        if (entry.key == kEpochsAxis) {
          check_epochs(element);
        } else {
          try_on_trial(entry.key, element, value);
        }
        if (std::count(values.begin(), values.end(), value) > 0) {
          fail(element, value + " is listed twice");
        }
        values.push_back(value);
      }
      claim(entry.key, entry);
      spec_.axes.emplace_back(entry.key, values);
    }
  }

  void parse_grid_table() {
    const Entry entry = needed(root_, "", "grid");
    const toml::table& grid = table_of(entry);
    check_keys(grid, "grid", {"kind", "flops", "budgets", "params", "tokens", "tokens_per_param"});
    spec_.kind = kind_of(needed(grid, "grid", "kind"));
    if (const auto flops = find(grid, "grid", "flops")) spec_.convention = convention_of(*flops);
    parse_list_of_kind(grid, "budgets", GridKind::kIsoflop, spec_.budgets);
    parse_list_of_kind(grid, "tokens", GridKind::kTokens, spec_.tokens);
    parse_list_of_kind(grid, "tokens_per_param", GridKind::kTokensPerParam, spec_.tokens_per_param);
    parse_sizes(needed(grid, "grid", "params"));
  }

  GridKind kind_of(const Entry& entry) const {
    const std::string kind = text(entry);
    if (kind == "isoflop") return GridKind::kIsoflop;
    if (kind == "tokens") return GridKind::kTokens;
    if (kind == "tokens_per_param") return GridKind::kTokensPerParam;
    fail(entry, "\"" + kind + "\" is not known: give isoflop, tokens or tokens_per_param");
  }

  FlopConvention convention_of(const Entry& entry) const {
    try {
      return parse_flop_convention(text(entry));
    } catch (const Error& error) {
      fail(entry, error.what());
    }
  }

  void parse_list_of_kind(const toml::table& grid, const char* key, GridKind kind,
                          std::vector<double>& out) const {
    if (spec_.kind == kind) {
      out = numbers(needed(grid, "grid", key));
    } else if (const auto entry = find(grid, "grid", key)) {
      fail(*entry, "does not belong to this kind of grid: remove it or change grid.kind");
    }
  }

  void parse_sizes(const Entry& entry) {
    const auto lists = elements(entry);
    const auto nested = std::count_if(lists.begin(), lists.end(),
                                      [](const Entry& list) { return list.node->is_array(); });
    if (nested == 0) {
      spec_.sizes = {numbers(entry)};
      return;
    }
    if (nested != static_cast<std::ptrdiff_t>(lists.size())) {
      fail(entry, "mixes numbers and lists: give one list, or one list a budget");
    }
    if (spec_.kind != GridKind::kIsoflop || lists.size() != spec_.budgets.size()) {
      fail(entry, "has " + std::to_string(lists.size()) + " lists, but there are " +
                      std::to_string(spec_.budgets.size()) +
                      " budgets: give one list for all, or one a budget");
    }
    for (const Entry& list : lists) spec_.sizes.push_back(numbers(list));
  }

  void parse_bracket() {
    const auto bracket = find(root_, "", "bracket");
    if (!bracket) return;
    check_keys(table_of(*bracket), "bracket", {"rate", "batch"});
    const auto rate = find(table_of(*bracket), "bracket", "rate");
    const auto batch = find(table_of(*bracket), "bracket", "batch");
    if (!rate && !batch) needed(table_of(*bracket), "bracket", "rate");
    if (rate) spec_.bracket = bracket_factor(*rate, "rate");
    if (batch) spec_.batch_bracket = bracket_factor(*batch, "batch");
  }

  double bracket_factor(const Entry& entry, const std::string& what) const {
    const double factor = positive(entry);
    if (factor > 1) return factor;
    fail(entry, scalar(entry) + " is not above 1: 2 tries " + what + " / 2 and " + what + " x 2");
  }

  // A published law by its name, a fitted one by its file, or the numbers that grid_toml writes.
  void parse_rates() {
    const auto rates = find(root_, "", "rates");
    if (!rates) return;
    const toml::table& table = table_of(*rates);
    check_keys(table, "rates",
               {"law", "counted", "rate", "batch", "warmup_per_param", "params", "tokens", "flops",
                "tokens_per_param"});
    const Entry name = needed(table, "rates", "law");
    const auto rate = find(table, "rates", "rate");
    const auto batch = find(table, "rates", "batch");
    if (!rate && !batch) {
      refuse_beside_name(table, name);
      spec_.rates = named_law(name);
      return;
    }
    HyperLaw law{.name = text(name)};
    if (const auto counted = find(table, "rates", "counted")) law.counted = counted_of(*counted);
    if (rate) law.rate = HyperTerm{power_of(*rate)};
    if (batch) law.batch = HyperTerm{power_of(*batch)};
    if (const auto warmup = find(table, "rates", "warmup_per_param")) {
      law.warmup_per_param = positive(*warmup);
    }
    law.params = range_of(table, "params");
    law.tokens = range_of(table, "tokens");
    law.flops = range_of(table, "flops");
    law.tokens_per_param = range_of(table, "tokens_per_param");
    spec_.rates = law;
  }

  // A law by its name or its file says the rest itself.
  void refuse_beside_name(const toml::table& table, const Entry& name) const {
    for (const auto& [key, node] : table) {
      if (key.str() == "law") continue;
      fail(needed(table, "rates", std::string(key.str()).c_str()),
           "belongs to a law that is given in numbers, and " + text(name) +
               " is given by its name: leave it out, or give rate or batch as [c, n, d, e]");
    }
  }

  // Where the law was measured: [low, high]; absent: not said.
  HyperRange range_of(const toml::table& table, const char* key) const {
    const auto entry = find(table, "rates", key);
    if (!entry) return {};
    std::vector<double> ends;
    for (const Entry& element : elements(*entry)) {
      const auto end = try_parse_quantity(scalar(element));
      if (!end || !(*end >= 0)) fail(element, "is not 0 or more");
      ends.push_back(*end);
    }
    if (ends.size() != 2 || ends[0] > ends[1]) fail(*entry, "must be [low, high]");
    return {ends[0], ends[1]};
  }

  // Without what a grid has no use for, so that what is written is what is read.
  HyperLaw named_law(const Entry& entry) const {
    const std::string name = text(entry);
    try {
      HyperLaw law = name.ends_with(".json") ? read_hyper_law(name) : published_hyper_law(name);
      if (law.rate) law.rate->draws.clear();
      if (law.batch) law.batch->draws.clear();
      return {.name = law.name,
              .counted = law.counted,
              .rate = law.rate,
              .batch = law.batch,
              .params = law.params,
              .tokens = law.tokens,
              .flops = law.flops,
              .tokens_per_param = law.tokens_per_param,
              .warmup_per_param = law.warmup_per_param};
    } catch (const Error& error) {
      fail(entry, error.what());
    }
  }

  CountedParams counted_of(const Entry& entry) const {
    try {
      return parse_counted_params(text(entry));
    } catch (const Error& error) {
      fail(entry, error.what());
    }
  }

  HyperPower power_of(const Entry& entry) const {
    std::vector<double> values;
    for (const Entry& element : elements(entry)) {
      const auto number = try_parse_quantity(scalar(element));
      if (!number) fail(element, "is not a number");
      values.push_back(*number);
    }
    if (values.size() != 4 || !(values[0] > 0)) {
      fail(entry, "must be [c, n, d, e] of c N^n D^d C^e, c above 0");
    }
    return {.coefficient = values[0], .params = values[1], .tokens = values[2], .flops = values[3]};
  }

  void parse_target() {
    const auto target = find(root_, "", "target");
    if (!target) return;
    check_keys(table_of(*target), "target", {"flops"});
    spec_.target_flops = positive(needed(table_of(*target), "target", "flops"));
  }

  const toml::table& root_;
  const std::string& name_;
  GridSpec spec_;
  std::set<std::string> claimed_;
};

}  // namespace

GridSpec parse_grid(std::string_view text, const std::string& name) {
  try {
    const toml::table root = toml::parse(text, name);
    return GridParser(root, name).parse();
  } catch (const toml::parse_error& error) {
    throw usage_error(name + ":" + std::to_string(error.source().begin.line) +
                      ": is not TOML: " + std::string(error.description()));
  }
}

GridSpec read_grid(const std::string& path) { return parse_grid(read_whole_file(path), path); }

}  // namespace isoflop
