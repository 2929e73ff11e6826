// What `isoflop import` says: of an import that was made or would be, of those that a store has, of
// the formats that there are.
#ifndef ISOFLOP_APP_IMPORT_TEXT_H_
#define ISOFLOP_APP_IMPORT_TEXT_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/imported_run.h"
#include "db/rows.h"
#include "io/json.h"
#include "report/text_table.h"

namespace isoflop {

// Files read for a study and, when they were written, what that changed: one count a file.
struct ImportAnswer {
  std::string db = {};
  std::string study = {};
  std::vector<RunImport> imports = {};
  std::vector<AddedImport> added = {};  // empty: a dry run
};

// First what was imported, then what was left out and what was derived.
std::string import_text(const ImportAnswer& answer);
// What would be: also the fields' columns and the first runs.
std::string dry_run_text(const ImportAnswer& answer);
// {"db", "study", "dry_run", "imports": [{"path", "format", "sha256", "convention", "loss_unit",
// "runs", "fields", "dropped", "derived", "notes", "first"}]}; of written ones also "id", "new",
// "replaced", "unchanged", "kept".
Json import_json(const ImportAnswer& answer);
// One row a file.
TextTable import_table(const ImportAnswer& answer);

// One row an import.
TextTable import_list_table(std::span<const ImportRow> rows, bool exact);
// One row a format: name, about.
TextTable format_table();

}  // namespace isoflop

#endif  // ISOFLOP_APP_IMPORT_TEXT_H_
