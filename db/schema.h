// The store's tables, as numbered migrations. docs/schema.md describes them.
//
// PRAGMA user_version counts the migrations that a file has had. Migration k + 1 is appended, never
// changed once released. All that are missing run in one transaction, so that a file is either old
// or new, and the second of two processes that open an old file at once finds it new.
#ifndef ISOFLOP_DB_SCHEMA_H_
#define ISOFLOP_DB_SCHEMA_H_

#include <string>

namespace SQLite {
class Database;
}

namespace isoflop {

int schema_version();  // what this program reads and writes

// Throws Error(kStore) when the file is newer than this program or is not a store.
void migrate(SQLite::Database& db, const std::string& path);

// The same check for a file that is only read: an older one is refused too.
void check_schema(SQLite::Database& db, const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_DB_SCHEMA_H_
