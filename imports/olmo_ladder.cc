// OLMo's model ladder (Bhagia et al. 2024, arXiv:2412.04403): final losses on many sets, and
// curves.
//
// N counts no embeddings in either table, so that C = 6 N D is smaller than with all parameters;
// D is in tokens, xC in multiples of the Chinchilla-optimal ones. The loss is C4's unless --map
// names another.
#include "core/units.h"
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool is_ladder_curves(const ImportSource& source) {
  return has_columns(source, {"run", "size", "N", "xC", "D", "c4"});
}

bool recognises_olmo_ladder(const ImportSource& source) {
  return has_columns(source, {"run", "size", "N_nonembed", "xC", "D", "loss_c4_en"}) ||
         is_ladder_curves(source);
}

std::string why_ladder_dropped(const SourceTable& source, std::size_t row) {
  return try_parse_quantity(source.cell(row, "D")) == 0.0 ? "D is 0: nothing was trained" : "";
}

RunImport read_olmo_ladder(const ImportSource& source, const ImportOptions& options) {
  const bool curves = is_ladder_curves(source);
  const std::string params = curves ? "N" : "N_nonembed";
  return import_table(
      source,
      {.map = {.params = params,
               .tokens = "D",
               .loss = curves ? "c4" : "loss_c4_en",
               .extra = {{"nonembedding_params", params}}},
       .own = FlopConvention::k6nd,
       .id = {"run"},
       .has_curves = curves,
       .why_dropped = why_ladder_dropped,
       .notes = {"N counts no embeddings (" + params +
                 "): compare N* with that of fits that count them only after adding them"}},
      options);
}

}  // namespace

ImportFormat olmo_ladder_format() {
  return {.name = "olmo-ladder",
          .about = "OLMo's model ladder: final losses or curves (CSV); N without embeddings",
          .recognises = recognises_olmo_ladder,
          .read = read_olmo_ladder};
}

}  // namespace isoflop
