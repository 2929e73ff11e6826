// The part of the store that people and fits look at.
#include <set>
#include <sqlite3.h>

#include "db/store_impl.h"

namespace isoflop {
namespace {

// One row a trial of the study, with the attempt that was done and its loss, or else the last one.
// A correlated sub-query finds it through the index on (trial, number).
constexpr const char* kTrials = R"sql(
SELECT t.id, st.ordinal, t.identity, t.state, coalesce(a.reason, ''), st.budget, t.params, t.tokens,
       t.flops_6nd, t.flops_exact, (SELECT count(*) FROM attempts WHERE trial = t.id),
       coalesce(a.seconds, 0), coalesce(a.tokens, 0), e.loss, e.standard_error, e.bits_per_byte, e.excess, t.spec,
       st.role, a.unique_tokens, a.epochs, a.mfu, t.held_by, t.micro_batch, t.active_params
FROM study_trials st JOIN trials t ON t.id = st.trial
LEFT JOIN attempts a ON a.trial = t.id
  AND a.id = (SELECT id FROM attempts WHERE trial = t.id
              ORDER BY outcome = 'done' DESC, number DESC LIMIT 1)
LEFT JOIN evaluations e ON e.attempt = a.id AND e.heldout = ?2 AND t.state = 'done'
WHERE st.study = ?1 )sql";
constexpr const char* kInOrder = " ORDER BY st.ordinal, t.id";
constexpr const char* kRunning =
    "AND st.trial IN (SELECT trial FROM attempts WHERE outcome = 'running')";
// The trials beside which a bracket was planned, and those of the brackets.
constexpr const char* kBracketed = R"sql(AND st.trial IN (
  SELECT t.id FROM study_trials sb INDEXED BY study_brackets CROSS JOIN trials b ON b.id = sb.trial
  CROSS JOIN trials t ON t.params = b.params AND t.tokens = b.tokens
  WHERE sb.study = ?1 AND sb.role = 'bracket'))sql";
// The first done trial of the study from an id on, whatever other studies have done between them.
constexpr const char* kNextDone = R"sql(
SELECT a.trial FROM attempts a WHERE a.outcome = 'done' AND a.trial >= ?2
  AND EXISTS (SELECT 1 FROM study_trials st WHERE st.study = ?1 AND st.trial = a.trial)
ORDER BY a.trial LIMIT 1)sql";

TrialRow trial_row(SQLite::Statement& q, SQLite::Database& db, const std::string& path) {
  return {.id = q.getColumn(0).getInt64(),
          .ordinal = q.getColumn(1).getInt64(),
          .identity = q.getColumn(2).getString(),
          .state = q.getColumn(3).getString(),
          .held_by = q.getColumn(22).getString(),
          .reason = q.getColumn(4).getString(),
          .budget = optional_double(q.getColumn(5)),
          .role = q.getColumn(18).getString() == "bracket" ? TrialRole::kBracket : TrialRole::kGrid,
          .params = q.getColumn(6).getDouble(),
          .active_params = q.getColumn(24).getDouble(),
          .tokens = q.getColumn(7).getDouble(),
          .flops_6nd = q.getColumn(8).getDouble(),
          .flops_exact = q.getColumn(9).getDouble(),
          .attempts = q.getColumn(10).getInt64(),
          .micro_batch = q.getColumn(23).getInt64(),
          .seconds = q.getColumn(11).getDouble(),
          .tokens_done = q.getColumn(12).getDouble(),
          .unique_tokens = optional_double(q.getColumn(19)),
          .epochs = optional_double(q.getColumn(20)),
          .mfu = optional_double(q.getColumn(21)),
          .loss = optional_double(q.getColumn(13)),
          .standard_error = optional_double(q.getColumn(14)),
          .bits_per_byte = optional_double(q.getColumn(15)),
          .excess = optional_double(q.getColumn(16)),
          .trial = trial_from_spec(db, path, q.getColumn(17).getString())};
}

}  // namespace

Trial trial_from_spec(SQLite::Database&, const std::string& path, const std::string& spec) {
  try {
    return trial_from_canonical_json(spec);
  } catch (const Error& error) {
    throw Error(ErrorKind::kStore,
                "store: " + path + ": a trial cannot be read (" + error.what() +
                    "); it was planned by a newer isoflop: use that one",
                "incompatible");
  }
}

std::vector<StudyRow> Store::studies() const {
  return impl_->read([&] {
    auto query = prepare(impl_->db,
                         "SELECT name, grid, created,"
                         " (SELECT coalesce(sum(trials), 0) FROM tallies l WHERE l.study = s.id),"
                         " (SELECT count(*) FROM imports i JOIN imported_runs r ON r.import = i.id"
                         "  WHERE i.study = s.id)"
                         " FROM studies s ORDER BY created DESC, id DESC");
    std::vector<StudyRow> rows;
    while (query.executeStep()) {
      rows.push_back({.name = query.getColumn(0).getString(),
                      .grid = query.getColumn(1).getString(),
                      .created = query.getColumn(2).getDouble(),
                      .trials = query.getColumn(3).getInt64(),
                      .imported = query.getColumn(4).getInt64()});
    }
    return rows;
  });
}

std::vector<TrialRow> Store::Impl::trial_rows(const std::string& study, const std::string& heldout,
                                              const std::string& condition,
                                              std::optional<std::int64_t> value) {
  return read([&] {
    SQLite::Statement query(db, kTrials + condition + kInOrder);
    bind_all(query, study_id(study), heldout);
    if (value) query.bind(3, *value);
    std::vector<TrialRow> rows;
    while (query.executeStep()) rows.push_back(trial_row(query, db, path));
    return rows;
  });
}

std::vector<TrialRow> Store::trials(const std::string& study, const std::string& heldout) const {
  return impl_->trial_rows(study, heldout, "");
}

std::vector<TrialRow> Store::running_trials(const std::string& study,
                                            const std::string& heldout) const {
  return impl_->trial_rows(study, heldout, kRunning);
}

std::vector<TrialRow> Store::bracketed_trials(const std::string& study,
                                              const std::string& heldout) const {
  return impl_->trial_rows(study, heldout, kBracketed);
}

std::vector<TrialRow> Store::some_done(const std::string& study, std::size_t count,
                                       const std::string& heldout) const {
  return impl_->read([&] {
    const std::int64_t id = impl_->study_id(study);
    auto range = prepare(impl_->db,
                         "SELECT (SELECT min(trial) FROM study_trials WHERE study = ?1), (SELECT "
                         "max(trial) FROM study_trials WHERE study = ?1)",
                         id);
    range.executeStep();
    const std::int64_t first = range.getColumn(0).getInt64();
    const std::int64_t last = range.getColumn(1).getInt64();
    std::set<std::int64_t> chosen;
    for (std::size_t k = 0; k < count; ++k) {
      const auto place = static_cast<double>(k) / static_cast<double>(count);
      const auto from =
          first + static_cast<std::int64_t>(place * static_cast<double>(last - first + 1));
      auto next = prepare(impl_->db, kNextDone, id, from);
      if (next.executeStep()) chosen.insert(next.getColumn(0).getInt64());
    }
    std::vector<TrialRow> rows;
    for (const std::int64_t trial : chosen) {
      for (TrialRow& row : impl_->trial_rows(study, heldout, "AND st.trial = ?3", trial)) {
        rows.push_back(std::move(row));
      }
    }
    return rows;
  });
}

std::vector<std::string> Store::heldout_sets(const std::string& study) const {
  return impl_->read([&] {
    auto q = prepare(impl_->db,
                     "SELECT heldout FROM results WHERE study = ?1 AND loss IS NOT NULL"
                     " UNION SELECT 'heldout' FROM imported WHERE study = ?1 ORDER BY 1",
                     study);
    std::vector<std::string> sets;
    while (q.executeStep()) sets.push_back(q.getColumn(0).getString());
    return sets;
  });
}

namespace {

// Other ways of counting the same run; a tabular learner has no shape to count.
std::map<std::string, double> extra_of(const TrialRow& row) {
  std::map<std::string, double> extra;
  if (row.trial.trainer == "tabular") return extra;
  extra["nonembedding_params"] = static_cast<double>(count_params(row.trial.model).non_embedding());
  extra["exact_flops"] = row.flops_exact;
  if (row.unique_tokens) extra["unique_tokens"] = *row.unique_tokens;
  return extra;
}

}  // namespace

std::vector<Observation> Store::trial_results(const std::string& study, FlopConvention convention,
                                              const std::string& heldout) const {
  std::vector<Observation> observations;
  for (const TrialRow& row : trials(study, heldout)) {
    if (!row.loss || row.role != TrialRole::kGrid) continue;
    observations.push_back({.params = row.params,
                            .tokens = row.tokens,
                            .flops = total_flops(row.trial, convention),
                            .loss = *row.loss,
                            .loss_error = row.standard_error.value_or(0),
                            .budget = row.budget,
                            .seed = row.trial.seed,
                            .trial = row.identity,
                            .row = row.ordinal,
                            .extra = extra_of(row)});
  }
  return observations;
}

std::vector<Observation> Store::results(const std::string& study, FlopConvention convention,
                                        const std::string& heldout) const {
  std::vector<Observation> observations = trial_results(study, convention, heldout);
  for (Observation& run : imported_results(study, convention, heldout)) {
    observations.push_back(std::move(run));
  }
  return observations;
}

namespace {

std::optional<RouterStats> router_in(SQLite::Statement& q, int column) {
  if (q.getColumn(column).isNull()) return std::nullopt;
  RouterStats stats;
  for (const auto& field : kRouterStatsFields) {
    stats.*field.value = double_or_nan(q.getColumn(column++));
  }
  return stats;
}

}  // namespace

std::vector<CurvePoint> Store::curve(std::int64_t trial_id) const {
  return impl_->read([&] {
    auto q =
        prepare(impl_->db,
                "SELECT step, tokens, flops, train_loss, heldout_loss, rate, grad_norm, seconds,"
                " heldout_error, router_largest_load, router_unused, router_dropped,"
                " router_entropy, router_balance, router_z"
                " FROM curve_points WHERE attempt = (SELECT id FROM attempts WHERE trial = ?"
                " ORDER BY outcome = 'done' DESC, number DESC LIMIT 1) ORDER BY step",
                trial_id);
    std::vector<CurvePoint> points;
    while (q.executeStep()) {
      points.push_back({.step = q.getColumn(0).getInt64(),
                        .tokens = q.getColumn(1).getDouble(),
                        .flops = q.getColumn(2).getDouble(),
                        .train_loss = double_or_nan(q.getColumn(3)),
                        .heldout_loss = optional_double(q.getColumn(4)),
                        .heldout_error = optional_double(q.getColumn(8)),
                        .rate = double_or_nan(q.getColumn(5)),
                        .grad_norm = double_or_nan(q.getColumn(6)),
                        .seconds = double_or_nan(q.getColumn(7)),
                        .router = router_in(q, 9)});
    }
    return points;
  });
}

void Store::save_fit(const std::string& study, const std::string& json) {
  impl_->write([&] {
    run_sql(impl_->db, "INSERT INTO fits (study, created, version, json) VALUES (?, ?, ?, ?)",
            impl_->study_id(study), now_seconds(), program_version(), json);
  });
}

std::optional<std::string> Store::latest_fit(const std::string& study) const {
  return impl_->read([&]() -> std::optional<std::string> {
    auto query = prepare(
        impl_->db, "SELECT json FROM fits WHERE study = ? ORDER BY created DESC, id DESC LIMIT 1",
        impl_->study_id(study));
    if (!query.executeStep()) return std::nullopt;
    return query.getColumn(0).getString();
  });
}

void Store::add_corpus(const CorpusRow& corpus) {
  impl_->write([&] {
    run_sql(impl_->db,
            "INSERT OR REPLACE INTO corpora (identity, name, path, manifest, added)"
            " VALUES (?, ?, ?, ?, ?)",
            corpus.identity, corpus.name, corpus.path, corpus.manifest, now_seconds());
  });
}

std::optional<CorpusRow> Store::find_corpus(const std::string& identity_or_name) const {
  return impl_->read([&]() -> std::optional<CorpusRow> {
    auto query = prepare(impl_->db,
                         "SELECT identity, name, path, manifest FROM corpora"
                         " WHERE identity = ?1 OR name = ?1"
                         " ORDER BY identity = ?1 DESC, added DESC LIMIT 1",
                         identity_or_name);
    if (!query.executeStep()) return std::nullopt;
    return CorpusRow{.identity = query.getColumn(0).getString(),
                     .name = query.getColumn(1).getString(),
                     .path = query.getColumn(2).getString(),
                     .manifest = query.getColumn(3).getString()};
  });
}

}  // namespace isoflop
