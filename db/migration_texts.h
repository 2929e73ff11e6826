// One SQL text a version of the schema, each in a file of its own (db/migration_N.cc). A released
// one never changes; tests/db/migration_test.cc holds them to their hashes.
#ifndef ISOFLOP_DB_MIGRATION_TEXTS_H_
#define ISOFLOP_DB_MIGRATION_TEXTS_H_

namespace isoflop {

extern const char* const kMigration1;  // studies, trials, attempts, curves, the queue of claims
extern const char* const kMigration2;  // trunks and brackets
extern const char* const kMigration3;  // leases, failures, tallies of what status shows
extern const char* const kMigration4;  // other tools' runs
extern const char* const kMigration5;  // sparse models

}  // namespace isoflop

#endif  // ISOFLOP_DB_MIGRATION_TEXTS_H_
