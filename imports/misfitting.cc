// (Mis)fitting's own runs (Li et al. 2025): scaling_results.csv and
// scaling_results_last_ckpt_only.csv.
//
// The table has C by both conventions: C_6ND = 6 N D, and C_6ND_no_emb = 6 N_no_emb D, which is
// kaplan's. A row is a checkpoint of a run; portion_steps_elapsed says how far it had come. A run
// is a model, a length, a peak learning rate and a sweep.
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_misfitting(const ImportSource& source) {
  return has_columns(
      source, {"loss", "N", "N_no_emb", "D", "C_6ND", "C_6ND_no_emb", "portion_steps_elapsed"});
}

std::string why_misfitting_run_dropped(const SourceTable& source, std::size_t last_row) {
  const std::string portion = source.cell(last_row, "portion_steps_elapsed");
  const auto value = try_parse_quantity(portion);
  if (!value || *value >= 1 - 1e-6) return "";
  return "its last row is at " + portion + " of its steps: it did not finish";
}

std::string misfitting_flops(const ImportSource& source, const ImportOptions& options) {
  if (!options.convention_named || options.convention == FlopConvention::k6nd) return "C_6ND";
  if (options.convention == FlopConvention::kKaplan) return "C_6ND_no_emb";
  if (!options.map.flops.empty()) return "";
  throw usage_error(source.path +
                    ": has C under 6nd (C_6ND) and kaplan (C_6ND_no_emb), not under " +
                    std::string(name_of(options.convention)) +
                    ": give --convention 6nd or kaplan, or a column by --map flops=...");
}

RunImport read_misfitting(const ImportSource& source, const ImportOptions& options) {
  return import_table(source,
                      {.map = {.params = "N",
                               .tokens = "D",
                               .flops = misfitting_flops(source, options),
                               .loss = "loss",
                               .extra = {{"nonembedding_params", "N_no_emb"}}},
                       .own = FlopConvention::k6nd,
                       .id = {"sweep", "model", "total_steps", "peak_lr"},
                       .has_curves = true,
                       .step = "current_steps",
                       .why_run_dropped = why_misfitting_run_dropped},
                      options);
}

}  // namespace

ImportFormat misfitting_format() {
  return {.name = "misfitting",
          .about = "(Mis)fitting's scaling_results.csv: checkpoints of runs, C as 6nd or kaplan",
          .recognises = recognises_misfitting,
          .read = read_misfitting};
}

}  // namespace isoflop
