// Trials handed out to job arrays so that nobody else runs them, whatever dies on the way.
//
//   lease     planned trials -> tasks -> leased, array by array, to "submitting NAME.K PROCESS"
//   submit    sbatch --job-name=NAME.K ...
//   rename    the holder is "slurm JOB" now
//
// A second submission, or a local `sweep run`, finds them leased. An sbatch that fails has its
// trials planned again at once. A process that died between lease and rename leaves a holder that
// names it; settle_submissions finds whether its array reached the queue, by its job's name, and
// renames the holder or plans its trials again. Where Slurm does not answer, nothing is changed.
//
// Each array is one holder: when Slurm knows it no more, or all its tasks have ended, what has no
// result can be planned again (holder_life).
//
// Errors: what the store throws.
#ifndef ISOFLOP_SWEEP_SUBMISSION_H_
#define ISOFLOP_SWEEP_SUBMISSION_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "db/store.h"
#include "sweep/assignment.h"
#include "sweep/slurm.h"
#include "sweep/timed_command.h"

namespace isoflop {

// Slurm's clients are given so long to answer.
inline constexpr double kSlurmSeconds = 60;

// "demo-20261123T151200-1a2b", the study's odd characters replaced: a folder's and a job's name,
// and never given twice.
std::string submission_name(const std::string& study);

// The study's planned trials as lease_out would return them.
std::vector<Claim> planned_trials(const Store& store, const std::string& study);

struct Handout {
  std::string name = {};
  std::vector<Task> tasks = {};           // empty: nothing is planned
  std::vector<TaskRange> ranges = {};     // of one array each
  std::vector<std::string> holders = {};  // of each range
};

// The same tasks, without leasing anything.
Handout sketch_handout(const std::vector<Claim>& claims, const std::string& name,
                       const Packing& packing, std::int64_t max_array_size);

// Leases every planned trial of the study, each range to its provisional holder.
Handout hand_out(Store& store, const std::string& study, const std::string& name,
                 const Packing& packing, std::int64_t max_array_size);
// Plans again what the handout's ranges from `first` on still hold.
void take_back(Store& store, const std::string& study, const Handout& handout,
               std::size_t first = 0);

struct Submitted {
  std::vector<std::int64_t> jobs = {};  // of the first ranges
  std::string trouble = {};             // why there are fewer than ranges; empty: there are not
};

// Submits range after range until one fails; what is left is taken back.
Submitted submit_arrays(Store& store, const std::string& study, const Handout& handout,
                        const std::string& script, std::int64_t at_once, const CommandRunner& run);

// Renames or takes back what submissions left whose process is dead; returns how many holders were
// settled.
int settle_submissions(Store& store, const std::string& study, const CommandRunner& run);

// Of "slurm JOB". Others' holders are kUnknown.
JobLife holder_life(const std::string& holder, const CommandRunner& run);

// Holders of the study whose jobs are surely gone. Ask before collecting what they wrote: a task
// that ends in between has its results collected before its trials are planned again.
std::set<std::string> gone_holders(const Store& store, const std::string& study,
                                   const CommandRunner& run);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_SUBMISSION_H_
