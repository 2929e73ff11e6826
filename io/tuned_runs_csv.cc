#include "io/tuned_runs_csv.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/units.h"
#include "io/column_names.h"
#include "io/table_row.h"

namespace isoflop {
namespace {

// Further columns than a law of losses asks for; found through ColumnMap::extra.
std::vector<ColumnField> tuned_fields() {
  std::vector<ColumnField> fields;
  for (const ColumnField& field : column_fields()) {
    if (field.name != "params" && field.name != "tokens" && field.name != "loss") continue;
    fields.push_back({.name = field.name, .usual = field.usual});
  }
  fields.push_back({"rate", {"rate", "lr", "learning_rate", "learning rate", "peak_lr", "max_lr"}});
  fields.push_back({"batch", {"batch", "batch_tokens", "batch_size", "bs"}});
  fields.push_back({"group", {"group", "recipe"}});
  return fields;
}

ColumnMap tuned_map(std::string_view text, const std::vector<ColumnField>& fields) {
  std::vector<std::string> names;
  for (const ColumnField& field : fields) names.push_back(field.name);
  ColumnMap map;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    const std::string name(trimmed_cell(pair.substr(0, equals)));
    if (equals == std::string_view::npos || std::count(names.begin(), names.end(), name) == 0) {
      const std::string near = closest_word(name, names);
      throw usage_error("--map: \"" + std::string(pair) + "\": " +
                        (near.empty() ? "give " + joined_names(names) + ", as in rate=lr"
                                      : "did you mean " + near + "=COLUMN?"));
    }
    map.extra[name] = std::string(trimmed_cell(pair.substr(equals + 1)));
  }
  return map;
}

bool is_diverged(std::string_view cell) {
  std::string word(trimmed_cell(cell));
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::array<std::string_view, 6> kWords = {"",     "nan",      "inf",
                                                             "+inf", "infinity", "diverged"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

struct TunedColumns {
  std::size_t params = 0, tokens = 0, rate = 0, loss = 0;
  std::optional<std::size_t> batch, group;
};

TunedColumns tuned_columns(const Table& table, const std::string& name, std::string_view text) {
  const std::vector<ColumnField> fields = tuned_fields();
  const ColumnMap map = tuned_map(text, fields);
  const auto find = [&](std::string_view wanted) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const ColumnField& f) { return f.name == wanted; });
    return find_column(table, name, *field, map);
  };
  const auto needed = [&](const char* wanted) {
    const auto column = find(wanted);
    if (column) return *column;
    throw usage_error(name + ":1: no column holds " + wanted + " (columns: " +
                      joined_names(table.columns) + "): name it, e.g. --map " + wanted + "=COLUMN");
  };
  return {.params = needed("params"),
          .tokens = needed("tokens"),
          .rate = needed("rate"),
          .loss = needed("loss"),
          .batch = find("batch"),
          .group = find("group")};
}

}  // namespace

std::vector<TunedRun> tuned_runs_from(const Table& table, const std::string& name,
                                      std::string_view map) {
  const TunedColumns columns = tuned_columns(table, name, map);
  std::vector<TunedRun> runs;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const TableRow row(table, name, i);
    const bool diverged = is_diverged(table.rows[i][columns.loss]);
    runs.push_back(
        {.params = row.positive(columns.params),
         .tokens = row.positive(columns.tokens),
         .rate = row.positive(columns.rate),
         .batch = row.maybe_number(columns.batch).value_or(0),
         .loss = diverged ? std::numeric_limits<double>::infinity() : row.positive(columns.loss),
         .group = row.label(columns.group)});
  }
  return runs;
}

std::vector<TunedRun> read_tuned_runs(const std::string& path, std::string_view map) {
  return tuned_runs_from(read_csv(path), path, map);
}

}  // namespace isoflop
