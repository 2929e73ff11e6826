// Tables of the Python package simple-scaling-laws: training_run_id, model_size__NAME,
// dataset_size__NAME, test_loss__NAME, compute__NAME.
//
// What follows the two underscores is the user's own name. Several rows of one run at one size of
// data are evaluations of it: their mean is the loss, and its standard error is known. Rows of one
// run at other sizes of data are its curve.
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/units.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"
#include "io/column_names.h"

namespace isoflop {
namespace {

// The one column with that prefix, or the one that --map names; "" where there is none.
std::string prefixed_column(const std::vector<std::string>& columns, const std::string& prefix,
                            const std::string& named, const std::string& field,
                            const std::string& path) {
  if (!named.empty()) return named;
  std::vector<std::string> found;
  for (const std::string& column : columns) {
    if (column.starts_with(prefix)) found.push_back(column);
  }
  if (found.empty()) return "";
  if (found.size() == 1) return found.front();
  throw usage_error(path + ":1: " + field + ": could be any of " + joined_names(found) +
                    ": say which, e.g. --map " + field + "=" + found.front());
}

bool recognises_simple_scaling(const ImportSource& source) {
  bool size = false, data = false, loss = false;
  for (const std::string& column : source_columns(source)) {
    size = size || column.starts_with("model_size__");
    data = data || column.starts_with("dataset_size__");
    loss = loss || column.starts_with("test_loss__") || column.starts_with("train_loss__");
  }
  return size && data && loss;
}

// A run's evaluations at one size of data.
struct Evaluations {
  std::size_t first_row = 0;
  int count = 0;
  double mean = 0, squares = 0;  // Welford's sums

  void add(double loss) {
    const double before = loss - mean;
    mean += before / ++count;
    squares += before * (loss - mean);
  }
  double standard_error() const { return count < 2 ? 0 : std::sqrt(squares / (count - 1) / count); }
};

// The table with one row for all evaluations of a run at one size of data, and the columns of
// their mean and its error.
SourceTable with_mean_losses(SourceTable table, const std::string& data, const std::string& loss) {
  std::map<std::pair<std::string, std::string>, std::size_t> at;
  std::vector<Evaluations> means;
  for (std::size_t i = 0; i < table.table.rows.size(); ++i) {
    std::string run = table.cell(i, "training_run_id");
    if (run.empty()) run = "row " + std::to_string(i);
    const auto [found, is_new] = at.emplace(std::pair(run, table.cell(i, data)), means.size());
    if (is_new) means.push_back({.first_row = i});
    means[found->second].add(table.row(i).positive(*table.column(loss)));
  }
  SourceTable out{.path = table.path};
  out.table.columns = table.table.columns;
  out.table.columns.insert(out.table.columns.end(), {"mean loss", "error of the mean"});
  for (const Evaluations& mean : means) {
    std::vector<std::string>& row = out.table.rows.emplace_back(table.table.rows[mean.first_row]);
    row.insert(row.end(), {exact_number(mean.mean), exact_number(mean.standard_error())});
    out.table.line_of_row.push_back(table.table.line_of_row[mean.first_row]);
    out.json_rows.push_back(table.provenance(mean.first_row));
  }
  out.column_at = table.column_at;
  return out;
}

RunImport read_simple_scaling(const ImportSource& source, const ImportOptions& options) {
  const SourceTable table = read_source_table(source);
  std::vector<std::string> columns;
  for (const auto& [name, at] : table.column_at) columns.push_back(name);
  const auto column = [&](const std::string& prefix, const std::string& named,
                          const std::string& field) {
    return prefixed_column(columns, prefix, named, field, source.path);
  };
  const std::string params = column("model_size__", options.map.params, "params");
  const std::string data = column("dataset_size__", options.map.tokens, "tokens");
  std::string loss = column("test_loss__", options.map.loss, "loss");
  if (loss.empty()) loss = column("train_loss__", "", "loss");
  if (!options.map.more_losses.empty() || !table.column(data) || !table.column(loss)) {
    return import_table(table, {.usual_names = true}, options);  // which says what is wrong
  }
  ImportOptions merged = options;
  merged.map.loss = "mean loss";
  RunImport out = import_table(
      with_mean_losses(table, data, loss),
      {.map = {.params = params,
               .tokens = data,
               .flops = column("compute__", options.map.flops, "flops"),
               .loss_error = "error of the mean"},
       .id = table.column("training_run_id") ? std::vector<std::string>{"training_run_id"}
                                             : std::vector<std::string>{},
       .has_curves = true},
      merged);
  for (FieldSource& field : out.fields) {
    if (field.field != "loss" && field.field != "loss_error") continue;
    field = {.field = field.field,
             .column = loss,
             .how = field.field == "loss" ? "mean of a run's evaluations" : "error of their mean"};
  }
  return out;
}

}  // namespace

ImportFormat simple_scaling_format() {
  return {.name = "simple-scaling-laws",
          .about = "tables of simple-scaling-laws: model_size__*, dataset_size__*, test_loss__*",
          .recognises = recognises_simple_scaling,
          .read = read_simple_scaling};
}

}  // namespace isoflop
