// What the store's .cc files share: the connection, and how a call to SQLite is wrapped.
#ifndef ISOFLOP_DB_STORE_IMPL_H_
#define ISOFLOP_DB_STORE_IMPL_H_

#include <SQLiteCpp/SQLiteCpp.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "db/store.h"

namespace isoflop {

inline void bind_value(SQLite::Statement& query, int index, const std::optional<double>& value) {
  if (value) {
    query.bind(index, *value);
  } else {
    query.bind(index);
  }
}
template <class T>
void bind_value(SQLite::Statement& query, int index, const T& value) {
  query.bind(index, value);
}

// Binds ?1, ?2, ... in order. SQLite stores NaN as NULL.
template <class... Values>
void bind_all(SQLite::Statement& query, const Values&... values) {
  int index = 0;
  (bind_value(query, ++index, values), ...);
}

template <class... Values>
SQLite::Statement prepare(SQLite::Database& db, const char* sql, const Values&... values) {
  SQLite::Statement query(db, sql);
  bind_all(query, values...);
  return query;
}

// Returns the number of rows changed.
template <class... Values>
int run_sql(SQLite::Database& db, const char* sql, const Values&... values) {
  return prepare(db, sql, values...).exec();
}

std::optional<double> optional_double(const SQLite::Column& column);
double double_or_nan(const SQLite::Column& column);

// Unix seconds.
double now_seconds();

// How long another process' lock is waited for.
inline constexpr int kBusyMilliseconds = 30000;

// The next trial to claim. ?1: study id, ?2: heartbeats before this moment do not count.
extern const char* const kNextTrialSql;

// What the store's user can do about an SQLite error.
Error store_error(const std::string& path, const SQLite::Exception& error);

// Rebuilds the trial from its canonical JSON. Throws Error(kStore) where the spec has keys that
// this program does not know.
Trial trial_from_spec(SQLite::Database& db, const std::string& path, const std::string& spec);

// The order in which trials are claimed, and what each costs; after trials were added to a study.
void order_study(SQLite::Database& db, std::int64_t study);

// Differences between the results of duplicate attempts and those that count. `attempts`: SQL for
// the ids of the former.
std::vector<ConflictRow> conflicts_of(SQLite::Database& db, const std::string& attempts);

// A trial that this program would describe otherwise is another trial: throws Error(kStore).
void check_identity(const std::string& path, const Claim& claim);

// --- Of an attempt, whoever made it (db/attempt_rows.cc).

// A done outcome whose losses are not finite has diverged.
Outcome checked_outcome(const Outcome& outcome);

// The attempt's end; `name` is attempts.outcome.
void write_outcome(SQLite::Database& db, std::int64_t attempt, const std::string& name,
                   const std::string& reason, const Outcome& outcome, double moment);

// Adds or replaces points by step, those beyond a step; returns how many.
std::int64_t insert_points(SQLite::Database& db, std::int64_t attempt,
                           std::span<const CurvePoint> points, std::int64_t beyond_step = -1);

// Sequences at a time for the trial and for those that wait in its trunk, never more than they had:
// they go on from each other only with the same micro-batch, and would run out of memory alike.
void lower_micro_batch(SQLite::Database& db, std::int64_t trial, std::int64_t micro_batch);

// Those that are finite.
void insert_evaluations(SQLite::Database& db, std::int64_t attempt, const Outcome& outcome);

// Other tools' runs of the attached store `o` into this one, inside a merge's transaction
// (db/merge_imports.cc).
void merge_imports(SQLite::Database& db, const std::string& other, Merged& merged);

struct Store::Impl {
  std::string path;
  SQLite::Database db;

  // Throws Error(kUsage) with the studies there are.
  std::int64_t study_id(const std::string& study);
  // Rows of db/results.cc. `condition` ("AND ...") says which; ?3 in it is `value`.
  std::vector<TrialRow> trial_rows(const std::string& study, const std::string& heldout,
                                   const std::string& condition,
                                   std::optional<std::int64_t> value = {});

  template <class F>
  auto read(F&& body) {
    try {
      return body();
    } catch (const SQLite::Exception& error) {
      throw store_error(path, error);
    }
  }

  // One BEGIN IMMEDIATE transaction, rolled back by any exception. A deferred one that reads before
  // it writes fails at once with SQLITE_BUSY_SNAPSHOT, whatever the timeout.
  template <class F>
  auto write(F&& body) {
    return read([&] {
      SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
      if constexpr (std::is_void_v<decltype(body())>) {
        body();
        transaction.commit();
      } else {
        auto result = body();
        transaction.commit();
        return result;
      }
    });
  }
};

}  // namespace isoflop

#endif  // ISOFLOP_DB_STORE_IMPL_H_
