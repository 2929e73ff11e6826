// Routed language models (Clark et al. 2022, arXiv:2202.01169): the final step of each run, or its
// whole curve, in DeepMind's table of curves.
//
// N = total_parameter_count, every expert counted; dense_parameter_count, that of the dense model
// it was made from and for k = 1 what a token passes through, is active_params; num_experts is
// experts. Their counts leave out embeddings. C = step x flops_per_step, which is counted their own
// way. The tokens of a step are not in the table: they must be given.
#include <algorithm>

#include "core/error.h"
#include "core/units.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_routing(const ImportSource& source) {
  return has_columns(source, {"step", "num_experts", "total_parameter_count",
                              "dense_parameter_count", "flops_per_step", "loss_validation"});
}

std::size_t needed_column(const SourceTable& table, const char* name) {
  if (const auto column = table.column(name)) return *column;
  throw usage_error(table.path + ":1: there is no column \"" + name +
                    "\", which tables of routing curves have; see isoflop import --formats");
}

// The table with columns of D and C, which are sums over steps. Step 0 has neither.
SourceTable with_routing_totals(SourceTable table, double batch_tokens) {
  const std::size_t step = needed_column(table, "step"),
                    flops = needed_column(table, "flops_per_step");
  for (std::size_t i = 0; i < table.table.rows.size(); ++i) {
    const TableRow row = table.row(i);
    const double steps = row.maybe_number(step).value_or(0);
    const double flops_per_step = row.positive(flops);
    table.table.rows[i].push_back(exact_number(steps * batch_tokens));
    table.table.rows[i].push_back(exact_number(steps * flops_per_step));
  }
  for (const char* name : {"step x batch tokens", "step x flops_per_step"}) {
    table.column_at[name] = table.table.columns.size();
    table.table.columns.emplace_back(name);
  }
  return table;
}

// The row as it stood, without the columns that were added.
void finish_routing_row(const SourceTable& source, std::size_t row, ImportedRun& run) {
  std::vector<std::pair<std::string, std::string>> cells;
  for (std::size_t i = 0; source.json_rows.empty() && i + 2 < source.table.columns.size(); ++i) {
    cells.emplace_back(source.table.columns[i], source.table.rows[row][i]);
  }
  if (!cells.empty()) run.provenance = text_object(cells);
  run.derived = "tokens = step x batch tokens; flops = step x flops_per_step";
  std::string label = source.cell(row, "router_type");
  for (const char* column : {"model_size_label", "num_experts", "hyper_id"}) {
    if (source.column(column)) label += "/" + source.cell(row, column);
  }
  run.observation.trial = label;
}

std::string why_routing_dropped(const SourceTable& source, std::size_t row) {
  return try_parse_quantity(source.cell(row, "step")) == 0.0 ? "step is 0: nothing was trained"
                                                             : "";
}

RunImport read_routing(const ImportSource& source, const ImportOptions& options) {
  if (!options.batch_tokens) {
    throw usage_error(source.path +
                      ":1: no column holds tokens, nor how many a step has: give --batch-tokens, "
                      "the tokens of a step (sequences x their length)");
  }
  std::vector<std::string> id;
  for (const char* column : {"model_size_label", "router_type", "num_experts", "k",
                             "routing_frequency", "seed", "hyper_id"}) {
    if (has_columns(source, {column})) id.push_back(column);
  }
  return import_table(
      with_routing_totals(read_source_table(source), *options.batch_tokens),
      {.map = {.params = "total_parameter_count",
               .tokens = "step x batch tokens",
               .flops = "step x flops_per_step",
               .loss = "loss_validation",
               .seed = has_columns(source, {"seed"}) ? "seed" : "",
               .extra = {{"active_params", "dense_parameter_count"}, {"experts", "num_experts"}}},
       .id = id,
       .has_curves = true,
       .step = "step",
       .why_dropped = why_routing_dropped,
       .finish = finish_routing_row,
       .notes = {"N counts every expert and no embeddings; C is the source's own count "
                 "(flops_per_step), not 6 N D"}},
      options);
}

}  // namespace

ImportFormat routing_format() {
  return {.name = "routing",
          .about = "DeepMind's routing curves (Clark et al. 2022); needs --batch-tokens",
          .recognises = recognises_routing,
          .read = read_routing};
}

}  // namespace isoflop
