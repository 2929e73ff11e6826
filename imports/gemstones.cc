// Gemstones (McLeish et al. 2025, arXiv:2502.06857): wandb_df_for_fitting_*.jsonl, a line for each
// evaluation of a run.
//
// params_active_precise counts the parameters that their fits use; C = 6 N D, as they take it.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_gemstones(const ImportSource& source) {
  return has_columns(source, {"run_name", "params_active_precise", "tokens", "step", "final_loss"});
}

RunImport read_gemstones(const ImportSource& source, const ImportOptions& options) {
  return import_table(
      source,
      {.map = {.params = "params_active_precise", .tokens = "tokens", .loss = "final_loss"},
       .own = FlopConvention::k6nd,
       .id = {"run_name"},
       .has_curves = true,
       .step = "step"},
      options);
}

}  // namespace

ImportFormat gemstones_format() {
  return {.name = "gemstones",
          .about = "Gemstones' JSONL: evaluations of runs; the last is the result",
          .recognises = recognises_gemstones,
          .read = read_gemstones};
}

}  // namespace isoflop
