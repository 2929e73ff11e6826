#include "io/observations_csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/trial.h"
#include "core/units.h"

namespace isoflop {
namespace {

struct Field {
  const char* name;
  std::string ColumnMap::*column;
  std::vector<std::string_view> usual;  // lower case
};

const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {"params",
       &ColumnMap::params,
       {"params", "n", "parameters", "model size", "model_size", "n_params", "params_n"}},
      {"tokens",
       &ColumnMap::tokens,
       {"tokens", "d", "training tokens", "training_tokens", "tokens_d"}},
      {"flops",
       &ColumnMap::flops,
       {"flops", "c", "compute", "flop", "training flop", "training_flop"}},
      {"loss", &ColumnMap::loss, {"loss", "l", "val_loss", "validation loss", "heldout_loss"}},
      {"loss_error", &ColumnMap::loss_error, {"loss_error", "loss_se"}},
      {"budget", &ColumnMap::budget, {"budget"}},
      {"seed", &ColumnMap::seed, {"seed"}},
      {"trial", &ColumnMap::trial, {"trial"}},
  };
  return all;
}

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const Field& field : fields()) names.emplace_back(field.name);
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

const Field& field_named(std::string_view name) {
  for (const Field& field : fields()) {
    if (name == field.name) return field;
  }
  const std::string near = closest_word(name, field_names());
  throw usage_error(
      "--map: \"" + std::string(name) + "\" is not a field" +
      (near.empty() ? ": give " + joined(field_names()) : ": did you mean " + near + "?"));
}

bool is_mapped(const ColumnMap& map, const std::string& column) {
  return std::any_of(fields().begin(), fields().end(),
                     [&](const Field& field) { return map.*field.column == column; });
}

// The index of the column that the map names, or else of the one with a usual name that the map
// does not give to another field.
std::optional<size_t> find_column(const Table& table, const std::string& name, const Field& field,
                                  const ColumnMap& map) {
  const std::string& asked = map.*field.column;
  std::vector<std::string> found;
  size_t index = 0;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const std::string column(trimmed(table.columns[i]));
    const bool usual = std::count(field.usual.begin(), field.usual.end(), lower(column)) > 0;
    if (asked.empty() ? usual && !is_mapped(map, column) : column == asked) {
      found.push_back(column);
      index = i;
    }
  }
  if (found.size() > 1) {
    throw usage_error(name + ":1: " + field.name + ": could be any of " + joined(found) +
                      ": say which, e.g. --map " + field.name + "=" + found.front());
  }
  if (!found.empty()) return index;
  if (asked.empty()) return std::nullopt;
  const std::string near = closest_word(asked, table.columns);
  throw usage_error(name + ":1: there is no column \"" + asked + "\"" +
                    (near.empty() ? "" : ": did you mean " + near + "?") +
                    " (columns: " + joined(table.columns) + ")");
}

// Where each field lies in the table.
struct Columns {
  std::optional<size_t> params, tokens, flops, loss, loss_error, budget, seed, trial;
};

Columns find_columns(const Table& table, const std::string& name, const ColumnMap& map) {
  const auto find = [&](std::string ColumnMap::*column) {
    for (const Field& field : fields()) {
      if (field.column == column) return find_column(table, name, field, map);
    }
    return std::optional<size_t>();
  };
  return {find(&ColumnMap::params), find(&ColumnMap::tokens),     find(&ColumnMap::flops),
          find(&ColumnMap::loss),   find(&ColumnMap::loss_error), find(&ColumnMap::budget),
          find(&ColumnMap::seed),   find(&ColumnMap::trial)};
}

[[noreturn]] void missing(const Table& table, const std::string& name, const std::string& what,
                          const std::string& example) {
  throw usage_error(name + ":1: no column holds " + what + " (columns: " + joined(table.columns) +
                    "): name it, e.g. --map " + example);
}

void check_columns(const Table& table, const std::string& name, const Columns& columns,
                   FlopConvention convention) {
  if (!columns.params) missing(table, name, "parameters", "params=N");
  if (!columns.loss) missing(table, name, "losses", "loss=L");
  if (!columns.tokens && !columns.flops)
    missing(table, name, "tokens or FLOPs", "tokens=D,flops=C");
  if (columns.tokens && columns.flops) return;
  if (convention == FlopConvention::k6nd) return;
  missing(table, name,
          std::string(columns.tokens ? "FLOPs" : "tokens") + ", and under " +
              std::string(name_of(convention)) + " they do not follow from N and " +
              (columns.tokens ? "D" : "C") + " without model shapes",
          columns.tokens ? "flops=C" : "tokens=D");
}

// Cells of one row, with errors that name file, line and column.
class Row {
 public:
  Row(const Table& table, const std::string& name, size_t row)
      : table_(table), name_(name), row_(row) {}

  std::string_view text(size_t column) const { return trimmed(table_.rows[row_][column]); }

  double positive(size_t column) const {
    const double value = number(column);
    if (value <= 0) fail(column, "must be above 0");
    return value;
  }
  std::optional<double> maybe_number(std::optional<size_t> column) const {
    if (!column || text(*column).empty()) return std::nullopt;
    const double value = number(*column);
    if (value < 0) fail(*column, "must not be negative");
    return value;
  }
  std::int64_t whole(std::optional<size_t> column) const {
    if (!column || text(*column).empty()) return 0;
    std::int64_t value = 0;
    const std::string_view cell = text(*column);
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size())
      fail(*column, "is not a whole number");
    return value;
  }

 private:
  double number(size_t column) const {
    if (text(column).empty()) fail(column, "is empty: fill it in or remove the row");
    const auto value = try_parse_quantity(text(column));
    if (!value || !std::isfinite(*value)) fail(column, "is not a finite number");
    return *value;
  }
  [[noreturn]] void fail(size_t column, const std::string& what) const {
    throw usage_error(name_ + ":" + std::to_string(table_.line_of_row[row_]) + ": " +
                      table_.columns[column] + ": \"" + std::string(text(column)) + "\" " + what);
  }

  const Table& table_;
  const std::string& name_;
  size_t row_;
};

Observation observation_of(const Row& row, const Columns& columns) {
  Observation out;
  out.params = row.positive(*columns.params);
  out.loss = row.positive(*columns.loss);
  if (columns.tokens) out.tokens = row.positive(*columns.tokens);
  if (columns.flops) out.flops = row.positive(*columns.flops);
  if (!columns.tokens) out.tokens = out.flops / (6 * out.params);
  if (!columns.flops) out.flops = 6 * out.params * out.tokens;
  out.loss_error = row.maybe_number(columns.loss_error).value_or(0);
  out.budget = row.maybe_number(columns.budget);
  out.seed = row.whole(columns.seed);
  if (columns.trial) out.trial = std::string(row.text(*columns.trial));
  return out;
}

ColumnMap names_of(const Table& table, const Columns& columns) {
  const auto name = [&](std::optional<size_t> column) {
    return column ? std::string(trimmed(table.columns[*column])) : std::string();
  };
  return {name(columns.params),     name(columns.tokens), name(columns.flops), name(columns.loss),
          name(columns.loss_error), name(columns.budget), name(columns.seed),  name(columns.trial)};
}

std::string number_or_empty(double value) { return value == 0 ? "" : exact_number(value); }

}  // namespace

ColumnMap parse_column_map(std::string_view text) {
  ColumnMap map;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals + 1 == pair.size()) {
      throw usage_error("--map: \"" + std::string(pair) +
                        "\" is not field=column: give e.g. params=N");
    }
    const Field& field = field_named(trimmed(pair.substr(0, equals)));
    std::string& column = map.*field.column;
    if (!column.empty()) throw usage_error(std::string("--map: ") + field.name + " is given twice");
    column = std::string(trimmed(pair.substr(equals + 1)));
  }
  return map;
}

ObservationTable observations_from(const Table& table, const std::string& name,
                                   const ColumnMap& map, FlopConvention convention) {
  const Columns columns = find_columns(table, name, map);
  check_columns(table, name, columns, convention);
  if (table.rows.empty()) throw usage_error(name + ": has columns but no rows");

  ObservationTable out{.observations = {}, .notes = {}, .columns = names_of(table, columns)};
  for (size_t i = 0; i < table.rows.size(); ++i) {
    out.observations.push_back(observation_of(Row(table, name, i), columns));
    out.observations.back().row = static_cast<std::int64_t>(i);
  }
  if (!columns.tokens) out.notes.push_back("no tokens column: D = C / (6 N), convention 6nd");
  if (!columns.flops) out.notes.push_back("no FLOPs column: C = 6 N D, convention 6nd");
  return out;
}

ObservationTable read_observations(const std::string& path, const ColumnMap& map,
                                   FlopConvention convention) {
  return observations_from(read_csv(path), path, map, convention);
}

std::string observations_csv(std::span<const Observation> observations) {
  Table table{.columns = field_names(), .rows = {}, .line_of_row = {}};
  for (const Observation& o : observations) {
    table.rows.push_back({exact_number(o.params), exact_number(o.tokens), exact_number(o.flops),
                          exact_number(o.loss), number_or_empty(o.loss_error),
                          o.budget ? exact_number(*o.budget) : "", std::to_string(o.seed),
                          o.trial});
  }
  return csv_text(table);
}

}  // namespace isoflop
