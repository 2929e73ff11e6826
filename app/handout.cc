#include "app/handout.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "app/collect.h"
#include "app/output.h"
#include "core/error.h"
#include "core/units.h"
#include "db/process.h"
#include "io/assignment_json.h"
#include "io/grid_toml.h"
#include "sweep/cost.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr double kMinutesPerTask = 10;

// A file system that surely is this host's own, by statfs's magic number (linux/magic.h).
std::optional<std::string_view> own_disk(const std::string& path) {
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0) return std::nullopt;
  switch (static_cast<std::uint32_t>(info.f_type)) {
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "XFS";
    case 0x9123683E:
      return "Btrfs";
    case 0xF2F52010:
      return "F2FS";
    case 0x2FC12FC1:
      return "ZFS";
    case 0x01021994:
      return "tmpfs";
    case 0x794C7630:
      return "overlayfs";
    default:
      return std::nullopt;
  }
}

bool lies_under(const std::string& path, const std::string& dir) {
  const std::string inside = fs::path(path).lexically_relative(dir).string();
  return !inside.empty() && inside.rfind("..", 0) != 0;
}

std::set<std::string> not_planned(const HandoutFlags& flags, const std::string& study) {
  std::set<std::string> found;
  if (!fs::exists(flags.db)) return found;
  const Store store(flags.db, StoreMode::kReadOnly);
  const auto studies = store.studies();
  const auto same = [&](const StudyRow& row) { return row.name == study; };
  if (std::none_of(studies.begin(), studies.end(), same)) return found;
  for (const TrialRow& row : store.trials(study)) {
    if (row.state != "planned") found.insert(row.identity);
  }
  return found;
}

Assignment assignment_of(const Handout& handout, const LoadedGrid& loaded,
                         const HandoutFlags& flags) {
  Assignment assignment{.study = loaded.spec.name,
                        .version = program_version(),
                        .device = flags.device,
                        .checkpoint_seconds = 60 * flags.checkpoint_minutes,
                        .tasks = handout.tasks};
  if (loaded.corpus) {
    assignment.corpora.push_back({.hash = loaded.corpus->manifest.identity(),
                                  .name = loaded.corpus->manifest.name,
                                  .dir = loaded.corpus->dir});
  }
  return assignment;
}

void report_collected(const Collected& collected, std::int64_t released) {
  if (collected.results > 0) {
    say("collected " + std::to_string(collected.results) + " results of earlier tasks");
  }
  if (released > 0) {
    say(std::to_string(released) + " trials of jobs that are gone are planned again");
  }
  for (const std::string& damage : collected.damaged) say("note: " + damage);
}

// A link, so that every hand-out of the folder goes on with what others began.
void link_folder(const fs::path& dir, const fs::path& handout, const std::string& name) {
  fs::create_directories(dir / name);
  fs::create_directory_symlink(fs::path("..") / name, handout / name);
}

}  // namespace

void add_handout_flags(CLI::App* command, HandoutFlags& flags) {
  add_store_flags(command, flags);
  command->add_option("grid", flags.grid, "The grid's TOML file (docs/grid.md)")->required();
  command->add_option("--dir", flags.dir, "Folder that all hosts see under this path")->required();
  command->add_option("--corpus", flags.corpus, "Prepared corpus, instead of the grid's");
  command->add_option("--trainer", flags.trainer, "decoder or tabular, instead of the grid's");
  command->add_option("--device", flags.device, "cpu, cuda or cuda:N; default cpu");
  command->add_option("--trials-per-task", flags.trials_per_task, "Trials of one task, about");
  command->add_option("--minutes-per-task", flags.minutes_per_task,
                      "Length of a task, about; default 10");
  command->add_option("--tasks", flags.tasks, "At most so many tasks");
  command->add_option("--checkpoint-minutes", flags.checkpoint_minutes,
                      "Between a trial's checkpoints; default 5");
  command->add_flag("--dry-run", flags.dry_run, "Say what would be handed out; change nothing");
}

std::string shared_dir(const HandoutFlags& flags) {
  return fs::absolute(flags.dir).lexically_normal().string();
}

LoadedGrid load_handout_grid(const HandoutFlags& flags) {
  GridSpec spec = read_grid(flags.grid);
  if (!flags.study.empty()) spec.name = flags.study;
  if (!flags.trainer.empty()) set_fixed(spec, "trainer", flags.trainer);
  LoadedGrid loaded = load_grid(std::move(spec), flags.corpus);
  for (const std::string& note : loaded.grid.notes) say("note: " + note);
  return loaded;
}

Packing packing_of(const HandoutFlags& flags) {
  if (flags.trials_per_task < 0 || flags.minutes_per_task < 0 || flags.tasks < 0) {
    throw usage_error("--trials-per-task, --minutes-per-task, --tasks: give numbers above 0");
  }
  if (!(flags.checkpoint_minutes > 0)) {
    throw usage_error("--checkpoint-minutes: give a number above 0");
  }
  Packing packing{.trials_per_task = flags.trials_per_task,
                  .seconds_per_task = 60 * flags.minutes_per_task,
                  .max_tasks = flags.tasks};
  if (packing.trials_per_task == 0 && packing.seconds_per_task == 0 && packing.max_tasks == 0) {
    packing.seconds_per_task = 60 * kMinutesPerTask;
  }
  return packing;
}

std::vector<Claim> trials_to_hand_out(const LoadedGrid& loaded, const HandoutFlags& flags) {
  const auto taken = not_planned(flags, loaded.spec.name);
  std::vector<Claim> claims;
  for (const PlannedTrial& planned : loaded.grid.trials) {
    std::string name = identity(planned.trial);
    if (taken.contains(name)) continue;
    claims.push_back({.identity = std::move(name), .trial = planned.trial});
  }
  return claims;
}

Store open_for_handout(const LoadedGrid& loaded, const HandoutFlags& flags) {
  Store store(flags.db, StoreMode::kCreate);
  plan_study(store, loaded);
  plan_trials(store, loaded);
  const std::string& study = loaded.spec.name;
  settle_submissions(store, study, run_timed);
  const auto gone = gone_holders(store, study, run_timed);
  const Collected collected = collect_attempts(store, shared_dir(flags));
  report_collected(collected, release_gone(store, study, [&](const std::string& holder) {
                     return gone.contains(holder);
                   }));
  return store;
}

std::string write_handout(const Handout& handout, const LoadedGrid& loaded,
                          const HandoutFlags& flags) {
  const fs::path dir = shared_dir(flags), folder = dir / handout.name;
  try {
    fs::create_directories(dir / "logs");
    fs::create_directories(folder);
    link_folder(dir, folder, "attempts");
    link_folder(dir, folder, "checkpoints");
  } catch (const fs::filesystem_error& error) {
    throw failure("--dir: " + dir.string() + ": " + error.code().message() +
                  "; check that you may write there, or name another folder");
  }
  write_assignment(folder.string(), assignment_of(handout, loaded, flags));
  return folder.string();
}

void note_local_disks(const LoadedGrid& loaded, const HandoutFlags& flags) {
  const std::string dir = shared_dir(flags);
  fs::path there = dir;
  while (!fs::exists(there)) there = there.parent_path();
  if (const auto disk = own_disk(there.string())) {
    say("note: --dir " + dir + " lies on this host's own disk (" + std::string(*disk) +
        "): tasks on other hosts will not find it unless it is exported to them under this path");
  }
  if (!loaded.corpus || lies_under(loaded.corpus->dir, dir)) return;
  if (const auto disk = own_disk(loaded.corpus->dir)) {
    say("note: corpus " + loaded.corpus->dir + " lies on this host's own disk (" +
        std::string(*disk) +
        "), not under --dir: copy it there and give --corpus, or see to it "
        "that all hosts have it under this path");
  }
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string command_word(const std::string& text) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:@%";
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string::npos;
  return plain ? text : shell_word(text);
}

std::string collect_words(const HandoutFlags& flags) {
  return "isoflop sweep collect " + command_word(shared_dir(flags)) + " --db " +
         command_word(flags.db);
}

std::string nothing_planned_text(const std::string& study, const HandoutFlags& flags) {
  return "no trial of study \"" + study +
         "\" is planned: those without a result are leased or running; see:\n"
         "  isoflop sweep status --db " +
         command_word(flags.db) + " --study " + command_word(study);
}

std::string handout_text(const Handout& handout) {
  double seconds = 0, longest = 0, memory = 0;
  std::size_t trials = 0;
  for (const Task& task : handout.tasks) {
    seconds += task.seconds;
    longest = std::max(longest, task.seconds);
    trials += task.trials.size();
    for (const AssignedTrial& trial : task.trials) {
      memory = std::max(memory, memory_bytes(trial.trial));
    }
  }
  return counted(trials, "trial") + " in " + counted(handout.tasks.size(), "task") + ": about " +
         format_duration(seconds) + " of one core, the longest task " + format_duration(longest) +
         ", up to " + format_bytes(memory) + " of memory each";
}

}  // namespace isoflop
