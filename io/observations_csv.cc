#include "io/observations_csv.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/units.h"
#include "io/column_names.h"
#include "io/table_row.h"

namespace isoflop {
namespace {

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  for (const ColumnField& field : column_fields()) names.push_back(field.name);
  return names;
}

const ColumnField& field_named(std::string_view name) {
  for (const ColumnField& field : column_fields()) {
    if (name == field.name) return field;
  }
  const std::string near = closest_word(name, field_names());
  throw usage_error(
      "--map: \"" + std::string(name) + "\" is not a field" +
      (near.empty() ? ": give " + joined_names(field_names()) : ": did you mean " + near + "?"));
}

void give_column(ColumnMap& map, const ColumnField& field, const std::string& column) {
  if (field.column == &ColumnMap::loss && !map.loss.empty()) {
    if (map.loss == column || std::count(map.more_losses.begin(), map.more_losses.end(), column)) {
      throw usage_error("--map: loss=" + column + " is given twice");
    }
    map.more_losses.push_back(column);
    return;
  }
  if (!column_of(map, field).empty()) {
    throw usage_error("--map: " + field.name + " is given twice");
  }
  (field.column != nullptr ? map.*field.column : map.extra[field.name]) = column;
}

// Where each field lies in the table.
struct Columns {
  std::optional<std::size_t> params, tokens, flops, loss, loss_error, budget, seed, trial, run;
  std::map<std::string, std::size_t> extra;
};

// Of a table that counts C in several ways.
std::optional<std::size_t> flops_under(const Table& table, const std::string& name,
                                       const ColumnMap& map, FlopConvention convention) {
  const std::string usual = "flops_" + std::string(name_of(convention));
  return find_column(table, name, {"flops", {usual}, &ColumnMap::flops}, map);
}

Columns find_columns(const Table& table, const std::string& name, const ColumnMap& map,
                     FlopConvention convention) {
  std::map<std::string, std::optional<std::size_t>> found;
  Columns out;
  for (const ColumnField& field : column_fields()) {
    const auto column = find_column(table, name, field, map);
    found[field.name] = column;
    if (column && field.column == nullptr) out.extra[field.name] = *column;
  }
  out.params = found["params"];
  out.tokens = found["tokens"];
  out.flops = found["flops"];
  if (!out.flops) out.flops = flops_under(table, name, map, convention);
  out.loss = found["loss"];
  out.loss_error = found["loss_error"];
  out.budget = found["budget"];
  out.seed = found["seed"];
  out.trial = found["trial"];
  out.run = found["run"];
  return out;
}

[[noreturn]] void missing(const Table& table, const std::string& name, const std::string& what,
                          const std::string& example) {
  throw usage_error(name + ":1: no column holds " + what + " (columns: " +
                    joined_names(table.columns) + "): name it, e.g. --map " + example);
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

Observation observation_of(const TableRow& row, const Columns& columns) {
  Observation out;
  out.params = row.positive(*columns.params);
  out.loss = row.positive(*columns.loss);
  if (columns.tokens) out.tokens = row.positive(*columns.tokens);
  if (columns.flops) out.flops = row.positive(*columns.flops);
  out.loss_error = row.maybe_number(columns.loss_error).value_or(0);
  out.budget = row.maybe_number(columns.budget);
  out.seed = row.whole(columns.seed);
  out.trial = row.label(columns.trial);
  out.run = row.label(columns.run);
  for (const auto& [name, column] : columns.extra) {
    const auto value = row.maybe_number(column);
    if (value) out.extra[name] = *value;
  }
  const auto active = out.extra.find("active_params");
  const bool says = active != out.extra.end() && active->second > 0;
  const double passed = says ? active->second : out.params;
  if (!columns.tokens) out.tokens = out.flops / (6 * passed);
  if (!columns.flops) out.flops = 6 * passed * out.tokens;
  return out;
}

ColumnMap names_of(const Table& table, const Columns& columns) {
  const auto name = [&](std::optional<std::size_t> column) {
    return column ? std::string(trimmed_cell(table.columns[*column])) : std::string();
  };
  ColumnMap out{.params = name(columns.params),
                .tokens = name(columns.tokens),
                .flops = name(columns.flops),
                .loss = name(columns.loss),
                .loss_error = name(columns.loss_error),
                .budget = name(columns.budget),
                .seed = name(columns.seed),
                .trial = name(columns.trial),
                .run = name(columns.run),
                .extra = {},
                .more_losses = {}};
  for (const auto& [field, column] : columns.extra) out.extra[field] = name(column);
  return out;
}

std::vector<std::size_t> rows_to_read(const Table& table,
                                      const std::optional<std::vector<std::size_t>>& only) {
  if (only) return *only;
  std::vector<std::size_t> all(table.rows.size());
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

std::string number_or_empty(double value) { return value == 0 ? "" : exact_number(value); }

// Further columns that at least one observation fills.
std::vector<std::string> extra_columns(std::span<const Observation> observations) {
  std::set<std::string> used;
  for (const Observation& o : observations) {
    for (const auto& [name, value] : o.extra) used.insert(name);
  }
  std::vector<std::string> names;
  for (const std::string_view name : kExtraCoordinates) {
    if (used.contains(std::string(name))) names.emplace_back(name);
  }
  return names;
}

// The cell as it stands, or what follows from the others under 6 N D.
std::vector<std::string> cells_of(const Table& table, std::optional<std::size_t> column,
                                  std::optional<std::size_t> params,
                                  std::optional<std::size_t> active,
                                  std::optional<std::size_t> other, bool times) {
  std::vector<std::string> cells;
  for (const std::vector<std::string>& row : table.rows) {
    if (column) {
      cells.push_back(row[*column]);
      continue;
    }
    const auto passed = active ? try_parse_quantity(row[*active]) : std::nullopt;
    const auto n = passed && *passed > 0 ? passed : try_parse_quantity(row[*params]);
    const auto o = try_parse_quantity(row[*other]);
    const bool known = n && o && *n > 0;
    cells.push_back(!known ? "" : times ? exact_number(6 * *n * *o) : exact_number(*o / (6 * *n)));
  }
  return cells;
}

}  // namespace

ColumnMap parse_column_map(std::string_view text) {
  ColumnMap map;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = trimmed_cell(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals + 1 == pair.size()) {
      throw usage_error("--map: \"" + std::string(pair) +
                        "\" is not field=column: give e.g. params=N");
    }
    const ColumnField& field = field_named(trimmed_cell(pair.substr(0, equals)));
    give_column(map, field, std::string(trimmed_cell(pair.substr(equals + 1))));
  }
  return map;
}

std::vector<ColumnMap> one_loss_each(const ColumnMap& map) {
  ColumnMap first = map;
  first.more_losses.clear();
  std::vector<ColumnMap> out = {first};
  for (const std::string& loss : map.more_losses) {
    out.push_back(first);
    out.back().loss = loss;
  }
  return out;
}

ObservationTable observations_from(const Table& table, const std::string& name,
                                   const ColumnMap& map, FlopConvention convention,
                                   const std::optional<std::vector<std::size_t>>& only) {
  const Columns columns = find_columns(table, name, map, convention);
  check_columns(table, name, columns, convention);
  if (table.rows.empty()) throw usage_error(name + ": has columns but no rows");

  ObservationTable out{.observations = {}, .notes = {}, .columns = names_of(table, columns)};
  for (const std::size_t i : rows_to_read(table, only)) {
    out.observations.push_back(observation_of(TableRow(table, name, i), columns));
    out.observations.back().row = static_cast<std::int64_t>(i);
  }
  const std::string of = columns.extra.contains("active_params") ? ", N active_params" : "";
  if (!columns.tokens)
    out.notes.push_back("no tokens column: D = C / (6 N)" + of + ", convention 6nd");
  if (!columns.flops) out.notes.push_back("no FLOPs column: C = 6 N D" + of + ", convention 6nd");
  return out;
}

ObservationTable read_observations(const std::string& path, const ColumnMap& map,
                                   FlopConvention convention) {
  return observations_from(read_csv(path), path, map, convention);
}

std::vector<std::pair<std::string, std::vector<std::string>>> alias_cells(
    const Table& table, const std::string& name, const ColumnMap& map, FlopConvention convention) {
  const Columns columns = find_columns(table, name, map, convention);
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  const auto add = [&](const char* letter, const char* word,
                       const std::vector<std::string>& cells) {
    for (const char* alias : {letter, word}) {
      if (std::count(table.columns.begin(), table.columns.end(), alias) == 0) {
        out.emplace_back(alias, cells);
      }
    }
  };
  if (columns.params) add("N", "params", cells_of(table, columns.params, {}, {}, {}, false));
  if (columns.loss) add("L", "loss", cells_of(table, columns.loss, {}, {}, {}, false));
  if (!columns.params || (!columns.tokens && !columns.flops)) return out;
  const auto found = columns.extra.find("active_params");
  std::optional<std::size_t> active;
  if (found != columns.extra.end()) active = found->second;
  add("D", "tokens", cells_of(table, columns.tokens, columns.params, active, columns.flops, false));
  add("C", "flops", cells_of(table, columns.flops, columns.params, active, columns.tokens, true));
  return out;
}

std::string observations_csv(std::span<const Observation> observations) {
  Table table{
      .columns = {"params", "tokens", "flops", "loss", "loss_error", "budget", "seed", "trial"},
      .rows = {},
      .line_of_row = {}};
  const bool runs = std::any_of(observations.begin(), observations.end(),
                                [](const Observation& o) { return !o.run.empty(); });
  if (runs) table.columns.push_back("run");
  const std::vector<std::string> extra = extra_columns(observations);
  table.columns.insert(table.columns.end(), extra.begin(), extra.end());
  for (const Observation& o : observations) {
    std::vector<std::string>& row = table.rows.emplace_back();
    row = {exact_number(o.params),        exact_number(o.tokens),
           exact_number(o.flops),         exact_number(o.loss),
           number_or_empty(o.loss_error), o.budget ? exact_number(*o.budget) : "",
           std::to_string(o.seed),        o.trial};
    if (runs) row.push_back(o.run);
    for (const std::string& name : extra) {
      const auto value = o.extra.find(name);
      row.push_back(value == o.extra.end() ? "" : exact_number(value->second));
    }
  }
  return csv_text(table);
}

}  // namespace isoflop
