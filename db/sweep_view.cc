// What people see of a sweep while it runs. Counts come from tables that triggers keep (tallies,
// spent), so that no query here walks over a study's trials.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "db/store_impl.h"

namespace isoflop {
namespace {

constexpr int kReasonsRead = 200;  // of ended trials, for the commonest reason

std::int64_t* counter(SweepStatus& status, const std::string& state) {
  if (state == "planned") return &status.planned;
  if (state == "leased") return &status.leased;
  if (state == "running") return &status.running;
  if (state == "done") return &status.done;
  if (state == "diverged") return &status.diverged;
  if (state == "out_of_memory") return &status.out_of_memory;
  if (state == "cancelled") return &status.cancelled;
  return &status.failed;
}

bool is_open(const std::string& state) {
  return state == "planned" || state == "leased" || state == "running";
}

struct Tally {
  std::string state;
  std::int64_t trials = 0;
  double flops = 0;
  double alone = 0;
};

void add_tally(const Tally& tally, SweepStatus& status) {
  *counter(status, tally.state) += tally.trials;
  status.flops_total += tally.flops;
  (is_open(tally.state) ? status.flops_left : status.flops_done) += tally.flops;
  status.flops_alone += tally.alone;
}

void add_status(const SweepStatus& from, SweepStatus& to) {
  to.planned += from.planned;
  to.leased += from.leased;
  to.running += from.running;
  to.done += from.done;
  to.failed += from.failed;
  to.diverged += from.diverged;
  to.out_of_memory += from.out_of_memory;
  to.cancelled += from.cancelled;
  to.flops_total += from.flops_total;
  to.flops_done += from.flops_done;
  to.flops_left += from.flops_left;
  to.flops_alone += from.flops_alone;
}

void count_states(SQLite::Database& db, std::int64_t study, SweepStatus& status) {
  auto query = prepare(db,
                       "SELECT state, sum(trials), sum(flops), sum(alone) FROM tallies"
                       " WHERE study = ? AND trials > 0 GROUP BY state",
                       study);
  while (query.executeStep()) {
    add_tally({.state = query.getColumn(0).getString(),
               .trials = query.getColumn(1).getInt64(),
               .flops = query.getColumn(2).getDouble(),
               .alone = query.getColumn(3).getDouble()},
              status);
  }
}

// Work that a running attempt has done of what its trial adds to its trunk.
double own_done(double own, double flops, double tokens_done, double tokens) {
  return std::clamp(own - (1 - tokens_done / tokens) * flops, 0.0, own);
}

void move_to_done(double flops, SweepStatus& status) {
  status.flops_done += flops;
  status.flops_left -= flops;
}

// The done part of what runs; w trials running cost O(w log attempts). CROSS JOIN keeps SQLite from
// walking over the study's trials in search of those that run, here and below.
void count_running(SQLite::Database& db, std::int64_t study, SweepStatus& status) {
  auto query = prepare(db,
                       "SELECT t.tokens, t.flops_exact, st.own_flops, a.tokens,"
                       " a.heartbeat - a.started FROM attempts a"
                       " CROSS JOIN trials t ON t.id = a.trial"
                       " CROSS JOIN study_trials st ON st.trial = t.id AND st.study = ?"
                       " WHERE a.outcome = 'running'",
                       study);
  while (query.executeStep()) {
    move_to_done(own_done(query.getColumn(2).getDouble(), query.getColumn(1).getDouble(),
                          query.getColumn(3).getDouble(), query.getColumn(0).getDouble()),
                 status);
    status.seconds += query.getColumn(4).getDouble();
  }
}

// What ended attempts have cost, and how many trunks are shared.
void count_spent(SQLite::Database& db, std::int64_t study, SweepStatus& status) {
  auto query = prepare(db,
                       "SELECT (SELECT coalesce(sum(seconds), 0) FROM spent WHERE study = ?1),"
                       " (SELECT coalesce(sum(flops), 0) FROM spent WHERE study = ?1), trunks"
                       " FROM studies WHERE id = ?1",
                       study);
  if (!query.executeStep()) return;
  status.seconds += query.getColumn(0).getDouble();
  status.flops_spent = query.getColumn(1).getDouble();
  status.trunks = query.getColumn(2).getInt64();
}

// --- Groups.

// Bracket or not; with a budget or not; the budget or the size; of them, the power of ten where
// there are too many.
using GroupKey = std::tuple<bool, bool, double>;

struct Cell {
  bool bracket = false;
  double budget = 0;
  double params = 0;
};

GroupKey key_of(const Cell& cell, bool by_power) {
  const double value = cell.budget > 0 ? cell.budget : cell.params;
  return {cell.bracket, cell.budget > 0, by_power ? std::floor(std::log10(value)) : value};
}

class Groups {
 public:
  void add(const Cell& cell, const Tally& tally) {
    SweepStatus status;
    add_tally(tally, status);
    add(cell, status);
  }
  void add_done(const Cell& cell, double flops) {
    const auto found = groups_.find(key_of(cell, by_power_));
    if (found != groups_.end()) move_to_done(flops, found->second.status);
  }
  std::vector<SweepGroup> take() {
    std::vector<SweepGroup> list;
    for (auto& [key, group] : groups_) list.push_back(std::move(group));
    return list;
  }

 private:
  void add(const Cell& cell, const SweepStatus& status) {
    merge({.bracket = cell.bracket,
           .budget_low = cell.budget,
           .budget_high = cell.budget,
           .params_low = cell.params,
           .params_high = cell.params,
           .status = status});
    if (by_power_ || groups_.size() <= kMostGroups) return;
    by_power_ = true;
    std::map<GroupKey, SweepGroup> fine;
    fine.swap(groups_);
    for (auto& [key, group] : fine) merge(std::move(group));
  }
  void merge(SweepGroup&& group) {
    const GroupKey key = key_of({group.bracket, group.budget_low, group.params_low}, by_power_);
    const auto [found, is_new] = groups_.emplace(key, group);
    if (is_new) return;
    SweepGroup& into = found->second;
    into.budget_low = std::min(into.budget_low, group.budget_low);
    into.budget_high = std::max(into.budget_high, group.budget_high);
    into.params_low = std::min(into.params_low, group.params_low);
    into.params_high = std::max(into.params_high, group.params_high);
    add_status(group.status, into.status);
  }

  bool by_power_ = false;
  std::map<GroupKey, SweepGroup> groups_;
};

using Sizes = std::map<double, SizePace>;

SizePace& size_at(Sizes& sizes, double params) {
  SizePace& size = sizes[params];
  size.params = params;
  return size;
}

void read_tallies(SQLite::Database& db, std::int64_t study, Groups& groups, Sizes& sizes) {
  auto query = prepare(db,
                       "SELECT role, budget, params, state, trials, flops, alone FROM tallies"
                       " WHERE study = ? AND trials > 0",
                       study);
  while (query.executeStep()) {
    const Cell cell{.bracket = query.getColumn(0).getString() == "bracket",
                    .budget = query.getColumn(1).getDouble(),
                    .params = query.getColumn(2).getDouble()};
    const Tally tally{.state = query.getColumn(3).getString(),
                      .trials = query.getColumn(4).getInt64(),
                      .flops = query.getColumn(5).getDouble(),
                      .alone = query.getColumn(6).getDouble()};
    groups.add(cell, tally);
    if (is_open(tally.state)) size_at(sizes, cell.params).flops_left += tally.flops;
  }
}

// --- Running attempts.

bool seems_gone(const WorkerId& worker, const WorkerId& self, double silence, double lease) {
  switch (liveness_of(worker, self)) {
    case Liveness::kAlive:
      return false;
    case Liveness::kDead:
      return true;
    case Liveness::kUnknown:
      break;
  }
  return silence > lease;
}

constexpr const char* kLiveAttempts = R"sql(
SELECT t.identity, t.params, t.tokens, t.flops_exact, st.own_flops, st.role, coalesce(st.budget, 0),
       t.held_by, a.id, a.number, a.host, a.boot_id, a.pid_namespace, a.pid, a.start_ticks, a.device,
       a.started, a.heartbeat, a.lease, a.tokens, a.micro_batch
FROM attempts a CROSS JOIN trials t ON t.id = a.trial
CROSS JOIN study_trials st ON st.trial = t.id AND st.study = ?
WHERE a.outcome = 'running' ORDER BY a.heartbeat)sql";

LiveAttempt live_attempt(SQLite::Statement& q) {
  LiveAttempt attempt{.identity = q.getColumn(0).getString(),
                      .params = q.getColumn(1).getDouble(),
                      .tokens = q.getColumn(2).getDouble(),
                      .tokens_done = q.getColumn(19).getDouble(),
                      .flops = q.getColumn(3).getDouble(),
                      .host = q.getColumn(10).getString(),
                      .pid = q.getColumn(13).getInt64(),
                      .device = q.getColumn(15).getString(),
                      .held_by = q.getColumn(7).getString(),
                      .number = q.getColumn(9).getInt64(),
                      .micro_batch = q.getColumn(20).getInt64(),
                      .started = q.getColumn(16).getDouble(),
                      .heartbeat = q.getColumn(17).getDouble(),
                      .lease = q.getColumn(18).getDouble()};
  attempt.flops_done =
      own_done(q.getColumn(4).getDouble(), attempt.flops, attempt.tokens_done, attempt.tokens);
  return attempt;
}

WorkerId worker_of(SQLite::Statement& q) {
  return {.host = q.getColumn(10).getString(),
          .boot_id = q.getColumn(11).getString(),
          .pid_namespace = q.getColumn(12).getInt64(),
          .pid = q.getColumn(13).getInt64(),
          .start_ticks = q.getColumn(14).getInt64()};
}

// The last point that was written; a held-out loss only where it was evaluated just then.
void read_last_losses(SQLite::Database& db, std::int64_t attempt_id, LiveAttempt& attempt) {
  auto point = prepare(db,
                       "SELECT train_loss, heldout_loss FROM curve_points WHERE attempt = ?"
                       " ORDER BY step DESC LIMIT 1",
                       attempt_id);
  if (!point.executeStep()) return;
  attempt.train_loss = optional_double(point.getColumn(0));
  attempt.heldout_loss = optional_double(point.getColumn(1));
}

void read_running(SQLite::Database& db, std::int64_t study, SweepView& view, Groups& groups,
                  Sizes& sizes) {
  const WorkerId self = this_worker();
  auto query = prepare(db, kLiveAttempts, study);
  while (query.executeStep()) {
    LiveAttempt attempt = live_attempt(query);
    // What other hosts run is heard of only when it is collected, and is their holder's to take.
    attempt.gone = attempt.held_by.empty() &&
                   seems_gone(worker_of(query), self, view.now - attempt.heartbeat, attempt.lease);
    read_last_losses(db, query.getColumn(8).getInt64(), attempt);
    groups.add_done({.bracket = query.getColumn(5).getString() == "bracket",
                     .budget = query.getColumn(6).getDouble(),
                     .params = attempt.params},
                    attempt.flops_done);
    size_at(sizes, attempt.params).flops_left -= attempt.flops_done;
    view.running.push_back(std::move(attempt));
  }
}

// --- The rest.

void read_spent(SQLite::Database& db, std::int64_t study, SweepView& view, Sizes& sizes) {
  std::map<std::string, DeviceUse> devices;
  auto query = prepare(db,
                       "SELECT device, params, attempts, seconds, flops, uncounted, energy, metered"
                       " FROM spent WHERE study = ?",
                       study);
  while (query.executeStep()) {
    DeviceUse& device = devices[query.getColumn(0).getString()];
    SizePace& size = size_at(sizes, query.getColumn(1).getDouble());
    const double seconds = query.getColumn(3).getDouble();
    const double flops = query.getColumn(4).getDouble();
    const double uncounted = query.getColumn(5).getDouble();
    device.attempts += query.getColumn(2).getInt64();
    device.seconds += seconds;
    device.flops += flops;
    device.uncounted += uncounted;
    device.energy += query.getColumn(6).getDouble();
    device.metered += query.getColumn(7).getDouble();
    size.seconds += seconds - uncounted;
    size.flops += flops;
  }
  for (const LiveAttempt& attempt : view.running) {
    DeviceUse& device = devices[attempt.device];
    ++device.attempts;
    device.seconds += attempt.heartbeat - attempt.started;
  }
  for (auto& [name, device] : devices) {
    device.device = name;
    view.devices.push_back(std::move(device));
  }
}

std::vector<HeldTrials> held_trials(SQLite::Database& db, std::int64_t study) {
  auto query = prepare(db,
                       "SELECT t.held_by, count(*) FROM trials t CROSS JOIN study_trials st"
                       " ON st.trial = t.id AND st.study = ? WHERE t.held_by <> ''"
                       " AND t.state = 'leased' GROUP BY t.held_by",
                       study);
  std::vector<HeldTrials> held;
  while (query.executeStep()) {
    held.push_back({query.getColumn(0).getString(), query.getColumn(1).getInt64()});
  }
  return held;
}

constexpr const char* kEnded = R"sql(
SELECT t.identity, a.reason, a.log FROM trials t CROSS JOIN study_trials st
  ON st.study = ?1 AND st.trial = t.id
CROSS JOIN attempts a ON a.trial = t.id
  AND a.number = (SELECT max(number) FROM attempts WHERE trial = t.id)
WHERE t.state = ?2 LIMIT ?3)sql";

FailureClass failure_class(SQLite::Database& db, std::int64_t study, const std::string& state,
                           std::int64_t trials) {
  std::map<std::string, FailureClass> by_reason;
  auto query = prepare(db, kEnded, study, state, kReasonsRead);
  while (query.executeStep()) {
    FailureClass& found = by_reason[query.getColumn(1).getString()];
    if (found.with_reason++ > 0) continue;
    found.identity = query.getColumn(0).getString();
    found.reason = query.getColumn(1).getString();
    found.log = query.getColumn(2).getString();
  }
  FailureClass commonest;
  for (auto& [reason, found] : by_reason) {
    if (found.with_reason > commonest.with_reason) commonest = std::move(found);
  }
  commonest.state = state;
  commonest.trials = trials;
  return commonest;
}

void read_failures(SQLite::Database& db, std::int64_t study, SweepView& view) {
  for (const char* state : {"failed", "out_of_memory", "diverged"}) {
    const std::int64_t trials = *counter(view.status, state);
    if (trials > 0) view.failures.push_back(failure_class(db, study, state, trials));
  }
}

SweepStatus read_status(SQLite::Database& db, std::int64_t id, const std::string& study) {
  SweepStatus status{.study = study};
  count_states(db, id, status);
  count_running(db, id, status);
  count_spent(db, id, status);
  return status;
}

}  // namespace

SweepStatus Store::status(const std::string& study) const {
  return impl_->read([&] {
    const SQLite::Transaction snapshot(impl_->db);
    return read_status(impl_->db, impl_->study_id(study), study);
  });
}

SweepView Store::view(const std::string& study) const {
  return impl_->read([&] {
    SQLite::Database& db = impl_->db;
    const SQLite::Transaction snapshot(db);
    const std::int64_t id = impl_->study_id(study);
    SweepView view{.status = read_status(db, id, study), .now = now_seconds()};
    Groups groups;
    Sizes sizes;
    read_tallies(db, id, groups, sizes);
    read_running(db, id, view, groups, sizes);
    read_spent(db, id, view, sizes);
    if (view.status.leased > 0) view.held = held_trials(db, id);
    read_failures(db, id, view);
    view.groups = groups.take();
    for (const auto& [params, size] : sizes) view.sizes.push_back(size);
    return view;
  });
}

}  // namespace isoflop
