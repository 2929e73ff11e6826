// isoflop plan
#include <CLI/CLI.hpp>
#include <memory>

#include "app/answer.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/plan_flags.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/fit_json.h"
#include "io/grid_toml.h"
#include "io/plan_json.h"
#include "io/sparse_plan_json.h"
#include "law/presets.h"
#include "plan/make_plan.h"
#include "plan/plan_trial.h"
#include "report/plan_text.h"
#include "report/sparse_plan_text.h"

namespace isoflop {
namespace {

struct PlanCommandFlags {
  std::string fit;
  std::string law;
  PlanFlags plan;
  std::string as_trial;
  std::string corpus;
  bool rates = false;
  OutputFormat format;
};

void write_trial(const PlanCommandFlags& flags, const Plan& plan) {
  if (flags.as_trial.empty()) {
    if (flags.corpus.empty()) return;
    throw usage_error("--corpus is the trial's: add --as-trial trial.toml");
  }
  write_file_atomically(flags.as_trial, grid_toml(plan_trial(plan, flags.corpus)));
  say("written: " + flags.as_trial + "; next: isoflop train --trial " + flags.as_trial +
      (flags.corpus.empty() ? " --corpus DIR" : ""));
}

std::string answer(const PlanCommandFlags& flags, const Plan& plan) {
  if (flags.format.json) return plan_json(plan);
  if (flags.format.csv || flags.format.markdown) {
    const bool sizes = plan.iso_loss.empty();
    return table_text(sizes ? size_price_table(plan) : iso_loss_table(plan, flags.format.csv),
                      flags.format);
  }
  return plan_text(plan, {.rates = flags.rates});
}

// Dense or sparse: a table of models, where a plan is one.
void compare_experts(const PlanCommandFlags& flags, const LawFit& fit) {
  if (!flags.as_trial.empty() || !flags.corpus.empty() || flags.rates) {
    throw usage_error(
        "--as-trial, --corpus and --rates are of one model: choose it with --experts 8");
  }
  const SparsePlan plan = make_sparse_plan(fit, flags.plan.sparse_request(fit));
  if (flags.format.json) return print(sparse_plan_json(plan));
  if (flags.format.csv || flags.format.markdown) {
    return print(table_text(sparse_plan_table(plan), flags.format));
  }
  print_headed(sparse_plan_text(plan));
}

void run(const PlanCommandFlags& flags) {
  if (flags.fit.empty() == flags.law.empty()) {
    throw usage_error(
        "plan: give the law, either a fit with --fit fit.json or a published one with --law "
        "epoch2024, as in isoflop plan --flops 5.76e23 --law epoch2024");
  }
  const LawFit fit = flags.law.empty() ? read_fit(flags.fit) : preset_law(flags.law);
  if (flags.plan.compares_experts(fit)) return compare_experts(flags, fit);
  const PlanRequest request = flags.plan.request(fit);
  const Plan plan = make_plan(fit, request);
  write_trial(flags, plan);
  const bool words = !flags.format.json && !flags.format.csv && !flags.format.markdown;
  words ? print_headed(answer(flags, plan)) : print(answer(flags, plan));
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto flags = std::make_shared<PlanCommandFlags>();
  CLI::App* command = app.add_subcommand("plan", "The best model and token count for a budget");
  command->footer(
      "  isoflop plan --flops 5.76e23 --law epoch2024\n"
      "  isoflop plan --gpus 8xH100*24h --mfu 0.4 --fit fit.json --as-trial trial.toml\n"
      "  isoflop plan --loss 2.0 --inference 1e12 --law epoch2024 --iso-loss\n"
      "  isoflop plan --flops 1e22 --experts 1,8,32 --memory 80GB --law ludziejewski2025\n"
      "  isoflop plan --money '$500' --unique 3B --max-params 300M --fit fit.json --json");
  command->add_option("--fit", flags->fit, "A fit written by `isoflop fit --out`");
  command->add_option("--law", flags->law,
                      "A published law: hoffmann2022, hoffmann2022-rounded, epoch2024, ...");
  add_plan_flags(command, flags->plan);
  command->add_flag("--rates", flags->rates, "Peak rate and batch by published laws");
  command->add_option("--as-trial", flags->as_trial,
                      "Also write the plan as a trial for `isoflop train --trial`");
  command->add_option("--corpus", flags->corpus, "The trial's corpus");
  add_format_flags(command, flags->format);
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
