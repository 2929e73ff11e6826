// isoflop sweep collect
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "app/answer.h"
#include "app/collect.h"
#include "app/conflicts_text.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "core/error.h"
#include "io/assignment_json.h"
#include "io/json.h"
#include "sweep/submission.h"

namespace isoflop {
namespace {

struct CollectFlags : StoreFlags {
  std::string folder;
  OutputFormat format;
  bool release = false;
  std::string holder;
};

bool has_assignment(const std::string& folder) {
  return std::filesystem::exists(folder + "/" + kAssignmentFileName);
}

void check_folder(const std::string& folder) {
  if (has_assignment(folder) || std::filesystem::is_directory(attempts_folder(folder))) return;
  throw usage_error("collect: " + folder +
                    ": has no attempts/: give the folder that sweep slurm or assign was given");
}

std::string study_to_collect(const Store& store, const CollectFlags& flags) {
  if (!flags.study.empty() || !has_assignment(flags.folder)) {
    return choose_study(store, flags.study);
  }
  return read_assignment_header(flags.folder).study;
}

// Whose trials are to be planned again. Asked before collecting: what a job writes until it is gone
// is then collected before its trials are taken from it.
std::vector<std::string> holders_to_release(const Store& store, const std::string& study,
                                            const CollectFlags& flags) {
  const std::set<std::string> wanted = flags.holder.empty() ? gone_holders(store, study, run_timed)
                                                            : std::set<std::string>{flags.holder};
  std::vector<std::string> found, all;
  for (const HolderRow& row : store.holders(study)) {
    all.push_back(row.holder);
    if (wanted.contains(row.holder)) found.push_back(row.holder);
  }
  if (flags.holder.empty() || !found.empty()) return found;
  std::string names;
  for (const std::string& name : all) names += (names.empty() ? "\"" : ", \"") + name + "\"";
  throw usage_error("--release: \"" + flags.holder + "\" holds no trial of study \"" + study +
                    "\"; " +
                    (names.empty() ? "nobody does: leave --release out" : "there is " + names));
}

Json collected_json(const Collected& collected, std::int64_t released,
                    const std::vector<ConflictRow>& conflicts) {
  return {{"files", collected.files},     {"results", collected.results},
          {"ended", collected.ended},     {"progress", collected.progress},
          {"known", collected.known},     {"duplicates", collected.duplicates},
          {"released", released},         {"conflicts", conflicts_json(conflicts)},
          {"unknown", collected.unknown}, {"damaged", collected.damaged}};
}

std::string collected_text(const Collected& collected, std::int64_t released) {
  std::string text = std::to_string(collected.results) + " new results";
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  };
  add(collected.progress, "attempts further");
  add(collected.ended, "attempts ended without a result");
  add(collected.duplicates, "results that were known");
  add(collected.conflicts, "results that differ from the known one");
  add(released, "trials planned again");
  return text + "; " + std::to_string(collected.files) + " attempt files\n";
}

void collect(const CollectFlags& flags) {
  check_folder(flags.folder);
  Store store(flags.db);
  const std::string study = study_to_collect(store, flags);
  std::vector<std::string> gone;
  if (flags.release) {
    settle_submissions(store, study, run_timed);
    gone = holders_to_release(store, study, flags);
  }
  const RetryPolicy policy =
      has_assignment(flags.folder) ? read_assignment_header(flags.folder).policy : RetryPolicy{};
  const Collected collected = collect_attempts(store, flags.folder, policy);
  std::int64_t released = 0;
  for (const std::string& holder : gone) released += store.take_back(study, holder);
  const auto conflicts = store.conflicts(study);
  for (const std::string& file : collected.damaged) say("damaged: " + file);
  for (const std::string& file : collected.unknown) say("not in " + flags.db + ": " + file);
  if (is_asked(flags.format)) {
    return print(answer_text(collected_json(collected, released, conflicts), flags.format));
  }
  print(collected_text(collected, released) + conflicts_text(conflicts));
  say("next: isoflop sweep status --db " + flags.db);
}

}  // namespace

void add_sweep_collect(CLI::App* sweep) {
  auto flags = std::make_shared<CollectFlags>();
  CLI::App* command = sweep->add_subcommand(
      "collect", "Take in what tasks on other hosts have written; also while they run");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep collect /shared/demo --db runs.db\n"
      "  isoflop sweep collect /shared/demo --release\n"
      "  isoflop sweep collect /shared/demo --release=\"tasks demo-20261123T151200-1a2b\"");
  command->add_option("folder", flags->folder, "The folder that sweep slurm or assign was given")
      ->required();
  command
      ->add_option_function<std::vector<std::string>>(
          "--release",
          [flags](const std::vector<std::string>& words) {
            flags->release = true;
            flags->holder = words.empty() ? "" : words.front();
          },
          "Plan again what jobs that are gone still hold; or what this holder does (only when none "
          "of its tasks runs)")
      ->expected(0, 1)
      ->type_name("HOLDER");
  add_format_flags(command, flags->format);
  command->callback([flags] { collect(*flags); });
}

}  // namespace isoflop
