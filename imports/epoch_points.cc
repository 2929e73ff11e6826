// Epoch AI's points (Besiroglu et al. 2024, arXiv:2404.10102), read off Figure 4 of Hoffmann et
// al. 2022: svg_extracted_data.csv, and the same with the columns N and C in (Mis)fitting.
//
// N and C are read off the figure's axes; D = C / (6 N), as they take it.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool is_epoch_original(const ImportSource& source) {
  return has_columns(source, {"Model Size", "Training FLOP", "loss"});
}

bool recognises_epoch(const ImportSource& source) {
  return is_epoch_original(source) || has_columns(source, {"x", "y", "N", "C", "loss"});
}

RunImport read_epoch(const ImportSource& source, const ImportOptions& options) {
  const bool original = is_epoch_original(source);
  return import_table(source,
                      {.map = {.params = original ? "Model Size" : "N",
                               .flops = original ? "Training FLOP" : "C",
                               .loss = "loss"},
                       .own = FlopConvention::k6nd,
                       .notes = {"points read off a figure: losses come from its colours, and a "
                                 "few are far off the rest (see isoflop fit's influential "
                                 "points)"}},
                      options);
}

}  // namespace

ImportFormat epoch_format() {
  return {.name = "epoch",
          .about = "Epoch AI's 245 points of Hoffmann et al. 2022, Fig. 4 (CSV); D = C / 6N",
          .recognises = recognises_epoch,
          .read = read_epoch};
}

}  // namespace isoflop
