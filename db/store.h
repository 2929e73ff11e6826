// What happened, on disk: studies, trials, attempts, curves, losses, other tools' runs and fits in
// one SQLite file.
//
// A trial is a row with an identity; studies refer to it, and an attempt is one process's try at
// it.
//
//   planned --claim_next--> running --finish--> done | failed | diverged | out_of_memory
//    ^  ^ |                    |
//    |  | +--lease_out--> leased --import_attempt--> the same ends
//    |  +-- interrupted, tried again (core/retry_policy.h), its process gone or its lease run out
//    +-- retry                                       planned, leased, running --cancel--> cancelled
//
// Nothing stays running for ever. A process of this host is asked (pid, start time, boot), so that
// a dead one is seen at once and a slow or stopped one never loses its trial to a clock. Where
// nobody can be asked (another container, another host) the lease decides: it is renewed by
// heartbeats and runs out by the uptime of the boot, or, between two boots, by the wall clock.
//
// Trials of one trunk (core/schedule.h) are claimed in the order of their branches, each when the
// one before it has left the trunk behind, so that the trunk is trained once. That saves work and
// is not needed for a right result: a trial that failed is not waited for.
//
// Fencing: every claim takes the trial's next token. heartbeat and finish write only while their
// token is the trial's current one and the trial is running, so that a worker which was thought
// dead cannot overwrite what its successor did.
//
// Durability: WAL with synchronous = NORMAL. A transaction that returned survives the death of any
// process (kill -9 of a writer in the middle of one leaves nothing of it); a power cut may lose the
// last transactions but never leaves half of one. Every write is one short BEGIN IMMEDIATE.
//
// Processes and threads: any number of processes of one host may have the same store open. A Store
// object belongs to one thread. Waits up to 30 s for another writer. Network file systems are
// refused, because WAL's shared memory does not work there.
//
// Errors: Error(kStore) when the file is locked, newer than the program, not a store, damaged or on
// a network file system; Error(kUsage) for an unknown study. The SQL is documented in
// docs/schema.md.
#ifndef ISOFLOP_DB_STORE_H_
#define ISOFLOP_DB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/imported_run.h"
#include "core/observation.h"
#include "core/rate_rung.h"
#include "core/retry_policy.h"
#include "core/sweep_status.h"
#include "core/sweep_view.h"
#include "core/trial_runner.h"
#include "db/process.h"
#include "db/rows.h"

namespace isoflop {

struct Merged;  // db/merge.h

// Heartbeats come every few seconds from a thread of their own; see sweep/worker.h.
inline constexpr double kLeaseSeconds = 600;

enum class StoreMode {
  kReadOnly,   // must exist
  kReadWrite,  // must exist; migrated when older
  kCreate,     // made when it is not there
};

class Store {
 public:
  explicit Store(const std::string& path, StoreMode mode = StoreMode::kReadWrite);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  const std::string& path() const;

  // --- What is to be done.

  // Makes the study, or replaces its grid's text when there is one of that name.
  void add_study(const std::string& study, const std::string& grid);
  // Adds trials by identity: a second call adds nothing, and a trial of two studies is one row. The
  // cheapest trials of the study that together cost a tenth of it are marked early. Their ordinals
  // are their places in `trials`; those that the study has from before and that are not among them
  // come behind.
  AddedTrials add_trials(const std::string& study, std::span<const PlannedTrial> trials);

  // --- Doing it.

  // The next planned trial of the study: fewest setbacks (deaths, failures) first, then the cheap
  // ones that give a first law early (add_trials), then the dearest; the trials of a trunk stand
  // where the whole trunk's cost puts them. Empty when none is planned, or all that are wait for a
  // trunk: see has_planned. The attempt's first heartbeat is now, and its lease is `lease_seconds`
  // from every heartbeat. O(w log trials) with w trials running.
  //
  // A trial of a trunk is claimed only when no planned one of the study branches before it, and no
  // running one that branches before it (or with it) has still to pass its branch: a heartbeat from
  // beyond it says that what the trunk leaves behind is on disk. A running trial whose lease has
  // run out is not waited for.
  std::optional<Claim> claim_next(const std::string& study, const WorkerId& worker,
                                  double lease_seconds = kLeaseSeconds);
  // The next trial, as claim_next, and with it those of its key (core/trial_runner.h, stack_key)
  // that could be claimed now: of the same N, D and micro-batch, all in one transaction, each with
  // a token and a lease of its own. One that has died or failed more than once comes alone. `wish`
  // is asked of every trial that is looked at: O(those of its N and D).
  std::vector<Claim> claim_stack(const std::string& study, const WorkerId& worker,
                                 const std::function<StackWish(const Trial&)>& wish,
                                 double lease_seconds = kLeaseSeconds);
  // Whether any trial of the study is planned, claimable now or later.
  bool has_planned(const std::string& study) const;
  // False: the claim is no longer current, stop.
  bool heartbeat(const Claim& claim, double tokens_done);
  // Adds or replaces points of the attempt by step, in one transaction.
  void append_curve(const Claim& claim, std::span<const CurvePoint> points);
  // Writes the attempt's end, its evaluations and the trial's new state, all or nothing: its end,
  // or planned again where `policy` has it tried again. False, and nothing written: the claim is no
  // longer current. A loss that is not finite makes a done outcome diverged.
  bool finish(const Claim& claim, const Outcome& outcome, const RetryPolicy& policy = {});
  // The same for the running attempt of process `pid` of this host, which is dead and cannot do it:
  // how it died is the outcome, with the tokens and the time of its last heartbeat. Where it had
  // several (a pack) nobody knows whose fault it was: they are planned again as killed. False: it
  // had none.
  bool finish_dead(const std::string& study, std::int64_t pid, const Outcome& outcome,
                   const RetryPolicy& policy = {});
  // Ends the study's running attempts whose process is gone, or whose lease has run out where that
  // cannot be told, and plans their trials again. With `max_kills` > 0 each such death counts
  // against its trial unless it had made progress (core/retry_policy.h), and the trial has failed
  // at the max_kills-th in a row; with 0 it does not count (the whole sweep was killed, not this
  // trial's worker).
  Released release_dead(const std::string& study, int max_kills = 0);
  // Plans ended trials again, with their counts set back; returns how many.
  std::int64_t retry(const std::string& study, const RetryChoice& choice);
  // Takes what has not ended out of the study's work: their workers stop at the next heartbeat.
  // Empty `identity`: all of them; otherwise the trials whose identity begins so.
  std::int64_t cancel(const std::string& study, const std::string& identity = "");

  // --- Other hosts, which cannot open this file (docs/cluster.md).

  // Makes the planned trials among `trial_ids` leased to `holder`, all or nothing in one
  // transaction, and returns them; nobody else can claim them until they end or are taken back.
  std::vector<Claim> lease_out(const std::string& study, std::span<const std::int64_t> trial_ids,
                               const std::string& holder);
  // Renames a holder (a job's number is known only after it was submitted).
  void rename_holder(const std::string& study, const std::string& from, const std::string& to);
  // Plans again what `holder` still has; returns how many.
  std::int64_t take_back(const std::string& study, const std::string& holder);
  std::vector<HolderRow> holders(const std::string& study) const;
  // Adds or updates the attempt of that origin: calling it again, or with an earlier part of the
  // same attempt, changes nothing. A result is the trial's when it has none yet. An outcome that is
  // not an end by `policy` leaves the trial leased: its holder tries again.
  // `attempt.final` makes it one in any case.
  ImportedAs import_attempt(const ForeignAttempt& attempt, const RetryPolicy& policy = {});
  // Origins of imported attempts that have ended: there is nothing new to read in their files.
  std::vector<std::string> ended_origins() const;
  // Results of the study's trials that differ from the one that counts, oldest first.
  std::vector<ConflictRow> conflicts(const std::string& study) const;

  // --- Looking at it.

  std::vector<StudyRow> studies() const;  // newest first
  SweepStatus status(const std::string& study) const;
  // All that `sweep status` shows, in one short read: O(cells of the grid + running trials).
  SweepView view(const std::string& study) const;
  std::vector<TrialRow> trials(const std::string& study,
                               const std::string& heldout = "heldout") const;  // by ordinal
  // Parts of them, found without a walk over all: those with a running attempt; those of brackets
  // and beside them; at most `count` done ones, spread over the study.
  std::vector<TrialRow> running_trials(const std::string& study,
                                       const std::string& heldout = "heldout") const;
  std::vector<TrialRow> bracketed_trials(const std::string& study,
                                         const std::string& heldout = "heldout") const;
  std::vector<TrialRow> some_done(const std::string& study, std::size_t count,
                                  const std::string& heldout = "heldout") const;
  // Points for a fit: those of trials, then those of other tools' runs.
  std::vector<Observation> results(const std::string& study,
                                   FlopConvention convention = FlopConvention::k6nd,
                                   const std::string& heldout = "heldout") const;
  // The grid's done trials that have a loss on `heldout`, by ordinal. `row` is the ordinal. Further
  // coordinates: nonembedding_params, exact_flops, unique_tokens.
  std::vector<Observation> trial_results(const std::string& study,
                                         FlopConvention convention = FlopConvention::k6nd,
                                         const std::string& heldout = "heldout") const;
  // The runs of imported(), in that order, where `heldout` is "heldout": their sources do not name
  // their sets. `row` goes on behind the trials' ordinals, and in a source as the source counts.
  // Throws Error(kRefused, "mixed_conventions") where their C is not of `convention`.
  std::vector<Observation> imported_results(const std::string& study,
                                            FlopConvention convention = FlopConvention::k6nd,
                                            const std::string& heldout = "heldout") const;
  // Held-out sets on which the study has losses, by name.
  std::vector<std::string> heldout_sets(const std::string& study) const;
  // What the study's brackets say, by N: those of which every trial has ended. A diverged trial's
  // loss is infinite; one that failed is left out.
  std::vector<RateRung> rate_rungs(const std::string& study,
                                   const std::string& heldout = "heldout") const;
  // Of the attempt that was done, or else of the last one, by step.
  std::vector<CurvePoint> curve(std::int64_t trial_id) const;

  // --- Other tools' runs (docs/imports.md). They are observations with a source, never trials:
  // nothing above but results() sees them.

  // All of them or, when anything is wrong, none; makes the study when it is not there. A source
  // that the study has already, by path or by content, is taken in again (a copy is the same one):
  // runs of the same name are replaced, others are added, and those that it has no longer stay;
  // where its format, convention or unit of losses is another than before, it replaces what was
  // there. Throws Error(kRefused) "mixed_units" or "mixed_conventions" where the study would hold
  // two, and Error(kUsage) for a run without positive N, D, C and loss, or two of one name in a
  // source.
  std::vector<AddedImport> add_imports(const std::string& study,
                                       std::span<const RunImport> sources);
  AddedImport add_import(const std::string& study, const RunImport& source);
  // By id; of every study where `study` is empty.
  std::vector<ImportRow> imports(const std::string& study = "") const;
  // As they were given to add_import, by id, and within one in the order of the source.
  std::vector<RunImport> imported(const std::string& study, bool with_points = false) const;
  // Takes an import back with all its runs; a study that was made for it goes too when nothing else
  // is in it. Returns what was removed. Throws Error(kUsage) where there is none of that id.
  ImportRow remove_import(std::int64_t id);

  void save_fit(const std::string& study, const std::string& json);
  std::optional<std::string> latest_fit(const std::string& study) const;  // by when it was made

  void add_corpus(const CorpusRow& corpus);  // replaces the one of that identity
  // By identity or, failing that, the last one added of that name.
  std::optional<CorpusRow> find_corpus(const std::string& identity_or_name) const;

 private:
  friend Merged merge_store(Store& store, const std::string& other);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DB_STORE_H_
