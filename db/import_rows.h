// How other tools' runs lie in the tables imports, imported_runs and imported_points: what is JSON
// there, and rows made structs again. Shared by db/imports.cc and db/merge_imports.cc.
#ifndef ISOFLOP_DB_IMPORT_ROWS_H_
#define ISOFLOP_DB_IMPORT_ROWS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/imported_run.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace isoflop {

std::string fields_json(SQLite::Database& db, const std::vector<FieldSource>& fields);
std::string dropped_json(SQLite::Database& db, const std::vector<DroppedRow>& rows);
std::string notes_json(SQLite::Database& db, const std::vector<std::string>& notes);
std::string extra_json(const std::map<std::string, double>& extra);

// A run with its row's id.
struct KnownRun {
  std::int64_t id = 0;
  ImportedRun run;
};
// In the order of the source.
std::vector<KnownRun> runs_of(SQLite::Database& db, std::int64_t import, bool with_points);

// The imports of a study (all where it is empty), or that of an id (0: any).
std::vector<ImportRow> import_rows(SQLite::Database& db, const std::string& study, std::int64_t id);

// An import of a row of kStoredImports.
inline constexpr const char* kStoredImports =
    "SELECT id, format, path, sha256, convention, loss_unit, fields, dropped, notes FROM imports"
    " WHERE study = ? ORDER BY id";
RunImport stored_import(SQLite::Database& db, SQLite::Statement& query, bool with_points);

}  // namespace isoflop

#endif  // ISOFLOP_DB_IMPORT_ROWS_H_
