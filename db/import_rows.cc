#include "db/import_rows.h"

#include <charconv>
#include <cmath>
#include <sqlite3.h>

#include "core/units.h"
#include "db/store_impl.h"

namespace isoflop {
namespace {

std::map<std::string, double> extra_from(const std::string& json) {
  std::map<std::string, double> extra;
  for (std::size_t open = json.find('"'); open != std::string::npos; open = json.find('"', open)) {
    const std::size_t close = json.find('"', open + 1);
    const std::size_t colon = json.find(':', close);
    if (close == std::string::npos || colon == std::string::npos) break;
    double value = 0;
    const char* const end = json.data() + json.size();
    const auto read = std::from_chars(json.data() + colon + 1, end, value);
    if (read.ec == std::errc()) extra[json.substr(open + 1, close - open - 1)] = value;
    open = static_cast<std::size_t>(read.ptr - json.data());
  }
  return extra;
}

std::vector<FieldSource> fields_from(SQLite::Database& db, const std::string& json) {
  std::vector<FieldSource> fields;
  auto query = prepare(
      db, "SELECT value ->> 'field', value ->> 'column', value ->> 'how' FROM json_each(?)", json);
  while (query.executeStep()) {
    fields.push_back({.field = query.getColumn(0).getString(),
                      .column = query.getColumn(1).getString(),
                      .how = query.getColumn(2).getString()});
  }
  return fields;
}

std::vector<DroppedRow> dropped_from(SQLite::Database& db, const std::string& json) {
  std::vector<DroppedRow> rows;
  auto query = prepare(db, "SELECT value ->> 'line', value ->> 'why' FROM json_each(?)", json);
  while (query.executeStep()) {
    rows.push_back({.line = query.getColumn(0).getInt64(), .why = query.getColumn(1).getString()});
  }
  return rows;
}

std::vector<std::string> notes_from(SQLite::Database& db, const std::string& json) {
  std::vector<std::string> notes;
  auto query = prepare(db, "SELECT value FROM json_each(?)", json);
  while (query.executeStep()) notes.push_back(query.getColumn(0).getString());
  return notes;
}

constexpr const char* kRuns =
    "SELECT id, source_id, row, line, label, run, params, tokens, flops, loss, loss_error, budget,"
    " seed, extra, derived, provenance FROM imported_runs WHERE import = ? ORDER BY row, id";

ImportedRun imported_run(SQLite::Statement& q) {
  return {.source_id = q.getColumn(1).getString(),
          .observation = {.params = q.getColumn(6).getDouble(),
                          .tokens = q.getColumn(7).getDouble(),
                          .flops = q.getColumn(8).getDouble(),
                          .loss = q.getColumn(9).getDouble(),
                          .loss_error = q.getColumn(10).getDouble(),
                          .budget = optional_double(q.getColumn(11)),
                          .seed = q.getColumn(12).getInt64(),
                          .trial = q.getColumn(4).getString(),
                          .row = q.getColumn(2).getInt64(),
                          .run = q.getColumn(5).getString(),
                          .extra = extra_from(q.getColumn(13).getString())},
          .derived = q.getColumn(14).getString(),
          .provenance = q.getColumn(15).getString(),
          .line = q.getColumn(3).getInt64(),
          .points = {}};
}

std::vector<ImportedPoint> points_of(SQLite::Database& db, std::int64_t run) {
  auto q = prepare(db,
                   "SELECT step, tokens, train_loss, heldout_loss, rate, grad_norm, seconds"
                   " FROM imported_points WHERE run = ? ORDER BY step",
                   run);
  std::vector<ImportedPoint> points;
  while (q.executeStep()) {
    points.push_back({.step = q.getColumn(0).getInt64(),
                      .tokens = q.getColumn(1).getDouble(),
                      .train_loss = optional_double(q.getColumn(2)),
                      .heldout_loss = optional_double(q.getColumn(3)),
                      .rate = optional_double(q.getColumn(4)),
                      .grad_norm = optional_double(q.getColumn(5)),
                      .seconds = optional_double(q.getColumn(6))});
  }
  return points;
}

constexpr const char* kImports =
    "SELECT i.id, s.name, i.format, i.path, i.sha256, i.convention, i.loss_unit,"
    " (SELECT count(*) FROM imported_runs WHERE import = i.id), json_array_length(i.dropped),"
    " (SELECT count(*) FROM imported_runs WHERE import = i.id AND derived <> ''), i.added, i.notes"
    " FROM imports i JOIN studies s ON s.id = i.study"
    " WHERE (?1 = '' OR s.name = ?1) AND (?2 = 0 OR i.id = ?2) ORDER BY i.id";

}  // namespace

std::string fields_json(SQLite::Database& db, const std::vector<FieldSource>& fields) {
  std::string json = "[]";
  for (const FieldSource& field : fields) {
    auto query = prepare(db,
                         "SELECT json_insert(?1, '$[#]',"
                         " json_object('field', ?2, 'column', ?3, 'how', ?4))",
                         json, field.field, field.column, field.how);
    query.executeStep();
    json = query.getColumn(0).getString();
  }
  return json;
}

// Rows are many, so each is made once and joined.
std::string dropped_json(SQLite::Database& db, const std::vector<DroppedRow>& rows) {
  std::string json = "[";
  auto query = prepare(db, "SELECT json_object('line', ?1, 'why', ?2)");
  for (const DroppedRow& row : rows) {
    bind_all(query, row.line, row.why);
    query.executeStep();
    json += (json.size() > 1 ? "," : "") + query.getColumn(0).getString();
    query.reset();
  }
  return json + "]";
}

std::string notes_json(SQLite::Database& db, const std::vector<std::string>& notes) {
  std::string json = "[]";
  for (const std::string& note : notes) {
    auto query = prepare(db, "SELECT json_insert(?1, '$[#]', ?2)", json, note);
    query.executeStep();
    json = query.getColumn(0).getString();
  }
  return json;
}

// Names are those of kExtraCoordinates, plain words. SQLite's own reading of numbers is not to the
// last bit, so that this is written and read here.
std::string extra_json(const std::map<std::string, double>& extra) {
  std::string json = "{";
  for (const auto& [name, value] : extra) {
    if (!std::isfinite(value)) continue;
    json += (json.size() > 1 ? ",\"" : "\"") + name + "\":" + exact_number(value);
  }
  return json + "}";
}

std::vector<KnownRun> runs_of(SQLite::Database& db, std::int64_t import, bool with_points) {
  std::vector<KnownRun> runs;
  auto query = prepare(db, kRuns, import);
  while (query.executeStep()) {
    runs.push_back({query.getColumn(0).getInt64(), imported_run(query)});
    if (with_points) runs.back().run.points = points_of(db, runs.back().id);
  }
  return runs;
}

std::vector<ImportRow> import_rows(SQLite::Database& db, const std::string& study,
                                   std::int64_t id) {
  std::vector<ImportRow> rows;
  auto q = prepare(db, kImports, study, id);
  while (q.executeStep()) {
    rows.push_back({.id = q.getColumn(0).getInt64(),
                    .study = q.getColumn(1).getString(),
                    .format = q.getColumn(2).getString(),
                    .path = q.getColumn(3).getString(),
                    .sha256 = q.getColumn(4).getString(),
                    .convention = q.getColumn(5).getString(),
                    .loss_unit = q.getColumn(6).getString(),
                    .runs = q.getColumn(7).getInt64(),
                    .dropped = q.getColumn(8).getInt64(),
                    .derived = q.getColumn(9).getInt64(),
                    .added = q.getColumn(10).getDouble(),
                    .notes = notes_from(db, q.getColumn(11).getString())});
  }
  return rows;
}

RunImport stored_import(SQLite::Database& db, SQLite::Statement& q, bool with_points) {
  RunImport import{.format = q.getColumn(1).getString(),
                   .path = q.getColumn(2).getString(),
                   .sha256 = q.getColumn(3).getString(),
                   .convention = parse_flop_convention(q.getColumn(4).getString()),
                   .loss_unit = q.getColumn(5).getString(),
                   .fields = fields_from(db, q.getColumn(6).getString()),
                   .runs = {},
                   .dropped = dropped_from(db, q.getColumn(7).getString()),
                   .notes = notes_from(db, q.getColumn(8).getString())};
  for (KnownRun& one : runs_of(db, q.getColumn(0).getInt64(), with_points)) {
    import.runs.push_back(std::move(one.run));
  }
  return import;
}

}  // namespace isoflop
