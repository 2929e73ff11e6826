#include "io/column_names.h"

#include <algorithm>
#include <map>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/observation.h"

namespace isoflop {
namespace {

// Besides the name itself.
const std::map<std::string_view, std::vector<std::string_view>>& usual_extra_names() {
  static const std::map<std::string_view, std::vector<std::string_view>> names = {
      {"unique_tokens", {"unique_tokens_u"}},
      {"nonembedding_params",
       {"non_embedding_params", "params_nonembedding", "n_nonembedding", "n_nonembed"}},
      {"exact_flops", {"flops_exact"}},
      {"active_params", {"params_active", "params_active_precise"}},
      {"experts", {"num_experts", "n_experts"}},
      {"score", {"accuracy"}}};
  return names;
}

std::vector<ColumnField> make_fields() {
  std::vector<ColumnField> all = {
      {"params",
       {"params", "n", "parameters", "model size", "model_size", "n_params", "params_n"},
       &ColumnMap::params},
      {"tokens",
       {"tokens", "d", "training tokens", "training_tokens", "tokens_d"},
       &ColumnMap::tokens},
      {"flops",
       {"flops", "c", "compute", "flop", "training flop", "training_flop"},
       &ColumnMap::flops},
      {"loss", {"loss", "l", "val_loss", "validation loss", "heldout_loss"}, &ColumnMap::loss},
      {"loss_error", {"loss_error", "loss_se"}, &ColumnMap::loss_error},
      {"budget", {"budget"}, &ColumnMap::budget},
      {"seed", {"seed"}, &ColumnMap::seed},
      {"trial", {"trial"}, &ColumnMap::trial},
      {"run", {"run", "run_name", "run_id"}, &ColumnMap::run},
  };
  for (const std::string_view name : kExtraCoordinates) {
    ColumnField& field = all.emplace_back();
    field.name = name;
    field.usual = {name};
    const auto more = usual_extra_names().find(name);
    if (more == usual_extra_names().end()) continue;
    field.usual.insert(field.usual.end(), more->second.begin(), more->second.end());
  }
  return all;
}

std::string lower_name(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool is_mapped(const ColumnMap& map, const std::string& column) {
  const auto& fields = column_fields();
  return std::count(map.more_losses.begin(), map.more_losses.end(), column) > 0 ||
         std::any_of(fields.begin(), fields.end(),
                     [&](const ColumnField& field) { return column_of(map, field) == column; });
}

[[noreturn]] void no_such_column(const Table& table, const std::string& name,
                                 const std::string& asked) {
  const std::string near = closest_word(asked, table.columns);
  throw usage_error(name + ":1: there is no column \"" + asked + "\"" +
                    (near.empty() ? "" : ": did you mean " + near + "?") +
                    " (columns: " + joined_names(table.columns) + ")");
}

}  // namespace

const std::vector<ColumnField>& column_fields() {
  static const std::vector<ColumnField> all = make_fields();
  return all;
}

std::string column_of(const ColumnMap& map, const ColumnField& field) {
  if (field.column != nullptr) return map.*field.column;
  const auto found = map.extra.find(field.name);
  return found == map.extra.end() ? "" : found->second;
}

std::optional<std::size_t> find_column(const Table& table, const std::string& name,
                                       const ColumnField& field, const ColumnMap& map) {
  const std::string asked = column_of(map, field);
  std::vector<std::string> found;
  std::size_t index = 0;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string column(trimmed_cell(table.columns[i]));
    const bool usual = std::count(field.usual.begin(), field.usual.end(), lower_name(column)) > 0;
    if (asked.empty() ? usual && !is_mapped(map, column) : column == asked) {
      found.push_back(column);
      index = i;
    }
  }
  if (found.size() > 1) {
    throw usage_error(name + ":1: " + field.name + ": could be any of " + joined_names(found) +
                      ": say which, e.g. --map " + field.name + "=" + found.front());
  }
  if (!found.empty()) return index;
  if (!asked.empty()) no_such_column(table, name, asked);
  return std::nullopt;
}

std::string_view trimmed_cell(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

namespace {

bool names_the_unit(const std::string& column) {
  constexpr std::string_view kName = "loss_unit";
  const std::string_view name = trimmed_cell(column);
  return std::equal(name.begin(), name.end(), kName.begin(), kName.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

}  // namespace

std::string loss_unit_in(const Table& table, const std::string& name,
                         const std::optional<std::vector<std::size_t>>& only) {
  const auto column = std::find_if(table.columns.begin(), table.columns.end(), names_the_unit);
  if (column == table.columns.end()) return "";
  const auto at = static_cast<std::size_t>(column - table.columns.begin());
  std::string unit;
  const auto read = [&](std::size_t row) {
    const std::string said(trimmed_cell(table.rows[row][at]));
    if (said.empty() || said == unit) return;
    if (unit.empty()) {
      unit = said;
      return;
    }
    throw refusal("mixed_units", name + ":" + std::to_string(table.line_of_row[row]) +
                                     ": loss_unit: \"" + said + "\", and other rows have \"" +
                                     unit +
                                     "\": losses of two units are not one law's; keep one of them, "
                                     "e.g. --where \"loss_unit = '" +
                                     unit + "'\"");
  };
  if (only) {
    for (const std::size_t row : *only) read(row);
  } else {
    for (std::size_t row = 0; row < table.rows.size(); ++row) read(row);
  }
  return unit;
}

}  // namespace isoflop
