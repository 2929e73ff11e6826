// isoflop sweep slurm
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/handout.h"
#include "app/output.h"
#include "app/sweep_verbs.h"
#include "core/error.h"
#include "core/units.h"
#include "io/atomic_file.h"
#include "sweep/slurm.h"

namespace isoflop {
namespace {

struct SlurmFlags : HandoutFlags {
  std::string partition;
  std::string account;
  std::string time;
  std::string mem;
  int cpus = 1;
  std::int64_t array_limit = 0;
  int signal_seconds = 120;
  std::vector<std::string> extra;
  OutputFormat format;
};

void require_slurm() {
  if (in_path("sbatch") && in_path("scontrol")) return;
  throw failure(
      "slurm: sbatch or scontrol is not in PATH: run this on a host that can submit to Slurm; for "
      "other schedulers write the tasks with `isoflop sweep assign` (docs/cluster.md)");
}

// --dry-run works where there is no Slurm: as a site of its defaults.
SlurmSite ask_site(bool may_be_absent) {
  const CommandResult answer = run_timed({"scontrol", "show", "config"}, kSlurmSeconds);
  if (answer.code == 0 && !answer.timed_out) return parse_slurm_config(answer.out);
  const std::string why = answer.timed_out ? "no answer within a minute" : answer.err;
  if (!may_be_absent) {
    throw failure("slurm: `scontrol show config`: " + why + "; try again when it works");
  }
  say("note: `scontrol show config`: " + why +
      "\nSlurm's defaults are taken: MaxArraySize 1001, "
      "no RequeueExit");
  return {};
}

SlurmJob job_of(const SlurmFlags& flags, const std::string& name) {
  const std::filesystem::path dir = shared_dir(flags);
  return {.name = name,
          .folder = (dir / name).string(),
          .logs = (dir / "logs").string(),
          .program = own_path(),
          .partition = flags.partition,
          .account = flags.account,
          .time = flags.time,
          .mem = flags.mem,
          .extra = flags.extra,
          .cpus = flags.cpus,
          .signal_seconds = flags.signal_seconds};
}

// A task is asked to save itself up to a minute before signal_seconds.
void note_time_limit(const SlurmFlags& flags, const Handout& handout) {
  const auto limit = flags.time.empty() ? std::nullopt : parse_slurm_time(flags.time);
  if (!limit) return;
  const double usable = *limit - flags.signal_seconds - 60;
  if (usable <= 0) {
    say("note: --time leaves nothing before the warning, which comes up to " +
        format_duration(flags.signal_seconds + 60) +
        " before the end: tasks will save and be started again, a little at a time; give a longer "
        "--time or a smaller --signal-seconds");
    return;
  }
  double longest = 0;
  for (const Task& task : handout.tasks) longest = std::max(longest, task.seconds);
  if (longest <= usable) return;
  say("note: the longest task takes about " + format_duration(longest) +
      ", more than --time leaves (" + format_duration(usable) +
      "): it will save, be requeued and go on");
}

void print_jobs(const Handout& handout, const Submitted& submitted, const OutputFormat& format) {
  const bool machine = format.csv || format.json;
  TextTable table{{"job", "tasks", "trials", machine ? "hours" : "time"}, {}};
  for (std::size_t k = 0; k < submitted.jobs.size(); ++k) {
    const TaskRange& range = handout.ranges[k];
    double seconds = 0;
    std::size_t trials = 0;
    for (std::int64_t i = range.first; i < range.first + range.count; ++i) {
      const Task& task = handout.tasks[static_cast<std::size_t>(i)];
      seconds += task.seconds;
      trials += task.trials.size();
    }
    table.rows.push_back({std::to_string(submitted.jobs[k]), std::to_string(range.count),
                          std::to_string(trials),
                          machine ? exact_number(seconds / 3600) : format_duration(seconds)});
  }
  print(table_text(table, format));
}

void sketch(const LoadedGrid& loaded, const SlurmFlags& flags, const SlurmSite& site) {
  const std::string name = submission_name(loaded.spec.name);
  const Handout handout = sketch_handout(trials_to_hand_out(loaded, flags), name, packing_of(flags),
                                         site.max_array_size);
  print(slurm_script(job_of(flags, name), site));
  say(handout_text(handout) + "; " + counted(handout.ranges.size(), "array") +
      ". Nothing was submitted");
  note_time_limit(flags, handout);
}

// The script's path. Whatever fails, the trials are not left leased to a submission that is none.
Submitted write_and_submit(Store& store, const LoadedGrid& loaded, const SlurmFlags& flags,
                           const SlurmSite& site, const Handout& handout) {
  const std::string& study = loaded.spec.name;
  std::string script;
  try {
    const std::string text = slurm_script(job_of(flags, handout.name), site);
    script = write_handout(handout, loaded, flags) + "/job.sh";
    write_file_atomically(script, text);
  } catch (...) {
    take_back(store, study, handout);
    throw;
  }
  return submit_arrays(store, study, handout, script, flags.array_limit, run_timed);
}

void submit(const LoadedGrid& loaded, const SlurmFlags& flags, const SlurmSite& site) {
  const std::string& study = loaded.spec.name;
  Store store = open_for_handout(loaded, flags);
  const Handout handout =
      hand_out(store, study, submission_name(study), packing_of(flags), site.max_array_size);
  if (handout.tasks.empty()) {
    say("nothing to submit: " + nothing_planned_text(study, flags));
    return;
  }
  note_time_limit(flags, handout);
  const Submitted submitted = write_and_submit(store, loaded, flags, site, handout);
  print_jobs(handout, submitted, flags.format);
  if (!submitted.trouble.empty()) {
    throw failure("slurm: " + std::to_string(submitted.jobs.size()) + " of " +
                  std::to_string(handout.ranges.size()) +
                  " arrays were submitted: " + submitted.trouble +
                  "\nThe same command submits what is left; with --array-limit, --partition or "
                  "--extra as the site asks for");
  }
  say(handout_text(handout));
  say("logs in " + shared_dir(flags) + "/logs; next, as often as you like:\n  " +
      collect_words(flags));
}

void slurm(const SlurmFlags& flags) {
  if (flags.signal_seconds < 1 || flags.cpus < 1 || flags.array_limit < 0) {
    throw usage_error("--signal-seconds, --cpus, --array-limit: give numbers above 0");
  }
  if (!flags.time.empty()) parse_slurm_time(flags.time);
  if (!flags.dry_run) require_slurm();
  const LoadedGrid loaded = load_handout_grid(flags);
  const SlurmSite site = ask_site(flags.dry_run);
  note_local_disks(loaded, flags);
  if (flags.dry_run) return sketch(loaded, flags, site);
  submit(loaded, flags, site);
}

}  // namespace

void add_sweep_slurm(CLI::App* sweep) {
  auto flags = std::make_shared<SlurmFlags>();
  CLI::App* command = sweep->add_subcommand(
      "slurm", "Run a grid as Slurm job arrays; again: what has no result and no job");
  command->footer(
      "  isoflop sweep slurm my.toml --dir /shared/my --dry-run\n"
      "  isoflop sweep slurm my.toml --dir /shared/my --partition spot --time 4:00:00\n"
      "  isoflop sweep slurm my.toml --dir /shared/my --extra='--qos=long --gres=gpu:1' "
      "--device cuda");
  add_handout_flags(command, *flags);
  command->add_option("--partition", flags->partition, "Slurm's; default: the site's");
  command->add_option("--account", flags->account, "Slurm's; default: yours");
  command->add_option("--time", flags->time, "Time limit of a task, as sbatch reads it");
  command->add_option("--mem", flags->mem, "Memory of a task, as sbatch reads it");
  command->add_option("--cpus", flags->cpus, "Cores of a task; it computes on one; default 1");
  command->add_option("--array-limit", flags->array_limit, "Tasks of an array that run at once");
  command->add_option(
      "--signal-seconds", flags->signal_seconds,
      "Time to save before the limit; default 120. Slurm may warn a minute earlier");
  command->add_option(
      "--extra", flags->extra,
      "Further options of sbatch, as --extra='--qos=long'; may be given many times");
  add_format_flags(command, flags->format);
  command->callback([flags] { slurm(*flags); });
}

}  // namespace isoflop
