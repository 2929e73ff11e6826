// isoflop train: one trial, outside a sweep.
#include <CLI/CLI.hpp>
#include <memory>

#include "app/commands.h"
#include "app/output.h"
#include "app/study.h"
#include "core/error.h"
#include "core/units.h"
#include "io/json.h"
#include "report/answer_text.h"
#include "sweep/stop_signal.h"

namespace isoflop {
namespace {

struct TrainFlags {
  std::string params;
  std::string tokens;
  std::string corpus;
  std::vector<std::string> set;
  std::string device = "cpu";
  bool json = false;
};

// One cell of a grid, so that `train` and `sweep` make the same trial of the same words.
GridSpec one_cell(const TrainFlags& flags) {
  GridSpec spec{.name = "train", .kind = GridKind::kTokens};
  spec.sizes = {{parse_quantity(flags.params, "--params")}};
  spec.tokens = {parse_quantity(flags.tokens, "--tokens")};
  for (const std::string& setting : flags.set) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) {
      throw usage_error("--set: \"" + setting + "\" is not KEY=VALUE: write --set train.rate=0.01");
    }
    spec.fixed.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return spec;
}

std::string point_line(const CurvePoint& point) {
  return "step " + std::to_string(point.step) + "  " + format_quantity(point.tokens) +
         " tokens  train loss " + fixed4(point.train_loss) +
         (point.heldout_loss ? "  held-out " + fixed4(*point.heldout_loss) : "") + "  " +
         format_duration(point.seconds);
}

Json outcome_json(const Trial& trial, const Outcome& outcome) {
  const Evaluation& evaluation = outcome.evaluations.front();
  Json json = {{"params", params_of(trial)},
               {"tokens", outcome.tokens},
               {"flops_6nd", total_flops(trial, FlopConvention::k6nd)},
               {"flops_exact", total_flops(trial, FlopConvention::kExact)},
               {"loss", evaluation.loss},
               {"standard_error", evaluation.standard_error}};
  if (evaluation.bits_per_byte) json["bits_per_byte"] = *evaluation.bits_per_byte;
  if (evaluation.excess) json["excess"] = *evaluation.excess;
  json["seconds"] = outcome.seconds;
  json["identity"] = identity(trial);
  return json;
}

std::string outcome_text(const Trial& trial, const Outcome& outcome) {
  const Evaluation& evaluation = outcome.evaluations.front();
  std::string text = "held-out loss " + fixed4(evaluation.loss) + " +- " +
                     fixed4(evaluation.standard_error) + " nats per token";
  if (evaluation.bits_per_byte) text += ", " + fixed4(*evaluation.bits_per_byte) + " bits per byte";
  if (evaluation.excess) text += ", " + fixed4(*evaluation.excess) + " above the source's entropy";
  return text + "; N " + format_quantity(params_of(trial)) + ", D " +
         format_quantity(outcome.tokens) + ", " +
         format_flops(total_flops(trial, FlopConvention::kExact)) + " FLOP (exact), " +
         format_duration(outcome.seconds) + '\n';
}

void run(const TrainFlags& flags) {
  const LoadedGrid loaded = load_grid(one_cell(flags), flags.corpus);
  const Trial trial = loaded.grid.trials.front().trial;
  say(trial.trainer == "tabular"
          ? "tabular learner"
          : shape_name(trial.model) + ", rate " + format_quantity(trial.train.rate) + ", batch " +
                std::to_string(trial.train.batch));
  const StopSignal stop;
  RunContext context{.corpus_dir = loaded.corpus ? loaded.corpus->dir : "", .device = flags.device};
  context.record_curve = [](std::span<const CurvePoint> points) {
    for (const CurvePoint& point : points) say(point_line(point));
  };
  context.should_stop = [&](double) { return stop.requested(); };
  const Outcome outcome = make_runner()->run({&trial, 1}, context).front();
  if (outcome.status == OutcomeStatus::kInterrupted) {
    say("interrupted: a single trial is not saved; run the command again to start over");
    throw ExitCode{130};
  }
  if (outcome.status != OutcomeStatus::kDone) {
    throw failure("train: the trial did not finish: " + outcome.reason +
                  ": try a lower rate with --set train.rate=...");
  }
  print(flags.json ? json_text(outcome_json(trial, outcome)) : outcome_text(trial, outcome));
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = app.add_subcommand("train", "Train one trial and print its held-out loss");
  command->footer(
      "  isoflop train --params 20k --tokens 500k --corpus classics\n"
      "  isoflop train --params 20k --tokens 500k --set data.source=zipf\n"
      "  isoflop train --params 20k --tokens 500k --corpus classics --set train.rate=0.01 --json");
  command->add_option("--params", flags->params, "Parameters to aim at")->required();
  command->add_option("--tokens", flags->tokens, "Tokens to train on")->required();
  command->add_option("--corpus", flags->corpus, "Prepared corpus");
  command->add_option("--set", flags->set, "A trial key, KEY=VALUE; may be given many times");
  command->add_option("--device", flags->device, "cpu, cuda or cuda:N; default cpu");
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
