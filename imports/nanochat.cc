// nanochat's results.csv (runs/scaling_laws.sh): a row a model of a FLOP budget.
//
// Losses are bits per byte. N = params_total. flops_budget, which nanochat counts in its own way
// (without embeddings, with attention), is the budget; C = 6 N D. Its script writes a row for a run
// that failed too: those without val_bpb or tokens are left out, and those whose core_score is 0
// where other rows have one.
#include <algorithm>

#include "core/loss_unit.h"
#include "core/units.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_nanochat(const ImportSource& source) {
  return has_columns(source, {"flops_budget", "params_total", "tokens_trained", "val_bpb"});
}

bool is_zero_cell(const SourceTable& source, std::size_t row, const std::string& column) {
  return try_parse_quantity(source.cell(row, column)) == 0.0;
}

std::string why_nanochat_dropped(const SourceTable& source, std::size_t row) {
  const std::string tokens = source.cell(row, "tokens_trained");
  if (tokens.empty()) return "tokens_trained is empty";
  if (is_zero_cell(source, row, "tokens_trained")) return "tokens_trained is 0";
  if (is_zero_cell(source, row, "val_bpb")) return "val_bpb is 0";
  if (!is_zero_cell(source, row, "core_score")) return "";
  for (std::size_t i = 0; i < source.table.rows.size(); ++i) {
    const auto score = try_parse_quantity(source.cell(i, "core_score"));
    if (score && *score != 0) return "core_score is 0: its evaluation failed";
  }
  return "";
}

RunImport read_nanochat(const ImportSource& source, const ImportOptions& options) {
  const bool blocks = has_columns(source, {"params_transformer"});
  std::vector<std::string> id = {"flops_budget"};
  for (const char* column : {"depth", "size", "seed", "model_tag"}) {
    if (has_columns(source, {column})) id.push_back(column);
  }
  ColumnMap map{.params = "params_total",
                .tokens = "tokens_trained",
                .loss = "val_bpb",
                .budget = "flops_budget"};
  if (blocks) map.extra["nonembedding_params"] = "params_transformer";
  return import_table(source,
                      {.map = map,
                       .own = FlopConvention::k6nd,
                       .loss_unit = kBitsPerByte,
                       .id = id,
                       .drops_without_loss = true,
                       .why_dropped = why_nanochat_dropped,
                       .notes = {"flops_budget counts FLOPs in nanochat's way: kept as the budget; "
                                 "C = 6 N D with N = params_total"}},
                      options);
}

}  // namespace

ImportFormat nanochat_format() {
  return {.name = "nanochat",
          .about = "nanochat's results.csv: bits per byte; failed rows are left out",
          .recognises = recognises_nanochat,
          .read = read_nanochat};
}

}  // namespace isoflop
