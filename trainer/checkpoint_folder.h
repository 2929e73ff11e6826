// Where a trial's checkpoints lie, which of them it can go on from, and which may go.
//
//   DIR/<first 16 digits of the identity>/step-000000001200.ckpt      of the trial itself
//   DIR/<first 16 digits of trunk_identity>/step-000000000960.ckpt    of the trunk it shares
//
// A trial under schedule `cooldown` writes to its trunk's folder until its branch step, where it
// leaves one more behind, and to its own folder after that; so trials that differ in D only go on
// from each other's trunk (core/schedule.h), and a trial that was killed goes on from its own
// state: one mechanism. What is read back is the same to the bit, whoever wrote it.
//
// The two newest of a folder are kept, so that one that was damaged on the disk has a predecessor.
// When the trial's outcome is saved its own folder goes, and its trunk keeps the newest state for a
// larger D.
//
// Processes: any number may use one DIR; files appear whole or not at all.
#ifndef ISOFLOP_TRAINER_CHECKPOINT_FOLDER_H_
#define ISOFLOP_TRAINER_CHECKPOINT_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/trial.h"
#include "io/checkpoint_file.h"

namespace isoflop {

class CheckpointFolder {
 public:
  // Of `trial` in `dir`, which is made when something is written.
  CheckpointFolder(const std::string& dir, const Trial& trial);

  // The furthest that the trial can go on from, of runs with the same micro_batch. A damaged one is
  // passed over with a note, and the one before it is used. Throws as require_same for one that
  // lies here but is another trial's.
  std::optional<Checkpoint> newest(std::int64_t micro_batch, std::vector<std::string>& notes) const;

  // Sets checkpoint.trial, writes, prunes. Returns the path.
  std::string save(Checkpoint checkpoint) const;

  // The trial is done: nothing of its own is needed any more.
  void remove_own() const;

 private:
  std::filesystem::path own_;
  std::filesystem::path trunk_;  // empty without a trunk
  Trial trial_;
  std::int64_t branch_step_;
};

// Throws Error(kRefused, "checkpoint_mismatch") that lists every field in which the checkpoint's
// trial differs from `trial`, unless it can go on from there.
void require_same(const Checkpoint& checkpoint, const Trial& trial, const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_CHECKPOINT_FOLDER_H_
