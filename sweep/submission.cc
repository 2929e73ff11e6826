#include "sweep/submission.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <random>
#include <sstream>
#include <unordered_map>

#include "core/error.h"
#include "db/process.h"

namespace isoflop {
namespace {

constexpr const char* kSubmitting = "submitting ";
constexpr const char* kSlurm = "slurm ";
// Another process may claim a trial between our look and our lease; then we look again.
constexpr int kLeaseRounds = 10;

// A provisional holder in words, which only settle_submissions reads.
struct Submitting {
  std::string job_name = {};
  WorkerId process = {};
};

std::string text_of(const Submitting& submitting) {
  const WorkerId& process = submitting.process;
  return kSubmitting + submitting.job_name + " " + process.host + " " + process.boot_id + " " +
         std::to_string(process.pid_namespace) + " " + std::to_string(process.pid) + " " +
         std::to_string(process.start_ticks);
}

std::optional<Submitting> parse_submitting(const std::string& holder) {
  if (holder.rfind(kSubmitting, 0) != 0) return std::nullopt;
  std::istringstream words(holder.substr(std::string(kSubmitting).size()));
  Submitting found;
  WorkerId& process = found.process;
  words >> found.job_name >> process.host >> process.boot_id >> process.pid_namespace >>
      process.pid >> process.start_ticks;
  if (!words) return std::nullopt;
  return found;
}

std::string array_name(const std::string& name, std::size_t range) {
  return name + "." + std::to_string(range);
}

std::vector<std::int64_t> ids_of(const std::vector<Task>& tasks, const TaskRange& range,
                                 const std::unordered_map<std::string, std::int64_t>& ids) {
  std::vector<std::int64_t> found;
  for (std::int64_t i = range.first; i < range.first + range.count; ++i) {
    for (const AssignedTrial& trial : tasks[static_cast<std::size_t>(i)].trials) {
      found.push_back(ids.at(trial.identity));
    }
  }
  return found;
}

// False: somebody else has some of them by now, and none is leased.
bool lease_ranges(Store& store, const std::string& study, const Handout& handout,
                  const std::vector<Claim>& claims) {
  std::unordered_map<std::string, std::int64_t> ids;
  for (const Claim& claim : claims) ids[claim.identity] = claim.trial_id;
  for (std::size_t k = 0; k < handout.ranges.size(); ++k) {
    const auto wanted = ids_of(handout.tasks, handout.ranges[k], ids);
    if (store.lease_out(study, wanted, handout.holders[k]).size() == wanted.size()) continue;
    take_back(store, study, handout);
    return false;
  }
  return true;
}

bool is_slurm_job(const std::string& holder) { return holder.rfind(kSlurm, 0) == 0; }

std::string first_lines(const std::string& text) {
  return text.substr(0, std::min<std::size_t>(text.find_last_not_of(" \n") + 1, 2000));
}

// Why sbatch's answer is no job; empty when the job's number is in it.
std::string trouble_of(const CommandResult& sbatch) {
  if (sbatch.timed_out) return "sbatch did not answer";
  if (sbatch.code != 0) return "sbatch: " + first_lines(sbatch.err + sbatch.out);
  if (!parse_job_id(sbatch.out)) return "sbatch said no job's number: " + first_lines(sbatch.out);
  return "";
}

}  // namespace

std::string submission_name(const std::string& study) {
  std::string name;
  for (const char c : study) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_';
    name += plain ? c : '_';
  }
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 40> moment;
  std::strftime(moment.data(), moment.size(), "-%Y%m%dT%H%M%S-", &utc);
  std::array<char, 8> digits;
  const unsigned number = 0x10000U + std::random_device{}() % 0x10000U;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return name.substr(0, 60) + moment.data() + std::string(digits.data() + 1, end);
}

std::vector<Claim> planned_trials(const Store& store, const std::string& study) {
  std::vector<Claim> claims;
  for (TrialRow& row : store.trials(study)) {
    if (row.state != "planned") continue;
    claims.push_back({.trial_id = row.id,
                      .identity = std::move(row.identity),
                      .trial = std::move(row.trial),
                      .micro_batch = row.micro_batch});
  }
  return claims;
}

Handout sketch_handout(const std::vector<Claim>& claims, const std::string& name,
                       const Packing& packing, std::int64_t max_array_size) {
  Handout handout{.name = name, .tasks = make_tasks(assigned_trials(claims), packing)};
  const WorkerId self = this_worker();
  handout.ranges = array_ranges(static_cast<std::int64_t>(handout.tasks.size()), max_array_size);
  for (std::size_t k = 0; k < handout.ranges.size(); ++k) {
    handout.holders.push_back(text_of({.job_name = array_name(name, k), .process = self}));
  }
  return handout;
}

Handout hand_out(Store& store, const std::string& study, const std::string& name,
                 const Packing& packing, std::int64_t max_array_size) {
  for (int round = 0; round < kLeaseRounds; ++round) {
    const auto claims = planned_trials(store, study);
    Handout handout = sketch_handout(claims, name, packing, max_array_size);
    if (lease_ranges(store, study, handout, claims)) return handout;
  }
  throw failure("study \"" + study +
                "\": others claim its trials faster than they can be handed out: stop the local "
                "`isoflop sweep run`, or let it finish");
}

void take_back(Store& store, const std::string& study, const Handout& handout, std::size_t first) {
  for (std::size_t k = first; k < handout.holders.size(); ++k) {
    store.take_back(study, handout.holders[k]);
  }
}

Submitted submit_arrays(Store& store, const std::string& study, const Handout& handout,
                        const std::string& script, std::int64_t at_once, const CommandRunner& run) {
  Submitted submitted;
  for (std::size_t k = 0; k < handout.ranges.size(); ++k) {
    const auto result =
        run(sbatch_command(script, array_name(handout.name, k), handout.ranges[k], at_once),
            kSlurmSeconds);
    submitted.trouble = trouble_of(result);
    if (submitted.trouble.empty()) {
      submitted.jobs.push_back(*parse_job_id(result.out));
      store.rename_holder(study, handout.holders[k],
                          kSlurm + std::to_string(submitted.jobs.back()));
      continue;
    }
    // Without an answer the array may be in the queue: its trials stay held by this submission,
    // until a later one, or collecting, has asked Slurm.
    const bool refused = !result.timed_out && result.code != 0;
    take_back(store, study, handout, refused ? k : k + 1);
    return submitted;
  }
  return submitted;
}

int settle_submissions(Store& store, const std::string& study, const CommandRunner& run) {
  int settled = 0;
  const WorkerId self = this_worker();
  for (const HolderRow& row : store.holders(study)) {
    const auto submitting = parse_submitting(row.holder);
    if (!submitting || liveness_of(submitting->process, self) != Liveness::kDead) continue;
    const auto jobs =
        parse_job_ids(run(squeue_by_name_command(submitting->job_name), kSlurmSeconds));
    if (!jobs) return settled;
    if (jobs->empty()) {
      store.take_back(study, row.holder);
    } else {
      store.rename_holder(study, row.holder, kSlurm + std::to_string(jobs->back()));
    }
    ++settled;
  }
  return settled;
}

JobLife holder_life(const std::string& holder, const CommandRunner& run) {
  if (!is_slurm_job(holder)) return JobLife::kUnknown;
  const auto job = parse_job_id(holder.substr(std::string(kSlurm).size()));
  return job ? parse_job_life(run(squeue_command(*job), kSlurmSeconds)) : JobLife::kUnknown;
}

std::set<std::string> gone_holders(const Store& store, const std::string& study,
                                   const CommandRunner& run) {
  std::set<std::string> gone;
  for (const HolderRow& row : store.holders(study)) {
    if (!is_slurm_job(row.holder)) continue;
    const JobLife life = holder_life(row.holder, run);
    if (life == JobLife::kGone) gone.insert(row.holder);
    // A Slurm that does not answer would take its minute for every holder.
    if (life == JobLife::kUnknown) return gone;
  }
  return gone;
}

}  // namespace isoflop
