// Data-constrained runs (Muennighoff et al. 2023, arXiv:2305.16264): the tables of datablations,
// and their form in model-recycling's collection of curves, with sizes like "2.8B".
//
// Names of the summary are not unique (seeds): its rows are named by their coordinates.
// The unique tokens are kept as unique_tokens; C = 6 N D where the table has none.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool is_datablations_summary(const ImportSource& source) {
  return has_columns(source, {"params_N", "tokens_D", "unique_tokens_U", "val_loss"});
}

bool recognises_datablations(const ImportSource& source) {
  return is_datablations_summary(source) ||
         has_columns(source, {"data", "token_num", "loss", "num_params", "tokens_per_epoch"});
}

RunImport read_datablations(const ImportSource& source, const ImportOptions& options) {
  if (is_datablations_summary(source)) {
    return import_table(
        source,
        {.map = {.params = "params_N",
                 .tokens = "tokens_D",
                 .loss = "val_loss",
                 .extra = {{"unique_tokens", "unique_tokens_U"}}},
         .own = FlopConvention::k6nd,
         .id = {"name", "unique_tokens_U", "tokens_D"},
         .finish = [](const SourceTable& table, std::size_t row,
                      ImportedRun& run) { run.observation.trial = table.cell(row, "name"); }},
        options);
  }
  return import_table(source,
                      {.map = {.params = "num_params",
                               .tokens = "token_num",
                               .flops = has_columns(source, {"flops"}) ? "flops" : "",
                               .loss = "loss",
                               .extra = {{"unique_tokens", "tokens_per_epoch"}}},
                       .own = FlopConvention::k6nd,
                       .id = {"data", "num_params", "tokens_per_epoch", "token_num"}},
                      options);
}

}  // namespace

ImportFormat datablations_format() {
  return {.name = "datablations",
          .about = "runs with repeated data (Muennighoff et al. 2023), with their unique tokens",
          .recognises = recognises_datablations,
          .read = read_datablations};
}

}  // namespace isoflop
