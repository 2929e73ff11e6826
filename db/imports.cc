// Other tools' runs come into the store, and go. How they are read: db/import_rows.cc.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <sqlite3.h>

#include "core/loss_unit.h"
#include "core/units.h"
#include "db/import_rows.h"
#include "db/store_impl.h"

namespace isoflop {
namespace {

std::string place_of(const RunImport& source, const ImportedRun& run) {
  return source.path + (run.line > 0 ? ":" + std::to_string(run.line) : "") + ": run \"" +
         run.source_id + "\"";
}

void check_positive(const RunImport& source, const ImportedRun& run, const char* name,
                    double value) {
  if (value > 0 && std::isfinite(value)) return;
  throw usage_error(place_of(source, run) + ": " + name + " is " + exact_number(value) +
                    ": a run needs parameters, tokens, FLOP and a loss above 0; correct the row, "
                    "leave it out with --where, or name the column with --map");
}

void check_runs(const RunImport& source) {
  std::set<std::string_view> names;
  for (const ImportedRun& run : source.runs) {
    check_positive(source, run, "params", run.observation.params);
    check_positive(source, run, "tokens", run.observation.tokens);
    check_positive(source, run, "flops", run.observation.flops);
    check_positive(source, run, "loss", run.observation.loss);
    if (names.insert(run.source_id).second) continue;
    throw usage_error(place_of(source, run) +
                      ": stands there twice: name a column that tells them apart, e.g. --map "
                      "trial=COLUMN");
  }
}

std::int64_t study_for_imports(SQLite::Database& db, const std::string& study) {
  run_sql(db,
          "INSERT INTO studies (name, grid, created, version) VALUES (?, '', ?, ?)"
          " ON CONFLICT (name) DO NOTHING",
          study, now_seconds(), program_version());
  auto query = prepare(db, "SELECT id FROM studies WHERE name = ?", study);
  query.executeStep();
  return query.getColumn(0).getInt64();
}

struct KnownImport {
  std::int64_t id = 0;
  bool alike = false;      // in format, convention and unit: its runs can be replaced one by one
  bool unchanged = false;  // in all that the table says of it
  std::string path;        // of the source; the earlier one's while that is still there
};

// A copy is the same source and goes on by the first one's path, one that was moved by its new one.
std::optional<KnownImport> known_import(SQLite::Database& db, std::int64_t study,
                                        const RunImport& source, const std::string& fields,
                                        const std::string& dropped, const std::string& notes) {
  auto query =
      prepare(db,
              "SELECT id, format = ?4 AND convention = ?5 AND loss_unit = ?6,"
              " sha256 = ?3 AND fields = ?7 AND dropped = ?8 AND notes = ?9, path"
              " FROM imports WHERE study = ?1 AND (path = ?2 OR (sha256 = ?3 AND ?3 <> ''))"
              " ORDER BY path = ?2 DESC, id LIMIT 1",
              study, source.path, source.sha256, source.format,
              std::string(name_of(source.convention)), source.loss_unit, fields, dropped, notes);
  if (!query.executeStep()) return std::nullopt;
  const std::string before = query.getColumn(3).getString();
  std::error_code ignored;
  KnownImport known{.id = query.getColumn(0).getInt64(),
                    .alike = query.getColumn(1).getInt() != 0,
                    .path = std::filesystem::exists(before, ignored) ? before : source.path};
  known.unchanged = known.alike && query.getColumn(2).getInt() != 0 && known.path == before;
  return known;
}

Error mixed_units(const std::string& study, const RunImport& source, const std::string& there) {
  return refusal("mixed_units", "import: " + source.path + ": its losses are " +
                                    loss_unit_words(source.loss_unit) + ", and study \"" + study +
                                    "\" has " + there +
                                    ": one law for two units is none; import into another study "
                                    "with --study NAME");
}

// A law is fitted to all of a study's runs, so they count and measure alike.
void check_alike(SQLite::Database& db, const std::string& study, std::int64_t study_row,
                 const RunImport& source, std::int64_t self) {
  auto others = prepare(db,
                        "SELECT path, convention, loss_unit FROM imports"
                        " WHERE study = ? AND id <> ? ORDER BY id",
                        study_row, self);
  const std::string convention(name_of(source.convention));
  while (others.executeStep()) {
    const std::string path = others.getColumn(0).getString();
    const std::string unit = others.getColumn(2).getString();
    if (unit != source.loss_unit) {
      throw mixed_units(study, source, loss_unit_words(unit) + " from " + path);
    }
    if (others.getColumn(1).getString() == convention) continue;
    throw refusal("mixed_conventions", "import: " + source.path + ": counts FLOP by " + convention +
                                           ", and study \"" + study + "\" has " +
                                           others.getColumn(1).getString() + " from " + path +
                                           ": import it under the same one with --convention " +
                                           others.getColumn(1).getString() +
                                           ", or into another study with --study NAME");
  }
  auto trials = prepare(db,
                        "SELECT DISTINCT coalesce(spec ->> '$.\"model.objective\"', '') = 'masked'"
                        " FROM study_trials JOIN trials ON trials.id = trial WHERE study = ?",
                        study_row);
  while (trials.executeStep()) {
    const bool masked = trials.getColumn(0).getInt() != 0;
    const char* unit = loss_unit_of(masked ? Objective::kMasked : Objective::kAutoregressive);
    if (source.loss_unit == unit) continue;
    throw mixed_units(study, source, "trials, whose losses are " + loss_unit_words(unit));
  }
}

void insert_imported_points(SQLite::Database& db, std::int64_t run,
                            const std::vector<ImportedPoint>& points) {
  SQLite::Statement insert(
      db, "INSERT OR REPLACE INTO imported_points VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const ImportedPoint& point : points) {
    bind_all(insert, run, point.step, point.tokens, point.train_loss, point.heldout_loss,
             point.rate, point.grad_norm, point.seconds);
    insert.exec();
    insert.reset();
  }
}

// Behind an earlier one of that id where `id` is not 0.
void insert_run(SQLite::Database& db, std::int64_t import, const ImportedRun& run,
                std::int64_t id) {
  const Observation& o = run.observation;
  if (id != 0) run_sql(db, "DELETE FROM imported_runs WHERE id = ?", id);
  run_sql(db,
          "INSERT INTO imported_runs (id, import, source_id, row, line, label, run, params, tokens,"
          " flops, loss, loss_error, budget, seed, extra, derived, provenance)"
          " VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          id, import, run.source_id, o.row, run.line, o.trial, o.run, o.params, o.tokens, o.flops,
          o.loss, o.loss_error, o.budget, o.seed, extra_json(o.extra), run.derived,
          run.provenance.empty() ? std::string("{}") : run.provenance);
  insert_imported_points(db, id != 0 ? id : db.getLastInsertRowid(), run.points);
}

// What a run is, wherever it stands in its file, as the store gives it back: NaN is NULL there.
ImportedRun without_place(ImportedRun run) {
  run.line = 0;
  run.observation.row = 0;
  if (run.provenance.empty()) run.provenance = "{}";
  for (ImportedPoint& point : run.points) {
    for (auto* value :
         {&point.train_loss, &point.heldout_loss, &point.rate, &point.grad_norm, &point.seconds}) {
      if (*value && std::isnan(**value)) value->reset();
    }
  }
  return run;
}

AddedImport take_runs(SQLite::Database& db, std::int64_t import, const RunImport& source) {
  AddedImport counts{.id = import};
  std::map<std::string, KnownRun> known;
  for (KnownRun& one : runs_of(db, import, true)) known[one.run.source_id] = std::move(one);
  for (const ImportedRun& run : source.runs) {
    const auto before = known.find(run.source_id);
    if (before == known.end()) {
      insert_run(db, import, run, 0);
      ++counts.added;
      continue;
    }
    const bool same = without_place(before->second.run) == without_place(run);
    const bool in_place = before->second.run.line == run.line &&
                          before->second.run.observation.row == run.observation.row;
    if (!same || !in_place) insert_run(db, import, run, before->second.id);
    ++(same ? counts.unchanged : counts.replaced);
    known.erase(before);
  }
  counts.kept = static_cast<std::int64_t>(known.size());
  return counts;
}

std::int64_t write_import(SQLite::Database& db, std::int64_t study, const RunImport& source,
                          const std::optional<KnownImport>& known, const std::string& fields,
                          const std::string& dropped, const std::string& notes) {
  if (known && known->unchanged) return known->id;
  const std::string convention(name_of(source.convention));
  if (!known) {
    run_sql(db,
            "INSERT INTO imports (study, path, sha256, format, convention, loss_unit, fields,"
            " dropped, notes, version, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            study, source.path, source.sha256, source.format, convention, source.loss_unit, fields,
            dropped, notes, program_version(), now_seconds());
    return db.getLastInsertRowid();
  }
  if (!known->alike) run_sql(db, "DELETE FROM imported_runs WHERE import = ?", known->id);
  run_sql(db,
          "UPDATE imports SET path = ?, sha256 = ?, format = ?, convention = ?, loss_unit = ?,"
          " fields = ?, dropped = ?, notes = ?, version = ?, added = ? WHERE id = ?",
          known->path, source.sha256, source.format, convention, source.loss_unit, fields, dropped,
          notes, program_version(), now_seconds(), known->id);
  return known->id;
}

AddedImport add_one(SQLite::Database& db, const std::string& study, std::int64_t study_row,
                    const RunImport& source) {
  const std::string fields = fields_json(db, source.fields);
  const std::string dropped = dropped_json(db, source.dropped);
  const std::string notes = notes_json(db, source.notes);
  const auto known = known_import(db, study_row, source, fields, dropped, notes);
  check_alike(db, study, study_row, source, known ? known->id : 0);
  return take_runs(db, write_import(db, study_row, source, known, fields, dropped, notes), source);
}

void check_convention(const RunImport& import, FlopConvention convention) {
  if (import.convention == convention) return;
  throw refusal("mixed_conventions",
                "fit: " + import.path + " was imported with FLOP counted by " +
                    std::string(name_of(import.convention)) + ", and the study counts by " +
                    std::string(name_of(convention)) + ": import it with --convention " +
                    std::string(name_of(convention)) + ", or into another study with --study NAME");
}

}  // namespace

std::vector<AddedImport> Store::add_imports(const std::string& study,
                                            std::span<const RunImport> sources) {
  for (const RunImport& source : sources) check_runs(source);
  return impl_->write([&] {
    const std::int64_t study_row = study_for_imports(impl_->db, study);
    std::vector<AddedImport> counts;
    for (const RunImport& source : sources) {
      counts.push_back(add_one(impl_->db, study, study_row, source));
    }
    return counts;
  });
}

AddedImport Store::add_import(const std::string& study, const RunImport& source) {
  return add_imports(study, std::span(&source, 1)).front();
}

std::vector<ImportRow> Store::imports(const std::string& study) const {
  return impl_->read([&] { return import_rows(impl_->db, study, 0); });
}

std::vector<RunImport> Store::imported(const std::string& study, bool with_points) const {
  return impl_->read([&] {
    auto query = prepare(impl_->db, kStoredImports, impl_->study_id(study));
    std::vector<RunImport> imports;
    while (query.executeStep()) imports.push_back(stored_import(impl_->db, query, with_points));
    return imports;
  });
}

std::vector<Observation> Store::imported_results(const std::string& study,
                                                 FlopConvention convention,
                                                 const std::string& heldout) const {
  if (heldout != "heldout") return {};
  const std::vector<RunImport> imports = imported(study);
  if (imports.empty()) return {};
  std::int64_t next = impl_->read([&] {
    auto query =
        prepare(impl_->db, "SELECT coalesce(max(ordinal) + 1, 0) FROM study_trials WHERE study = ?",
                impl_->study_id(study));
    query.executeStep();
    return query.getColumn(0).getInt64();
  });
  std::vector<Observation> observations;
  for (const RunImport& import : imports) {
    check_convention(import, convention);
    const std::int64_t first = next;
    for (const ImportedRun& run : import.runs) {
      observations.push_back(run.observation);
      observations.back().row = std::max(next, first + run.observation.row);
      next = observations.back().row + 1;
    }
  }
  return observations;
}

ImportRow Store::remove_import(std::int64_t id) {
  return impl_->write([&] {
    const auto rows = id > 0 ? import_rows(impl_->db, "", id) : std::vector<ImportRow>();
    if (rows.empty()) {
      throw usage_error("import: " + std::to_string(id) + ": there is no such import in " +
                        impl_->path + "; isoflop import --list --db " + impl_->path +
                        " shows them");
    }
    run_sql(impl_->db, "DELETE FROM imports WHERE id = ?", id);
    run_sql(impl_->db,
            "DELETE FROM studies WHERE name = ? AND grid = ''"
            " AND NOT EXISTS (SELECT 1 FROM imports WHERE study = studies.id)"
            " AND NOT EXISTS (SELECT 1 FROM study_trials WHERE study = studies.id)"
            " AND NOT EXISTS (SELECT 1 FROM fits WHERE study = studies.id)",
            rows.front().study);
    return rows.front();
  });
}

}  // namespace isoflop
