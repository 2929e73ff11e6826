// The history that W&B's charts export as CSV: a row a step, and for each run the columns
// "run - metric", "run - metric__MIN" and "run - metric__MAX" (over the steps that a row stands
// for).
//
// Each run becomes a curve of its metrics. The first column is the chart's x axis: steps, or
// tokens; where a run has a column "run - _step" that is its step. A metric that never changes
// ("run - n_params") is a fact of the run; what no column says (N, the tokens of a step) is given
// by --params and --batch-tokens and holds for all runs of the file.
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_fields.h"
#include "imports/tracker_run.h"
#include "io/column_names.h"

namespace isoflop {
namespace {

constexpr std::string_view kRunAndMetric = " - ";

struct HistoryColumn {
  std::string run;  // empty: the x axis
  std::string metric;
};

// Names of runs may hold " - " themselves.
HistoryColumn history_column(std::string_view name) {
  const std::size_t at = name.rfind(kRunAndMetric);
  if (at == name.npos) return {.run = "", .metric = std::string(name)};
  return {.run = std::string(name.substr(0, at)),
          .metric = std::string(name.substr(at + kRunAndMetric.size()))};
}

bool is_extreme(std::string_view metric) {
  return metric.ends_with("__MIN") || metric.ends_with("__MAX");
}

bool recognises_wandb_history(const ImportSource& source) {
  const std::vector<std::string> columns = source_columns(source);
  bool metric = false, extreme = false;
  for (const std::string& column : columns) {
    const HistoryColumn split = history_column(column);
    if (split.run.empty()) continue;
    (is_extreme(split.metric) ? extreme : metric) = true;
  }
  return metric && extreme;
}

bool counts_tokens(const std::string& axis) { return axis.find("token") != axis.npos; }
bool counts_steps(const std::string& axis) {
  return axis.find("step") != axis.npos || axis.find("iter") != axis.npos;
}

// One row's x, which must be a number of steps or tokens.
double axis_value(const TableRow& row, std::size_t column) {
  const auto value = row.maybe_number(column);
  if (!value) row.fail(column, "is empty: every row has a step");
  if (*value > 9e15) row.fail(column, "is beyond any number of steps");
  return *value;
}

// A metric that is empty, or text ("NaN"), where a run had none at that step.
std::optional<double> history_value(std::string_view text) {
  if (text == "NaN" || text == "nan") return std::nan("");
  return try_parse_quantity(text);
}

class HistoryReader {
 public:
  explicit HistoryReader(const SourceTable& source) : source_(source) {
    for (std::size_t i = 0; i < source.table.columns.size(); ++i) {
      const HistoryColumn column = history_column(trimmed_cell(source.table.columns[i]));
      if (column.run.empty()) {
        if (!axis_ || counts_steps(plain_name(column.metric))) axis_ = i;
      } else if (!is_extreme(column.metric)) {
        columns_[column.run][column.metric] = i;
      }
    }
    check_axis();
  }

  std::vector<TrackerRun> read() const {
    std::vector<TrackerRun> runs;
    for (const auto& [name, metrics] : columns_) runs.push_back(run_of(name, metrics));
    return runs;
  }

 private:
  using Metrics = std::map<std::string, std::size_t>;

  void check_axis() const {
    const std::string axis =
        axis_ ? plain_name(source_.table.columns[*axis_]) : std::string("(none)");
    if (axis_ && (counts_steps(axis) || counts_tokens(axis))) return;
    for (const auto& [run, metrics] : columns_) {
      if (!metrics.contains("_step")) {
        throw usage_error(source_.path + ":1: the first column is neither steps nor tokens but " +
                          axis + ": choose Step as the chart's x axis and export again");
      }
    }
  }

  TrackerRun run_of(const std::string& name, const Metrics& metrics) const {
    TrackerRun run{.source_id = name, .line = 1};
    const std::string axis = axis_ ? plain_name(source_.table.columns[*axis_]) : "";
    for (std::size_t i = 0; i < source_.table.rows.size(); ++i) {
      const TableRow row = source_.row(i);
      const auto own = metrics.find("_step");
      if (own != metrics.end() && row.text(own->second).empty()) continue;
      const double at = axis_value(row, own != metrics.end() ? own->second : *axis_);
      const bool any = add_row(row, metrics, static_cast<std::int64_t>(at), run);
      if (any && counts_tokens(axis)) {
        run.metrics["tokens"].push_back(
            {.step = static_cast<std::int64_t>(at), .value = axis_value(row, *axis_)});
      }
    }
    for (const auto& [metric, values] : run.metrics) add_fact(metric, values, run);
    run.said["run"] = name;
    for (const auto& [metric, column] : metrics) run.said["columns"].push_back(metric);
    return run;
  }

  static bool add_row(const TableRow& row, const Metrics& metrics, std::int64_t step,
                      TrackerRun& run) {
    bool any = false;
    for (const auto& [metric, column] : metrics) {
      const auto value = history_value(row.text(column));
      if (!value || metric == "_step") continue;
      run.metrics[metric].push_back({.step = step, .value = *value});
      any = true;
    }
    return any;
  }

  static void add_fact(const std::string& metric, const std::vector<TrackedValue>& values,
                       TrackerRun& run) {
    for (const TrackedValue& value : values) {
      if (!(value.value == values.front().value)) return;
    }
    run.facts[metric] = exact_number(values.front().value);
  }

  const SourceTable& source_;
  std::optional<std::size_t> axis_;
  std::map<std::string, Metrics> columns_;
};

RunImport read_wandb_history(const ImportSource& source, const ImportOptions& options) {
  const SourceTable table = read_source_table(source);
  std::vector<TrackerRun> runs = HistoryReader(table).read();
  if (runs.empty()) {
    throw usage_error(source.path +
                      ":1: no column is \"run - metric\": is it a chart that W&B exported?");
  }
  const std::size_t count = runs.size();
  RunImport read;
  add_tracker_runs(read, std::move(runs), source, options);
  if (count > 1 && options.params) {
    read.notes.push_back("--params holds for all " + std::to_string(count) +
                         " runs of the file: export runs of other sizes by themselves");
  }
  return read;
}

}  // namespace

ImportFormat wandb_history_format() {
  return {.name = "wandb-history",
          .about = "a chart's history from W&B (CSV): \"run - metric\" columns; needs --params",
          .recognises = recognises_wandb_history,
          .read = read_wandb_history};
}

}  // namespace isoflop
