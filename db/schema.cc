#include "db/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "core/error.h"
#include "db/migrations.h"

namespace isoflop {
namespace {

// "isof": tells file(1) and us that the SQLite file is a store.
constexpr int kApplicationId = 0x69736f66;

int pragma(SQLite::Database& db, const char* name) {
  return db.execAndGet(std::string("PRAGMA ") + name).getInt();
}

Error incompatible(const std::string& path, const std::string& why) {
  return {ErrorKind::kStore, "store: " + path + ": " + why, "incompatible"};
}

void check_not_newer(SQLite::Database& db, const std::string& path) {
  const int version = pragma(db, "user_version");
  if (version <= schema_version()) return;
  throw incompatible(path, "has schema version " + std::to_string(version) +
                               ", and this program knows up to " +
                               std::to_string(schema_version()) +
                               "; use a newer isoflop, or another file with --db");
}

void check_is_store(SQLite::Database& db, const std::string& path) {
  if (pragma(db, "application_id") == kApplicationId) return;
  throw incompatible(path, "is a SQLite file, but not a store of isoflop; give another --db");
}

bool is_empty(SQLite::Database& db) {
  return db.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
}

}  // namespace

int schema_version() { return static_cast<int>(migrations().size()); }

void check_schema(SQLite::Database& db, const std::string& path) {
  check_is_store(db, path);
  check_not_newer(db, path);
  const int version = pragma(db, "user_version");
  if (version == schema_version()) return;
  throw incompatible(path, "has the older schema version " + std::to_string(version) +
                               "; any command that writes brings it up to date, e.g. isoflop "
                               "sweep run");
}

void migrate(SQLite::Database& db, const std::string& path) {
  if (pragma(db, "application_id") == kApplicationId &&
      pragma(db, "user_version") == schema_version()) {
    return;
  }
  // Tables are built anew under their old names, which foreign keys would forbid; has no effect
  // inside a transaction.
  db.exec("PRAGMA foreign_keys = OFF");
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  if (!is_empty(db)) check_is_store(db, path);
  check_not_newer(db, path);
  for (int k = pragma(db, "user_version"); k < schema_version(); ++k) {
    db.exec(migrations()[static_cast<size_t>(k)]);
  }
  db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  db.exec("PRAGMA user_version = " + std::to_string(schema_version()));
  transaction.commit();
  db.exec("PRAGMA foreign_keys = ON");
}

}  // namespace isoflop
