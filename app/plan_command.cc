// isoflop plan
#include <CLI/CLI.hpp>
#include <memory>

#include "app/commands.h"
#include "app/output.h"
#include "core/error.h"
#include "core/units.h"
#include "io/fit_json.h"
#include "io/plan_json.h"
#include "law/presets.h"
#include "plan/make_plan.h"
#include "report/plan_text.h"

namespace isoflop {
namespace {

struct PlanFlags {
  std::string flops;
  std::string fit;
  std::string law;
  double extra_compute = 0.05;
  std::int64_t vocab = 32000;
  std::int64_t context = 2048;
  bool json = false;
};

void run(const PlanFlags& flags) {
  if (flags.fit.empty() == flags.law.empty()) {
    throw usage_error(
        "plan: give the law, either a fit with --fit fit.json or a published one with --law "
        "epoch2024");
  }
  const LawFit fit = flags.law.empty() ? read_fit(flags.fit) : preset_law(flags.law);
  const Plan plan = make_plan(fit, parse_quantity(flags.flops, "--flops"),
                              {.extra_compute = flags.extra_compute,
                               .base = {.vocab = flags.vocab, .context = flags.context}});
  print(flags.json ? plan_json(plan) : plan_text(plan));
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* command = app.add_subcommand("plan", "The best model and token count for a budget");
  command->footer(
      "  isoflop plan --flops 5.76e23 --law epoch2024\n"
      "  isoflop plan --flops 1e21 --fit fit.json\n"
      "  isoflop plan --flops 1e21 --fit fit.json --near 0.1 --json");
  command->add_option("--flops", flags->flops, "Budget in FLOP: 5.76e23, 300E")->required();
  command->add_option("--fit", flags->fit, "A fit written by `isoflop fit --out`");
  command->add_option("--law", flags->law,
                      "A published law: hoffmann2022, hoffmann2022-rounded, epoch2024, ...");
  command->add_option("--near", flags->extra_compute,
                      "Extra compute that the near-optimal band may cost; default 0.05");
  command->add_option("--vocab", flags->vocab, "Vocabulary of the shape; default 32000");
  command->add_option("--context", flags->context, "Context of the shape; default 2048");
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
