// What `isoflop sweep slurm` and `isoflop sweep assign` share: a grid's planned trials as tasks in
// a folder that other hosts see.
//
//   DIR/attempts/  DIR/checkpoints/  DIR/logs/      of all hand-outs: what was begun is gone on
//   with DIR/NAME/assignment.jsonl                       of one hand-out; attempts and checkpoints
//   there
//                                                   are links to the ones above
//
// Errors: Error(kUsage) for a wrong flag, what the store throws, Error(kFailed) where DIR cannot be
// written.
#ifndef ISOFLOP_APP_HANDOUT_H_
#define ISOFLOP_APP_HANDOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "app/study.h"
#include "app/sweep_verbs.h"
#include "sweep/submission.h"

namespace isoflop {

struct HandoutFlags : StoreFlags {
  std::string grid = {};
  std::string dir = {};
  std::string corpus = {};
  std::string trainer = {};
  std::string device = "cpu";
  std::int64_t trials_per_task = 0;
  double minutes_per_task = 0;
  std::int64_t tasks = 0;
  double checkpoint_minutes = 5;
  bool dry_run = false;
};
void add_handout_flags(CLI::App* command, HandoutFlags& flags);

// DIR as given, absolute.
std::string shared_dir(const HandoutFlags& flags);
LoadedGrid load_handout_grid(const HandoutFlags& flags);
Packing packing_of(const HandoutFlags& flags);

// The grid's trials that would be handed out now; the store is only looked at, and need not be
// there.
std::vector<Claim> trials_to_hand_out(const LoadedGrid& loaded, const HandoutFlags& flags);

// Puts the study into the store. What earlier hand-outs of DIR have brought is collected, and what
// they left is planned again where their jobs are gone.
Store open_for_handout(const LoadedGrid& loaded, const HandoutFlags& flags);

// Writes DIR/NAME and returns it.
std::string write_handout(const Handout& handout, const LoadedGrid& loaded,
                          const HandoutFlags& flags);

// Notes on stderr: disks that other hosts do not see.
void note_local_disks(const LoadedGrid& loaded, const HandoutFlags& flags);

// "24 trials in 12 tasks, about 3.2 h of one core, the longest task 20 min, up to 512 MB of memory
// each"
std::string handout_text(const Handout& handout);

// "1 task", "2 tasks"
std::string counted(std::size_t count, const std::string& what);
// As a shell would want it, quoted only where it has to be.
std::string command_word(const std::string& text);
// The command that collects.
std::string collect_words(const HandoutFlags& flags);
// Why there is nothing to hand out, and what shows more.
std::string nothing_planned_text(const std::string& study, const HandoutFlags& flags);

}  // namespace isoflop

#endif  // ISOFLOP_APP_HANDOUT_H_
