// Open Athena's IsoFLOP experiments as one table: experiment, params, tokens, loss, budget.
//
// Experiments differ in data or architecture, so one of them is to be fitted at a time: the label
// is the experiment. C = 6 N D where the table has no FLOPs.
#include <set>

#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_open_athena(const ImportSource& source) {
  return has_columns(source, {"experiment", "params", "tokens", "loss", "budget"});
}

void name_athena_row(const SourceTable& source, std::size_t row, ImportedRun& run) {
  run.observation.trial = source.cell(row, "experiment");
}

RunImport read_open_athena(const ImportSource& source, const ImportOptions& options) {
  const SourceTable table = read_source_table(source);
  std::set<std::string> experiments;
  for (std::size_t i = 0; i < table.table.rows.size(); ++i) {
    experiments.insert(table.cell(i, "experiment"));
  }
  std::vector<std::string> notes;
  if (experiments.size() > 1) {
    notes.push_back(std::to_string(experiments.size()) +
                    " experiments: fit one at a time, e.g. --where \"experiment = '" +
                    *experiments.begin() + "'\"");
  }
  return import_table(
      table,
      {.usual_names = true, .own = FlopConvention::k6nd, .finish = name_athena_row, .notes = notes},
      options);
}

}  // namespace

ImportFormat open_athena_format() {
  return {.name = "open-athena",
          .about = "Open Athena's IsoFLOP experiments: experiment, params, tokens, loss, budget",
          .recognises = recognises_open_athena,
          .read = read_open_athena};
}

}  // namespace isoflop
