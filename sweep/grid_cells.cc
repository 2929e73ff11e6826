#include "sweep/grid_cells.h"

#include <algorithm>
#include <cmath>

#include "core/units.h"

namespace isoflop {
namespace {

void check_positive(const std::vector<double>& values, const char* what) {
  if (values.empty()) throw grid_error(what, "has no values; a grid of this kind needs some");
  for (const double value : values) {
    if (value > 0 && std::isfinite(value)) continue;
    throw grid_error(what, exact_number(value) + " is not above 0");
  }
}

const std::vector<double>& first_values(const GridSpec& spec) {
  switch (spec.kind) {
    case GridKind::kIsoflop:
      check_positive(spec.budgets, "budgets");
      return spec.budgets;
    case GridKind::kTokens:
      check_positive(spec.tokens, "tokens");
      return spec.tokens;
    case GridKind::kTokensPerParam:
      break;
  }
  check_positive(spec.tokens_per_param, "tokens_per_param");
  return spec.tokens_per_param;
}

std::vector<std::optional<double>> sizes_of(const GridSpec& spec, size_t index, size_t count) {
  if (names_key(spec, "model.width")) {
    if (spec.sizes.empty()) return {std::nullopt};
    throw grid_error("sizes", "and model.width both say how large a model is; keep one of the two");
  }
  if (spec.sizes.size() != 1 && spec.sizes.size() != count) {
    throw grid_error("sizes", spec.sizes.empty()
                                  ? "has no values; give parameter counts, or model.width"
                                  : std::to_string(spec.sizes.size()) + " lists for " +
                                        std::to_string(count) +
                                        " rows; give one list, or one a row");
  }
  const auto& list = spec.sizes.size() == 1 ? spec.sizes[0] : spec.sizes[index];
  check_positive(list, "sizes");
  return {list.begin(), list.end()};
}

}  // namespace

std::vector<Cell> cells_of(const GridSpec& spec) {
  const std::vector<double>& rows = first_values(spec);
  std::vector<Cell> cells;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const auto& size : sizes_of(spec, i, rows.size())) {
      Cell cell;
      cell.size = size;
      (spec.kind == GridKind::kIsoflop  ? cell.budget
       : spec.kind == GridKind::kTokens ? cell.tokens
                                        : cell.ratio) = rows[i];
      cells.push_back(cell);
    }
  }
  return cells;
}

std::vector<Keys> combinations(const GridSpec& spec) {
  std::vector<Keys> all{{}};
  for (const auto& [key, values] : spec.axes) {
    std::vector<Keys> longer;
    for (const Keys& keys : all) {
      for (const std::string& value : values) {
        longer.push_back(keys);
        longer.back().emplace_back(key, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

void check_keys(const GridSpec& spec) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : spec.fixed) keys.push_back(key);
  for (const auto& [key, values] : spec.axes) {
    keys.push_back(key);
    if (values.empty()) throw grid_error("axis " + key, "has no values; give some or leave it out");
  }
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) throw grid_error(*twice, "is set twice; keep one of the two");
  for (const char* key : {"train.tokens", "tabular_params", "recipe_version"}) {
    if (!std::binary_search(keys.begin(), keys.end(), key)) continue;
    throw grid_error(key, "follows from the grid's sizes, budgets or tokens and cannot be set");
  }
  if (!std::binary_search(keys.begin(), keys.end(), kEpochsAxis)) return;
  for (const char* key : {"data.epochs", "data.unique_tokens"}) {
    if (!std::binary_search(keys.begin(), keys.end(), key)) continue;
    throw grid_error(key, "and the axis epochs both say how often data are seen; keep one of them");
  }
}

bool has_key(const Keys& keys, std::string_view key) {
  return std::any_of(keys.begin(), keys.end(), [&](const auto& k) { return k.first == key; });
}

bool has_axis(const GridSpec& spec, std::string_view key) {
  return std::any_of(spec.axes.begin(), spec.axes.end(),
                     [&](const auto& axis) { return axis.first == key; });
}

bool names_key(const GridSpec& spec, std::string_view key) {
  return has_key(spec.fixed, key) || has_axis(spec, key);
}

std::string describe(const Cell& cell, const Keys& keys) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (cell.budget) add("budget " + format_flops(*cell.budget));
  if (cell.size) add("size " + format_quantity(*cell.size));
  if (cell.tokens) add(format_quantity(*cell.tokens) + " tokens");
  if (cell.ratio) add(exact_number(*cell.ratio) + " tokens per parameter");
  for (const auto& [key, value] : keys) add(key + " " + value);
  return text;
}

Error grid_error(const std::string& where, const std::string& what) {
  return usage_error("grid: " + where + ": " + what);
}

}  // namespace isoflop
