// Sweeps of Marin (Levanter) as a table of runs: run_id, run_state, budget, parameter_count,
// total_tokens, achieved_flops and a loss.
//
// Runs whose run_state is not "finished" are left out. achieved_flops counts what Levanter counts
// (attention and the head too), so it is not 6 N D.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_marin(const ImportSource& source) {
  return has_columns(source, {"run_state", "parameter_count", "total_tokens"});
}

std::string why_marin_dropped(const SourceTable& source, std::size_t row) {
  const std::string state = source.cell(row, "run_state");
  return plain_name(state) == "finished" ? "" : "run_state is \"" + state + "\", not finished";
}

RunImport read_marin(const ImportSource& source, const ImportOptions& options) {
  const bool by_id = has_columns(source, {"run_id"});
  const auto if_there = [&](const char* column) {
    return has_columns(source, {column}) ? std::string(column) : std::string();
  };
  return import_table(source,
                      {.map = {.params = "parameter_count",
                               .tokens = "total_tokens",
                               .flops = if_there("achieved_flops"),
                               .loss = if_there("cd_val_loss"),
                               .budget = if_there("budget")},
                       .usual_names = true,
                       .id = {by_id ? "run_id" : "run_name"},
                       .drops_without_loss = true,
                       .why_dropped = why_marin_dropped},
                      options);
}

}  // namespace

ImportFormat marin_format() {
  return {.name = "marin",
          .about = "a table of Marin's runs (CSV, JSON); unfinished ones are left out",
          .recognises = recognises_marin,
          .read = read_marin};
}

}  // namespace isoflop
