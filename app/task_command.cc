// isoflop sweep task
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <signal.h>
#include <unistd.h>

#include "app/collect.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "app/task_folder.h"
#include "app/task_index.h"
#include "core/error.h"
#include "core/units.h"
#include "io/assignment_json.h"
#include "io/atomic_file.h"
#include "kernels/peak.h"
#include "sweep/stop_signal.h"
#include "sweep/task.h"

namespace isoflop {
namespace {

struct TaskFlags {
  std::string folder;
  std::optional<std::int64_t> index;
  std::optional<std::int64_t> base;
  std::int64_t of = 0;
  std::string device;
  std::string corpus;
  std::vector<std::string> command;  // this process' own, to be started again with
};

const char* environment(const char* name) { return std::getenv(name); }

// Signals by which schedulers say that the time is nearly over.
constexpr int kWarnings[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP};

void block_warnings(int how) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kWarnings) ::sigaddset(&set, signal);
  ::sigprocmask(how, &set, nullptr);
}

std::vector<std::string> command_of_this_process() {
  const std::string text = read_whole_file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    words.emplace_back(text.c_str() + begin);
    begin += words.back().size() + 1;
  }
  return words;
}

// The same process, job and environment with a memory of its own. Warnings that arrive meanwhile
// stay pending until the new program listens.
[[noreturn]] void start_afresh(std::vector<std::string> command) {
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  block_warnings(SIG_BLOCK);
  ::execv(own_path().c_str(), words.data());
  throw failure(std::string("task: cannot be started afresh: ") + std::strerror(errno) +
                "; start it again: it goes on where it was");
}

std::int64_t index_of(const TaskFlags& flags) {
  if (!flags.index) return task_index(environment, flags.base).index;
  const std::int64_t index = *flags.index - flags.base.value_or(0);
  if (index < 0) throw usage_error("--index: must not be below --base");
  return index;
}

// That task, or with --of every so many-th from it on, as one.
Assignment assignment_of_task(const TaskFlags& flags) {
  const std::int64_t index = index_of(flags);
  if (flags.of <= 0) return read_task(flags.folder, index);
  if (index >= flags.of) throw usage_error("--of: must be above the index, which is from 0");
  Assignment assignment = read_assignment(flags.folder);
  Task own{.index = index};
  for (Task& task : assignment.tasks) {
    if (task.index % flags.of != index) continue;
    own.seconds += task.seconds;
    std::move(task.trials.begin(), task.trials.end(), std::back_inserter(own.trials));
  }
  assignment.tasks = {own};
  return assignment;
}

std::string corpus_for(const TaskFlags& flags, const Assignment& assignment, const Trial& trial) {
  std::string dir = flags.corpus;
  for (const AssignedCorpus& corpus : assignment.corpora) {
    if (dir.empty() && corpus.hash == trial.data.hash) dir = corpus.dir;
  }
  if (dir.empty()) {
    throw usage_error(
        "task: " + flags.folder +
        ": does not say where the trials' corpus lies; give its folder with --corpus");
  }
  if (open_corpus(dir).manifest.identity() == trial.data.hash) return dir;
  throw usage_error("corpus: " + dir +
                    ": is not the one of the trials; give the folder of theirs with --corpus");
}

TaskOptions task_options(const TaskFlags& flags, const Assignment& assignment,
                         const StopSignal& stop) {
  const std::string device = flags.device.empty() ? assignment.device : flags.device;
  const bool measure = assignment.peak_flops == 0 && device == "cpu";
  return {.policy = assignment.policy,
          .assigned = assignment.written,
          .job = scheduler_job(environment),
          .restart = scheduler_restart(environment),
          .device = device,
          .corpus_dir = [&](const Trial& trial) { return corpus_for(flags, assignment, trial); },
          .checkpoint_dir = checkpoints_folder(flags.folder),
          .checkpoint_seconds = assignment.checkpoint_seconds,
          .peak_flops = measure ? measured_peak().flops_per_second : assignment.peak_flops,
          .stop = [&stop] { return stop.requested(); },
          .say = say,
          .fresh = true};
}

std::string task_text(const TaskReport& report) {
  std::string text = std::to_string(report.done) + " done";
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  };
  add(report.diverged, "diverged");
  add(report.failed, "failed");
  add(report.out_of_memory, "out of memory");
  add(report.left, "left");
  return text;
}

void run_one_task(const TaskFlags& flags) {
  const StopSignal stop{SIGUSR1, SIGUSR2};
  block_warnings(SIG_UNBLOCK);
  const Assignment assignment = assignment_of_task(flags);
  const Task& task = assignment.tasks.front();
  const auto runner = make_runner();
  const auto attempts = attempts_in(attempts_folder(flags.folder));
  const TaskReport report =
      run_task(task, *runner, *attempts, task_options(flags, assignment, stop));
  if (report.end == TaskEnd::kFresh) start_afresh(command_of_this_process());
  say("task " + std::to_string(task.index) + " of study " + assignment.study + ": " +
      task_text(report));
  if (!report.reason.empty()) say(report.reason);
  if (exit_code(report.end) != 0) throw ExitCode{exit_code(report.end)};
}

}  // namespace

void add_sweep_task(CLI::App* sweep) {
  auto flags = std::make_shared<TaskFlags>();
  CLI::App* command = sweep->add_subcommand("task", "Run one task of a folder, on any host");
  command->footer(
      "  isoflop sweep task /shared/demo --index 0\n"
      "  isoflop sweep task /shared/demo            # in a job array\n"
      "  isoflop sweep task /shared/demo --index 1 --of 4\n\n"
      "Exit codes: 0 every trial ended, 4 some failed, 99 stopped with work left: start it again,\n"
      "1 stopped too often without getting further, or an error.");
  command->add_option("folder", flags->folder, "The folder that sweep assign or slurm wrote")
      ->required();
  command->add_option("--index", flags->index,
                      "Which task, from 0; default: the scheduler's index of this job");
  command->add_option("--base", flags->base,
                      "What the scheduler calls the first task; default 0, for LSF and SGE 1");
  command->add_option("--of", flags->of, "Run the tasks index, index + OF, index + 2 OF, ...");
  command->add_option("--device", flags->device, "cpu, cuda or cuda:N, instead of the folder's");
  command->add_option("--corpus", flags->corpus, "The corpus' folder on this host");
  command->callback([flags] { run_one_task(*flags); });
}

}  // namespace isoflop
