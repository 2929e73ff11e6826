// The table of runs that W&B's web page exports as CSV: Name, State, ..., then what was configured
// and what each run ended with, under the user's own names.
//
// Fields are found by --map or by usual names. Runs that are not finished, and those without a
// loss, are left out. A run is named by ID where the table has it, else by Name and Created, as
// names need not be unique.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_wandb_summary(const ImportSource& source) {
  if (!has_columns(source, {"Name", "State"})) return false;
  for (const char* column : {"ID", "Created", "Runtime", "User", "Sweep", "Tags", "Notes"}) {
    if (has_columns(source, {column})) return true;
  }
  return false;
}

std::string why_wandb_dropped(const SourceTable& source, std::size_t row) {
  const std::string state = source.cell(row, "State");
  return plain_name(state) == "finished" ? "" : "State is \"" + state + "\", not finished";
}

RunImport read_wandb_summary(const ImportSource& source, const ImportOptions& options) {
  std::vector<std::string> id = {"Name"};
  if (has_columns(source, {"ID"})) {
    id = {"ID"};
  } else if (has_columns(source, {"Created"})) {
    id.push_back("Created");
  }
  return import_table(
      source,
      {.usual_names = true,
       .id = id,
       .drops_without_loss = true,
       .why_dropped = why_wandb_dropped,
       .finish = [](const SourceTable& table, std::size_t row,
                    ImportedRun& run) { run.observation.trial = table.cell(row, "Name"); }},
      options);
}

}  // namespace

ImportFormat wandb_summary_format() {
  return {.name = "wandb-summary",
          .about = "W&B's table of runs (CSV): a row a run; unfinished ones are left out",
          .recognises = recognises_wandb_summary,
          .read = read_wandb_summary};
}

}  // namespace isoflop
