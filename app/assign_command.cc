// isoflop sweep assign
#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "app/handout.h"
#include "app/output.h"
#include "app/sweep_verbs.h"

namespace isoflop {
namespace {

struct AssignFlags : HandoutFlags {
  OutputFormat format;
};

constexpr std::int64_t kOneRange = std::numeric_limits<std::int64_t>::max();

void print_handout(const std::string& folder, const Handout& handout, const OutputFormat& format) {
  print(
      table_text({{"folder", "tasks"}, {{folder, std::to_string(handout.tasks.size())}}}, format));
}

// Leased for good: nobody can be asked whether a scheduler unknown to us still has the tasks.
Handout assign_trials(Store& store, const LoadedGrid& loaded, const AssignFlags& flags) {
  const std::string& study = loaded.spec.name;
  Handout handout = hand_out(store, study, submission_name(study), packing_of(flags), kOneRange);
  if (handout.tasks.empty()) return handout;
  try {
    write_handout(handout, loaded, flags);
  } catch (...) {
    take_back(store, study, handout);
    throw;
  }
  store.rename_holder(study, handout.holders.front(), "tasks " + handout.name);
  return handout;
}

void assign(const AssignFlags& flags) {
  const LoadedGrid loaded = load_handout_grid(flags);
  note_local_disks(loaded, flags);
  if (flags.dry_run) {
    const Handout handout = sketch_handout(trials_to_hand_out(loaded, flags), loaded.spec.name,
                                           packing_of(flags), kOneRange);
    return say(handout_text(handout) + ". Nothing was handed out");
  }
  Store store = open_for_handout(loaded, flags);
  const Handout handout = assign_trials(store, loaded, flags);
  if (handout.tasks.empty()) {
    return say("nothing to hand out: " + nothing_planned_text(loaded.spec.name, flags));
  }
  const std::string folder = shared_dir(flags) + "/" + handout.name;
  print_handout(folder, handout, flags.format);
  say(handout_text(handout));
  say("have every I from 0 to " + std::to_string(handout.tasks.size() - 1) +
      " run where the folder is seen, and again after exit 99:\n  isoflop sweep task " +
      command_word(folder) + " --index I\nthen, as often as you like:\n  " + collect_words(flags) +
      "\nand when no task runs any more, to plan what is missing again:\n  " +
      collect_words(flags) + " --release=\"tasks " + handout.name + "\"");
}

}  // namespace

void add_sweep_assign(CLI::App* sweep) {
  auto flags = std::make_shared<AssignFlags>();
  CLI::App* command = sweep->add_subcommand(
      "assign", "Hand a grid out as numbered tasks, for any scheduler (docs/cluster.md)");
  command->footer(
      "  isoflop sweep assign my.toml --dir /shared/my --tasks 50\n"
      "  isoflop sweep assign my.toml --dir /shared/my --minutes-per-task 60 --json\n"
      "  isoflop sweep assign my.toml --dir /shared/my --dry-run");
  add_handout_flags(command, *flags);
  add_format_flags(command, flags->format);
  command->callback([flags] { assign(*flags); });
}

}  // namespace isoflop
