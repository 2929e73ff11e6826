// One attempt at one trial as a file of its own, for hosts that share a folder but no store.
//
// FOLDER/<first 16 of the identity>.<UTC time>.<8 random hex>.jsonl, JSON Lines:
//
//   {"attempt": {"identity", "host", "boot_id", "pid_namespace", "pid", "start_ticks", "device",
//                "job", "restart", "assigned", "version", "compiler", "micro_batch", "started"}}
//   {"at": moment, "tokens": so far, "curve": [[step, tokens, flops, train_loss, heldout_loss,
//                                               heldout_error, rate, grad_norm, seconds], ...]}
//     of sparse models a point goes on with largest_load, unused, dropped, entropy, balance, z
//   {"at", "tokens"}                                  a heartbeat
//   {"at", "end": {"status", "reason", "evaluations": [...], "steps", ...}, "final"}
//
// null is a number that is absent or not finite. A file has one writer, ever: it is made with
// O_EXCL under a new name, and every line goes out in one write. It is synced at points with a
// held-out loss, at the end, and at the latest every kSyncSeconds while lines are written, so that
// a lost host costs at most so much of a curve.
//
// Readers may come at any time. A last line without its newline is one that is being written, or
// was torn by a crash: it is passed over. Any other line that cannot be read is damage: what stands
// before it counts, what follows does not.
//
// Errors of the writer: Error(kFailed) naming the file and what the system said.
#ifndef ISOFLOP_IO_ATTEMPT_FILE_H_
#define ISOFLOP_IO_ATTEMPT_FILE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/foreign_attempt.h"

namespace isoflop {

inline constexpr double kSyncSeconds = 20;
inline constexpr std::size_t kShortIdentity = 16;  // characters of it in a file's name

class AttemptFile {
 public:
  // Makes the folder where it is missing, and the file with its first line, on disk before this
  // returns. `header`: origin, curve and outcome are not looked at.
  AttemptFile(const std::string& folder, const ForeignAttempt& header);
  ~AttemptFile();
  AttemptFile(const AttemptFile&) = delete;
  AttemptFile& operator=(const AttemptFile&) = delete;

  const std::string& origin() const;  // the file's name without ".jsonl"
  const std::string& path() const;

  // Any thread may call these.
  void append(std::span<const CurvePoint> points);
  void heartbeat(double tokens_done);
  // The last line; on disk before this returns. `final`: the trial will not be tried again.
  void end(const Outcome& outcome, bool final);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct AttemptRead {
  ForeignAttempt attempt = {};
  std::string damage = {};  // empty: none. "file: line 3: ..." otherwise
  bool usable = false;      // the first line could be read
};

// Never throws for what is in a file.
AttemptRead read_attempt(const std::string& path);
AttemptRead read_attempt_text(std::string_view text, const std::string& path);

// Paths of the folder's attempt files, sorted; those of one trial where `identity` is given. A
// folder that is not there has none.
std::vector<std::string> attempt_files(const std::string& folder, const std::string& identity = "");

// The origin that the file at `path` gives its attempt.
std::string origin_of(const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_IO_ATTEMPT_FILE_H_
