// metrics.csv of Lightning's CSVLogger, litgpt and others: a column "step" and a column a metric,
// most cells of a row empty.
//
//   epoch,step,train_loss,val_loss
//   0,49,3.91,
//   0,49,,3.87
//
// Lightning logs step s after the optimiser's step s + 1 in some versions: the step is taken as it
// stands. litgpt's "total_tokens" gives the tokens. A row without a step is passed over. Tables
// with a row a run (N in a column) are other formats.
#include <algorithm>
#include <array>

#include "core/units.h"
#include "imports/log_formats.h"
#include "imports/log_lines.h"
#include "imports/table_fields.h"
#include "imports/tracker_run.h"
#include "io/csv.h"

namespace isoflop {
namespace {

constexpr std::array<std::string_view, 5> kStepColumns = {"step", "global_step", "iter",
                                                          "iteration", "trainer/global_step"};

std::optional<std::size_t> step_column(const std::vector<std::string>& columns) {
  for (const std::string_view name : kStepColumns) {
    const auto found = std::find(columns.begin(), columns.end(), name);
    if (found != columns.end()) return found - columns.begin();
  }
  return std::nullopt;
}

// The names in the first line; empty where it is no plain header.
std::vector<std::string> header_of(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), bytes.size()));
  std::vector<std::string> out;
  if (line.size() > 100'000) return out;
  while (true) {
    const std::size_t comma = line.find(',');
    std::string_view cell = trimmed_text(line.substr(0, comma));
    if (cell.size() > 1 && cell.front() == '"' && cell.back() == '"') {
      cell = cell.substr(1, cell.size() - 2);
    }
    out.emplace_back(cell);
    if (comma == std::string_view::npos) return out;
    line.remove_prefix(comma + 1);
  }
}

// A run's own name or size in a column makes it a table of runs.
bool is_table_of_runs(const std::string& name) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "run", "run_name", "run_id", "n", "flops", "model", "name", "hyper_id"};
  const std::string plain = plain_name(name);
  return std::find(kNames.begin(), kNames.end(), plain) != kNames.end() || name == "_step" ||
         plain.find("param") != std::string::npos || name.find(" - ") != std::string::npos;
}

bool recognises_metrics_csv(const ImportSource& source) {
  const std::vector<std::string> columns = header_of(source.bytes);
  return step_column(columns) && std::none_of(columns.begin(), columns.end(), is_table_of_runs) &&
         std::any_of(columns.begin(), columns.end(), [](const std::string& name) {
           return is_usual_train_loss(name) || is_usual_heldout_loss(name);
         });
}

// A number, NaN or infinite; empty for a cell that is text.
std::optional<double> metric_cell(const std::string& cell) {
  const std::string_view text = trimmed_text(cell);
  LineCursor cursor(text);
  const auto number = cursor.number();
  return number && cursor.at_end() ? number : std::nullopt;
}

[[noreturn]] void bad_step(const ImportSource& source, std::int64_t line, const std::string& cell) {
  throw usage_error(source.path + ":" + std::to_string(line) + ": step: \"" + cell +
                    "\" is not a whole number; see isoflop import --help for other formats");
}

TrackerRun tracked_table(const Table& table, std::size_t step, const ImportSource& source) {
  TrackerRun run{.line = 1};
  std::vector<std::vector<TrackedValue>> series(table.columns.size());
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::vector<std::string>& row = table.rows[i];
    if (trimmed_text(row[step]).empty()) continue;
    const auto number = metric_cell(row[step]);
    if (!number || !(*number >= 0) || *number > 9e15) {
      bad_step(source, table.line_of_row[i], row[step]);
    }
    for (std::size_t column = 0; column < row.size(); ++column) {
      const auto value = metric_cell(row[column]);
      if (column == step || !value) continue;
      series[column].push_back({.step = static_cast<std::int64_t>(*number), .value = *value});
    }
  }
  for (std::size_t column = 0; column < series.size(); ++column) {
    if (!series[column].empty()) run.metrics[table.columns[column]] = std::move(series[column]);
  }
  run.said["columns"] = table.columns;
  run.said["rows"] = table.rows.size();
  return run;
}

RunImport read_metrics_csv(const ImportSource& source, const ImportOptions& options) {
  const Table table = parse_csv(source.bytes, source.path);
  const auto step = step_column(table.columns);
  if (!step) {
    throw usage_error(source.path +
                      ": 1: has no column \"step\", as a metrics.csv has; see isoflop import "
                      "--help for other formats");
  }
  RunImport read;
  std::vector<TrackerRun> runs;
  runs.push_back(tracked_table(table, *step, source));
  add_tracker_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

ImportFormat metrics_csv_format() {
  return {"metrics-csv", "metrics.csv of Lightning's CSVLogger or litgpt; needs --params",
          recognises_metrics_csv, read_metrics_csv};
}

}  // namespace isoflop
