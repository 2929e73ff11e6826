// Porian et al. 2024 (arXiv:2406.19146): their IsoFLOP points, and their optima, which are no runs.
//
// n is the size by the count that the column param_count names (with or without the last layer),
// tokens = flops / (6 n), and flops is the budget that the points were read at. Experiments change
// one thing each (the last layer counted, warm-up, decay, tuning), so one of them is to be fitted
// at a time: the label begins with dataset/experiment, and the original row keeps every column.
#include <set>

#include "core/error.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

const std::vector<std::string>& porian_settings() {
  static const std::vector<std::string> columns = {"dataset", "experiment",  "hparams",   "warmup",
                                                   "decay",   "param_count", "loss_split"};
  return columns;
}

bool recognises_porian(const ImportSource& source) {
  std::vector<std::string> columns = porian_settings();
  columns.insert(columns.end(), {"flops", "n", "tokens", "loss"});
  return has_columns(source, columns);
}

void label_porian_row(const SourceTable& source, std::size_t row, ImportedRun& run) {
  std::string label;
  for (const std::string& column : porian_settings()) {
    label += (label.empty() ? "" : "/") + source.cell(row, column);
  }
  run.observation.trial = label;
}

// The first of several experiments is the example of how to choose one.
std::vector<std::string> notes_of_porian(const SourceTable& source) {
  std::vector<std::string> notes = {"n is counted as the column param_count says"};
  std::set<std::string> experiments;
  for (std::size_t i = 0; i < source.table.rows.size(); ++i) {
    experiments.insert(source.cell(i, "experiment"));
  }
  if (experiments.size() > 1) {
    notes.push_back(std::to_string(experiments.size()) +
                    " experiments: fit one dataset and experiment at a time, e.g. --where "
                    "\"experiment = '" +
                    *experiments.begin() + "'\"");
  }
  return notes;
}

RunImport read_porian(const ImportSource& source, const ImportOptions& options) {
  const SourceTable table = read_source_table(source);
  std::vector<std::string> id = porian_settings();
  id.insert(id.end(), {"flops", "n"});
  return import_table(
      table,
      {.map =
           {.params = "n", .tokens = "tokens", .flops = "flops", .loss = "loss", .budget = "flops"},
       .own = FlopConvention::k6nd,
       .id = id,
       .finish = label_porian_row,
       .notes = notes_of_porian(table)},
      options);
}

bool recognises_porian_optima(const ImportSource& source) {
  return has_columns(source, {"dataset", "experiment", "n_star_std"}) ||
         has_columns(source, {"dataset", "experiment", "fit_kind", "n_exponent"});
}

RunImport read_porian_optima(const ImportSource& source, const ImportOptions&) {
  throw usage_error(source.path +
                    ": holds optima and fits, not runs: import the points that they come from "
                    "(columns flops, n, tokens, loss) and fit them by isoflop fit --approach 2");
}

}  // namespace

ImportFormat porian_format() {
  return {.name = "porian",
          .about = "Porian et al. 2024: IsoFLOP points of several experiments (CSV)",
          .recognises = recognises_porian,
          .read = read_porian};
}

ImportFormat porian_optima_format() {
  return {.name = "porian-optima",
          .about = "Porian et al. 2024: optima and fits; refused, they are no runs",
          .recognises = recognises_porian_optima,
          .read = read_porian_optima};
}

}  // namespace isoflop
