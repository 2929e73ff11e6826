// Points of an IsoFLOP plot with budgets and tokens, as read off Fig. 2 of Llama 3 (Grattafiori et
// al. 2024, arXiv:2407.21783): compute_budget, training_tokens, validation_loss.
//
// N = C / (6 D), the convention of that paper. The plot does not give its unit of loss.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_llama_isoflop(const ImportSource& source) {
  return has_columns(source, {"compute_budget", "training_tokens", "validation_loss"});
}

RunImport read_llama_isoflop(const ImportSource& source, const ImportOptions& options) {
  return import_table(source,
                      {.map = {.tokens = "training_tokens",
                               .flops = "compute_budget",
                               .loss = "validation_loss",
                               .budget = "compute_budget"},
                       .usual_names = true,
                       .own = FlopConvention::k6nd,
                       .notes = {"the source does not give the unit of its loss: read it as a "
                                 "relative scale; optima are not affected"}},
                      options);
}

}  // namespace

ImportFormat llama_isoflop_format() {
  return {
      .name = "llama-isoflop",
      .about = "compute_budget, training_tokens, validation_loss (Llama 3's Fig. 2); N = C / 6D",
      .recognises = recognises_llama_isoflop,
      .read = read_llama_isoflop};
}

}  // namespace isoflop
