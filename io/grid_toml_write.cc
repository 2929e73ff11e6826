#include <string>
#include <string_view>
#include <vector>

#include "core/units.h"
#include "io/grid_toml.h"
#include "io/toml_text.h"

namespace isoflop {
namespace {

template <class T, class ToText>
std::string list(const std::vector<T>& values, ToText to_text) {
  std::string out = "[";
  for (const T& value : values) out += (out.size() > 1 ? ", " : "") + to_text(value);
  return out + "]";
}

std::string numbers(const std::vector<double>& values) { return list(values, exact_number); }

void line(std::string& out, const std::string& key, const std::string& value) {
  out += key + " = " + value + "\n";
}

void add_head(const GridSpec& spec, std::string& out) {
  line(out, "name", toml_string(spec.name));
  for (const auto& [key, value] : spec.fixed) {
    if (key == "trainer") line(out, key, toml_string(value));
  }
}

void add_data(const GridSpec& spec, std::string& out) {
  std::string section;
  if (!spec.corpus.empty()) line(section, "corpus", toml_string(spec.corpus));
  for (const auto& [key, value] : spec.fixed) {
    if (key.starts_with("data.")) line(section, key.substr(5), toml_value(value));
  }
  if (!section.empty()) out += "\n[data]\n" + section;
}

const char* kind_name(GridKind kind) {
  switch (kind) {
    case GridKind::kTokens:
      return "tokens";
    case GridKind::kTokensPerParam:
      return "tokens_per_param";
    default:
      return "isoflop";
  }
}

void add_grid(const GridSpec& spec, std::string& out) {
  out += "\n[grid]\n";
  line(out, "kind", toml_string(kind_name(spec.kind)));
  line(out, "flops", toml_string(name_of(spec.convention)));
  if (!spec.budgets.empty()) line(out, "budgets", numbers(spec.budgets));
  line(out, "params", spec.sizes.size() == 1 ? numbers(spec.sizes[0]) : list(spec.sizes, numbers));
  if (!spec.tokens.empty()) line(out, "tokens", numbers(spec.tokens));
  if (!spec.tokens_per_param.empty()) line(out, "tokens_per_param", numbers(spec.tokens_per_param));
}

void add_trial(const GridSpec& spec, std::string& out) {
  std::string section;
  for (const auto& [key, value] : spec.fixed) {
    if (key != "trainer" && !key.starts_with("data.")) line(section, key, toml_value(value));
  }
  if (!section.empty()) out += "\n[trial]\n" + section;
}

void add_axes(const GridSpec& spec, std::string& out) {
  if (spec.axes.empty()) return;
  out += "\n[axes]\n";
  for (const auto& [key, values] : spec.axes) line(out, key, list(values, toml_value));
}

std::string power_list(const HyperPower& power) {
  return "[" + exact_number(power.coefficient) + ", " + exact_number(power.params) + ", " +
         exact_number(power.tokens) + ", " + exact_number(power.flops) + "]";
}

void add_range(const char* key, const HyperRange& range, std::string& out) {
  if (range != HyperRange{}) line(out, key, numbers({range.low, range.high}));
}

// In numbers, because a law's file may move.
void add_rates(const GridSpec& spec, std::string& out) {
  if (!spec.rates) return;
  const HyperLaw& law = *spec.rates;
  out += "\n[rates]\n";
  line(out, "law", toml_value(law.name));
  line(out, "counted", toml_value(std::string(name_of(law.counted))));
  if (law.rate) line(out, "rate", power_list(law.rate->power));
  if (law.batch) line(out, "batch", power_list(law.batch->power));
  if (law.warmup_per_param > 0) line(out, "warmup_per_param", exact_number(law.warmup_per_param));
  add_range("params", law.params, out);
  add_range("tokens", law.tokens, out);
  add_range("flops", law.flops, out);
  add_range("tokens_per_param", law.tokens_per_param, out);
}

void add_bracket(const GridSpec& spec, std::string& out) {
  if (spec.bracket <= 0 && spec.batch_bracket <= 0) return;
  out += "\n[bracket]\n";
  if (spec.bracket > 0) line(out, "rate", exact_number(spec.bracket));
  if (spec.batch_bracket > 0) line(out, "batch", exact_number(spec.batch_bracket));
}

}  // namespace

std::string grid_toml(const GridSpec& spec) {
  std::string out;
  add_head(spec, out);
  add_data(spec, out);
  add_grid(spec, out);
  add_trial(spec, out);
  add_axes(spec, out);
  add_rates(spec, out);
  add_bracket(spec, out);
  if (spec.target_flops > 0) {
    out += "\n[target]\n";
    line(out, "flops", exact_number(spec.target_flops));
  }
  return out;
}

}  // namespace isoflop
