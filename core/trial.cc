#include "core/trial.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <type_traits>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/units.h"

namespace isoflop {
namespace {

// The one list of a trial's fields. `T` is Trial or const Trial. Fields that are called later(...)
// came when there were trials already: their default means that nothing is different.
template <class T, class Visitor>
void visit_later_fields(T& t, Visitor&& later) {
  later("model.objective", t.model.objective);
  later("model.next_sentence", t.model.next_sentence);
  later("model.mask_fraction", t.model.mask_fraction);
  later("model.experts", t.model.experts);
  later("model.experts_per_token", t.model.experts_per_token);
  later("model.granularity", t.model.granularity);
  later("model.shared_experts", t.model.shared_experts);
  later("model.router", t.model.router);
  later("model.capacity_factor", t.model.capacity_factor);

  later("data.unique_tokens", t.data.unique_tokens);

  later("train.mask_replaced", t.train.mask_replaced);
  later("train.mask_random", t.train.mask_random);
  later("train.whole_words", t.train.whole_words);
  later("train.balance_loss", t.train.balance_loss);
  later("train.router_z_loss", t.train.router_z_loss);
}

template <class T, class Visitor>
void visit_first_fields(T& t, Visitor&& visit) {
  visit("trainer", t.trainer);
  visit("seed", t.seed);
  visit("eval_windows", t.eval_windows);
  visit("recipe_version", t.recipe_version);
  visit("tabular_params", t.tabular_params);

  visit("model.vocab", t.model.vocab);
  visit("model.context", t.model.context);
  visit("model.layers", t.model.layers);
  visit("model.width", t.model.width);
  visit("model.heads", t.model.heads);
  visit("model.head_size", t.model.head_size);
  visit("model.hidden", t.model.hidden);
  visit("model.positions", t.model.positions);
  visit("model.norm", t.model.norm);
  visit("model.feed_forward", t.model.feed_forward);
  visit("model.tied_head", t.model.tied_head);
  visit("model.qk_norm", t.model.qk_norm);
  visit("model.rotary_base", t.model.rotary_base);
  visit("model.mup_base", t.model.mup_base);

  visit("data.source", t.data.source);
  visit("data.hash", t.data.hash);
  visit("data.epochs", t.data.epochs);
  visit("data.zipf_alpha", t.data.zipf_alpha);
  visit("data.zipf_base", t.data.zipf_base);
  visit("data.zipf_digits", t.data.zipf_digits);
  visit("data.zipf_values", t.data.zipf_values);
  visit("data.zipf_alphabet", t.data.zipf_alphabet);
  visit("data.zipf_noise", t.data.zipf_noise);
  visit("data.zipf_seed", t.data.zipf_seed);

  visit("train.tokens", t.train.tokens);
  visit("train.batch", t.train.batch);
  visit("train.rate", t.train.rate);
  visit("train.warmup", t.train.warmup);
  visit("train.warmup_tokens", t.train.warmup_tokens);
  visit("train.schedule", t.train.schedule);
  visit("train.cooldown", t.train.cooldown);
  visit("train.cooldown_shape", t.train.cooldown_shape);
  visit("train.final_rate", t.train.final_rate);
  visit("train.beta1", t.train.beta1);
  visit("train.beta2", t.train.beta2);
  visit("train.epsilon", t.train.epsilon);
  visit("train.weight_decay", t.train.weight_decay);
  visit("train.clip", t.train.clip);
  visit("train.dtype", t.train.dtype);
}

template <class T, class Visitor>
void visit_fields(T& t, Visitor&& visit) {
  visit_first_fields(t, visit);
  visit_later_fields(t, visit);
}

template <class E>
struct Word {
  E value;
  std::string_view word;
};
constexpr std::array<Word<Positions>, 2> kPositions{
    {{Positions::kLearned, "learned"}, {Positions::kRotary, "rotary"}}};
constexpr std::array<Word<Norm>, 2> kNorms{
    {{Norm::kLayerNorm, "layernorm"}, {Norm::kRmsNorm, "rmsnorm"}}};
constexpr std::array<Word<FeedForward>, 2> kFeedForwards{
    {{FeedForward::kGelu, "gelu"}, {FeedForward::kSwiglu, "swiglu"}}};

constexpr std::array<Word<Objective>, 2> kObjectives{
    {{Objective::kAutoregressive, "autoregressive"}, {Objective::kMasked, "masked"}}};
constexpr std::array<Word<Router>, 2> kRouters{
    {{Router::kSwitch, "switch"}, {Router::kTopK, "topk"}}};

constexpr const auto& words(Objective) { return kObjectives; }
constexpr const auto& words(Router) { return kRouters; }
constexpr const auto& words(Positions) { return kPositions; }
constexpr const auto& words(Norm) { return kNorms; }
constexpr const auto& words(FeedForward) { return kFeedForwards; }

[[noreturn]] void bad_value(std::string_view key, std::string_view value,
                            const std::string& expected) {
  throw usage_error(std::string(key) + ": \"" + std::string(value) + "\" is not valid: give " +
                    expected);
}

std::string to_text(const std::string& value) { return value; }
std::string to_text(std::int64_t value) { return std::to_string(value); }
std::string to_text(double value) { return exact_number(value); }
std::string to_text(bool value) { return value ? "true" : "false"; }
template <class E>
requires std::is_enum_v<E> std::string to_text(E value) {
  for (const auto& entry : words(value)) {
    if (entry.value == value) return std::string(entry.word);
  }
  return "unknown";
}

void from_text(std::string_view, std::string_view text, std::string& field) {
  field = std::string(text);
}
void from_text(std::string_view key, std::string_view text, double& field) {
  field = parse_quantity(text, key);
}
void from_text(std::string_view key, std::string_view text, std::int64_t& field) {
  const char* end = text.data() + text.size();
  if (const auto exact = std::from_chars(text.data(), end, field);
      exact.ec == std::errc() && exact.ptr == end) {
    return;
  }
  const auto value = try_parse_quantity(text);
  if (!value || *value != std::floor(*value) || std::abs(*value) > 9e15) {
    bad_value(key, text, "a whole number");
  }
  field = static_cast<std::int64_t>(*value);
}
void from_text(std::string_view key, std::string_view text, bool& field) {
  if (text != "true" && text != "false") bad_value(key, text, "true or false");
  field = text == "true";
}
template <class E>
requires std::is_enum_v<E>
void from_text(std::string_view key, std::string_view text, E& field) {
  std::string expected;
  for (const auto& entry : words(field)) {
    if (entry.word == text) {
      field = entry.value;
      return;
    }
    expected += (expected.empty() ? "" : " or ") + std::string(entry.word);
  }
  bad_value(key, text, expected);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static constexpr char kDigits[] = "0123456789abcdef";
      out += "\\u00";
      out += kDigits[(c >> 4) & 1];
      out += kDigits[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Reads what canonical_json writes: flat, no blanks between tokens, and of escapes those of
// json_string.
class FlatJson {
 public:
  explicit FlatJson(std::string_view text) : text_(text) {}

  std::vector<std::pair<std::string, std::string>> read() {
    std::vector<std::pair<std::string, std::string>> fields;
    expect('{');
    while (!next_is('}')) {
      if (!fields.empty()) expect(',');
      std::string key = string();
      expect(':');
      fields.emplace_back(std::move(key), next_is('"') ? string() : word());
    }
    expect('}');
    if (!text_.empty()) fail();
    return fields;
  }

 private:
  [[noreturn]] static void fail() {
    throw usage_error("trial: its text is not a flat JSON object as this program writes it");
  }
  bool next_is(char c) const { return !text_.empty() && text_.front() == c; }
  void expect(char c) {
    if (!next_is(c)) fail();
    text_.remove_prefix(1);
  }
  std::string word() {
    const std::size_t end = text_.find_first_of(",}");
    if (end == std::string_view::npos || end == 0) fail();
    const std::string value(text_.substr(0, end));
    text_.remove_prefix(end);
    return value;
  }
  std::string string() {
    expect('"');
    std::string value;
    while (!next_is('"')) {
      if (text_.empty()) fail();
      value += next_is('\\') ? escaped() : text_.front();
      text_.remove_prefix(1);
    }
    expect('"');
    return value;
  }
  // Leaves the escape's last character for the caller to take.
  char escaped() {
    text_.remove_prefix(1);
    if (!next_is('u')) {
      if (text_.empty()) fail();
      return text_.front();
    }
    int code = 0;
    if (text_.size() < 5 ||
        std::from_chars(text_.data() + 1, text_.data() + 5, code, 16).ptr != text_.data() + 5) {
      fail();
    }
    text_.remove_prefix(4);
    return static_cast<char>(code);
  }

  std::string_view text_;
};

template <class F>
constexpr bool kIsText = std::is_same_v<F, std::string> || std::is_enum_v<F>;

std::map<std::string, std::string> later_defaults() {
  std::map<std::string, std::string> texts;
  const Trial defaults;
  visit_later_fields(defaults,
                     [&](const char* key, const auto& field) { texts[key] = to_text(field); });
  return texts;
}

[[noreturn]] void unknown_key(std::string_view key) {
  const std::string near = closest_word(key, trial_keys());
  throw usage_error(
      "trial key: \"" + std::string(key) + "\" is not known" +
      (near.empty() ? ": see the list in docs/grid.md" : ": did you mean " + near + "?"));
}

}  // namespace

double params_of(const Trial& trial) {
  if (trial.trainer == "tabular") return trial.tabular_params;
  return static_cast<double>(count_params(trial.model).total());
}

double active_params_of(const Trial& trial) {
  if (trial.trainer == "tabular") return trial.tabular_params;
  return static_cast<double>(count_params(trial.model).active());
}

double unique_cap_of(const Trial& trial) {
  const double cap = trial.data.unique_tokens;
  if (!(cap > 0) || trial.trainer == "tabular") return cap;
  const auto context = static_cast<double>(trial.model.context);
  return std::max(1.0, std::floor(cap / context)) * context;
}

bool needs_whole_batch(const Trial& trial) {
  if (trial.trainer == "tabular" || !trial.model.sparse()) return false;
  const bool balanced = trial.model.experts > 1 && trial.train.balance_loss > 0;
  return balanced || trial.model.capacity_factor > 0;
}

double most_tokens(const Trial& trial, double available) {
  const double cap = unique_cap_of(trial);
  const double once = cap > 0 && !(available > 0 && available < cap) ? cap : available;
  return once * trial.data.epochs;
}

double flops_per_token(const Trial& trial, FlopConvention convention) {
  if (trial.trainer == "tabular") return 6.0 * trial.tabular_params;
  return train_flops_per_token(trial.model, convention);
}

double total_flops(const Trial& trial, FlopConvention convention) {
  return flops_per_token(trial, convention) * trial.train.tokens;
}

std::vector<std::string> trial_keys() {
  std::vector<std::string> keys;
  const Trial trial;
  visit_fields(trial, [&](const char* key, const auto&) { keys.emplace_back(key); });
  std::sort(keys.begin(), keys.end());
  return keys;
}

void set_key(Trial& trial, std::string_view key, std::string_view value) {
  bool found = false;
  visit_fields(trial, [&](const char* name, auto& field) {
    if (key != name) return;
    from_text(key, value, field);
    found = true;
  });
  if (!found) unknown_key(key);
}

std::string get_key(const Trial& trial, std::string_view key) {
  std::string text;
  bool found = false;
  visit_fields(trial, [&](const char* name, const auto& field) {
    if (key != name) return;
    text = to_text(field);
    found = true;
  });
  if (!found) unknown_key(key);
  return text;
}

std::vector<std::string> differences(const Trial& one, const Trial& other) {
  std::vector<std::string> found;
  for (const std::string& key : trial_keys()) {
    const std::string a = get_key(one, key), b = get_key(other, key);
    if (a != b) found.push_back(key + ": " + a + ", not " + b);
  }
  return found;
}

std::string canonical_json(const Trial& trial) {
  std::map<std::string, std::string> fields;
  const auto add = [&](const char* key, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    fields[key] = kIsText<Field> ? json_string(to_text(field)) : to_text(field);
  };
  visit_first_fields(trial, add);
  static const std::map<std::string, std::string> kDefaults = later_defaults();
  visit_later_fields(trial, [&](const char* key, const auto& field) {
    if (to_text(field) != kDefaults.at(key)) add(key, field);
  });
  std::string out = "{";
  for (const auto& [key, value] : fields) {
    if (out.size() > 1) out += ',';
    out += json_string(key) + ':' + value;
  }
  return out + '}';
}

Trial trial_from_canonical_json(std::string_view json) {
  auto fields = FlatJson(json).read();
  std::sort(fields.begin(), fields.end());
  Trial trial;
  std::size_t found = 0;
  visit_fields(trial, [&](const char* key, auto& field) {
    const auto at = std::lower_bound(fields.begin(), fields.end(), key,
                                     [](const auto& f, const char* k) { return f.first < k; });
    if (at == fields.end() || at->first != key) return;
    from_text(key, at->second, field);
    ++found;
  });
  if (found == fields.size()) return trial;
  const std::vector<std::string> known = trial_keys();
  for (const auto& [key, value] : fields) {
    if (!std::binary_search(known.begin(), known.end(), key)) unknown_key(key);
  }
  throw usage_error("trial: its text names a key twice");
}

std::string identity(const Trial& trial) { return sha256(canonical_json(trial)); }

}  // namespace isoflop
