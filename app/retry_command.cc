// isoflop sweep retry | cancel
#include <CLI/CLI.hpp>
#include <memory>

#include "app/answer.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "core/error.h"

namespace isoflop {
namespace {

struct RetryFlags : StoreFlags {
  RetryChoice choice;
  OutputFormat format;
};

struct CancelFlags : StoreFlags {
  std::string trial;
  bool all = false;
  OutputFormat format;
};

std::string trials_text(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " trial" : " trials");
}

void retry(const RetryFlags& flags) {
  RetryChoice choice = flags.choice;
  if (choice == RetryChoice{}) choice = {.failed = true, .out_of_memory = true};
  Store store(flags.db);
  const std::string study = choose_study(store, flags.study);
  const std::int64_t count = store.retry(study, choice);
  if (is_asked(flags.format)) {
    print(answer_text({{"study", study}, {"planned_again", count}}, flags.format));
  }
  if (count == 0) return say("study " + study + ": no such trials; nothing was changed");
  say("study " + study + ": " + trials_text(count) +
      " planned again; next: isoflop sweep run with the study's grid");
}

void cancel(const CancelFlags& flags) {
  if (flags.trial.empty() != flags.all) {
    throw usage_error(
        "sweep cancel: give --trial with the beginning of an identity (isoflop sweep "
        "export prints them), or --all for everything that has not ended");
  }
  Store store(flags.db);
  const std::string study = choose_study(store, flags.study);
  const std::int64_t count = store.cancel(study, flags.trial);
  if (is_asked(flags.format)) {
    print(answer_text({{"study", study}, {"cancelled", count}}, flags.format));
  }
  if (count == 0) return say("study " + study + ": nothing there to cancel; nothing was changed");
  say("study " + study + ": " + trials_text(count) +
      " cancelled; isoflop sweep retry --cancelled takes them up again");
}

}  // namespace

void add_sweep_retry(CLI::App* sweep) {
  auto flags = std::make_shared<RetryFlags>();
  CLI::App* command = sweep->add_subcommand(
      "retry", "Plan ended trials again; without a choice: failed and out of memory");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep retry --db runs.db\n  isoflop sweep retry --oom\n"
      "  isoflop sweep retry --failed --diverged --study demo");
  command->add_flag("--failed", flags->choice.failed, "Failed ones");
  command->add_flag("--oom", flags->choice.out_of_memory, "Those that ran out of memory");
  command->add_flag("--diverged", flags->choice.diverged, "Diverged ones");
  command->add_flag("--cancelled", flags->choice.cancelled, "Cancelled ones");
  add_format_flags(command, flags->format);
  command->callback([flags] { retry(*flags); });

  auto cancel_flags = std::make_shared<CancelFlags>();
  CLI::App* cancelled = sweep->add_subcommand(
      "cancel", "Take trials that have not ended out of a study's work; workers stop them");
  add_store_flags(cancelled, *cancel_flags);
  cancelled->footer(
      "  isoflop sweep cancel --trial 3f2a91\n  isoflop sweep cancel --all --study demo\n"
      "  isoflop sweep retry --cancelled");
  cancelled->add_option("--trial", cancel_flags->trial, "The beginning of its identity");
  cancelled->add_flag("--all", cancel_flags->all, "All that have not ended");
  add_format_flags(cancelled, cancel_flags->format);
  cancelled->callback([cancel_flags] { cancel(*cancel_flags); });
}

}  // namespace isoflop
