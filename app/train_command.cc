// isoflop train: one trial, outside a sweep.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <unistd.h>

#include "app/answer.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/processes.h"
#include "app/run_printer.h"
#include "app/study.h"
#include "core/device_peak.h"
#include "core/error.h"
#include "core/units.h"
#include "io/grid_toml.h"
#include "io/json.h"
#include "kernels/peak.h"
#include "report/numbers_text.h"
#include "sweep/stop_signal.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

struct TrainFlags {
  std::string trial;  // a file with one trial, in the place of params and its end
  std::string params;
  // When it ends: exactly one of these.
  std::string tokens, flops, tokens_per_param;
  double minutes = 0;
  std::string convention = "6nd";
  std::string corpus;
  std::vector<std::string> set;
  std::string device = "cpu";
  std::string checkpoints, resume;
  double checkpoint_minutes = 5;
  std::int64_t micro_batch = 0;
  int processes = 1;
  bool shard_optimizer = false;
  double peer_timeout = 30;
  std::string peak;
  OutputFormat format;
};

// Until the corpus is known, a clock's trial has this many tokens a parameter.
constexpr double kPlaceholderRatio = 10;
// Where data never end, a clock's trial may take this many tokens.
constexpr double kEndlessTokens = 1e13;

void check_ends(const TrainFlags& flags) {
  const int ends = !flags.tokens.empty() + !flags.flops.empty() + !flags.tokens_per_param.empty() +
                   (flags.minutes > 0);
  if (!flags.trial.empty()) {
    if (ends == 0 && flags.params.empty()) return;
    throw usage_error(
        "train: --trial says size and tokens: leave out --params, --tokens, --flops, "
        "--tokens-per-param and --minutes");
  }
  if (flags.params.empty()) throw usage_error("train: give --params 20k, or a file with --trial");
  if (ends == 1) return;
  throw usage_error(
      "train: say when it ends with exactly one of --tokens, --flops, --tokens-per-param and "
      "--minutes");
}

// Before anything is trained: five minutes later would be a pity.
void require_writable_folder(const std::string& dir) {
  std::error_code why;
  std::filesystem::create_directories(dir, why);
  if (!why && access(dir.c_str(), W_OK | X_OK) != 0) why = {errno, std::generic_category()};
  if (!why) return;
  throw failure("--checkpoints: " + dir + ": no checkpoint can be written there: " + why.message() +
                ": name a folder that is writable, or leave --checkpoints out");
}

void check_flags(const TrainFlags& flags) {
  check_ends(flags);
  if (!(flags.checkpoint_minutes > 0) || !std::isfinite(flags.checkpoint_minutes)) {
    throw usage_error("--checkpoint-minutes: give a number above 0");
  }
  if (flags.micro_batch < 0) {
    throw usage_error("--micro-batch: give a number of sequences, or 0 for the whole batch");
  }
  require_peer_timeout(flags.peer_timeout);
  if (!flags.checkpoints.empty()) require_writable_folder(flags.checkpoints);
}

void apply_settings(const TrainFlags& flags, GridSpec& spec) {
  for (const std::string& setting : flags.set) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) {
      throw usage_error("--set: \"" + setting + "\" is not KEY=VALUE: write --set train.rate=0.01");
    }
    set_fixed(spec, setting.substr(0, equals), setting.substr(equals + 1));
  }
}

// One cell of a grid, so that `train` and `sweep` make the same trial of the same words.
GridSpec one_cell(const TrainFlags& flags) {
  if (!flags.trial.empty()) {
    GridSpec spec = read_grid(flags.trial);
    apply_settings(flags, spec);
    return spec;
  }
  GridSpec spec{.name = "train",
                .kind = GridKind::kTokens,
                .convention = parse_flop_convention(flags.convention)};
  spec.sizes = {{parse_quantity(flags.params, "--params")}};
  if (!flags.tokens.empty()) {
    spec.tokens = {parse_quantity(flags.tokens, "--tokens")};
  } else if (!flags.flops.empty()) {
    spec.kind = GridKind::kIsoflop;
    spec.budgets = {parse_quantity(flags.flops, "--flops")};
  } else {
    spec.kind = GridKind::kTokensPerParam;
    spec.tokens_per_param = {flags.tokens_per_param.empty()
                                 ? kPlaceholderRatio
                                 : parse_quantity(flags.tokens_per_param, "--tokens-per-param")};
  }
  if (flags.minutes > 0) spec.fixed.emplace_back("train.schedule", "cooldown");
  apply_settings(flags, spec);
  return spec;
}

// A clock's trial may run for as long as there are data; when time is up, it cools down.
Trial without_end(Trial trial, double unique_tokens) {
  if (trial.train.schedule != "cooldown") {
    throw usage_error(
        "--minutes: needs train.schedule = cooldown, because a cosine has to know its end before "
        "it begins: leave train.schedule out, or give --tokens, --flops or --tokens-per-param");
  }
  const double end = most_tokens(trial, unique_tokens);
  const double most = std::min(end > 0 ? end : kEndlessTokens, kMostTokens);
  const auto batch = static_cast<double>(trial.train.batch * trial.model.context);
  trial.train.tokens = std::floor(most / batch) * batch;
  validate(trial);
  return trial;
}

void refuse_parts(std::int64_t micro_batch, const Trial& trial) {
  if (micro_batch <= 0 || micro_batch >= trial.train.batch || !needs_whole_batch(trial)) return;
  throw usage_error("--micro-batch: " + std::to_string(micro_batch) + " of a batch of " +
                    std::to_string(trial.train.batch) +
                    ": experts are balanced and filled in what goes through them together, so "
                    "that a batch in parts is another training: give a smaller train.batch, or "
                    "fewer experts, or set train.balance_loss = 0 and model.capacity_factor = 0");
}

// What may help a trial that ended without a result.
std::string advice_for(const Outcome& outcome, const Trial& trial, const TrainFlags& flags,
                       const RankPlace& place) {
  if (outcome.status != OutcomeStatus::kOutOfMemory) {
    return "try a lower rate with --set train.rate=...";
  }
  if (trial.model.sparse()) {
    return "give fewer experts (model.experts), a smaller model or a smaller train.batch";
  }
  const bool is_one = trial.train.batch == 1 || flags.micro_batch == 1;
  std::string advice =
      is_one ? "give a smaller model or a smaller model.context"
             : "give fewer sequences at a time with --micro-batch, or a smaller model";
  if (place.world > 1 && !flags.shard_optimizer) advice += ", or --shard-optimizer";
  return advice;
}

double peak_of(const TrainFlags& flags, const Trial& trial) {
  if (!flags.peak.empty()) return parse_peak(flags.peak, trial.train.dtype);
  return flags.device == "cpu" ? measured_peak().flops_per_second : 0;
}

Json evaluation_json(const Evaluation& evaluation) {
  Json json = {{"loss", evaluation.loss}, {"standard_error", evaluation.standard_error}};
  if (evaluation.bits_per_byte) json["bits_per_byte"] = *evaluation.bits_per_byte;
  if (evaluation.excess) json["excess"] = *evaluation.excess;
  if (evaluation.accuracy) json["accuracy"] = *evaluation.accuracy;
  return json;
}

Json router_json(const RouterStats& last) {
  Json json = Json::object();
  for (const auto& field : kRouterStatsFields) json[field.name] = last.*field.value;
  return json;
}

Json outcome_json(const Trial& trial, const Outcome& outcome,
                  const std::optional<RouterStats>& router) {
  Json json = {{"params", params_of(trial)},
               {"active_params", active_params_of(trial)},
               {"tokens", outcome.tokens},
               {"unique_tokens", outcome.unique_tokens},
               {"epochs", outcome.epochs},
               {"flops_6nd", total_flops(trial, FlopConvention::k6nd)},
               {"flops_exact", total_flops(trial, FlopConvention::kExact)}};
  json.update(evaluation_json(outcome.evaluations.front()));
  for (std::size_t i = 1; i < outcome.evaluations.size(); ++i) {
    json["sets"][outcome.evaluations[i].heldout] = evaluation_json(outcome.evaluations[i]);
  }
  json["steps"] = outcome.steps;
  json["resumed_at"] = outcome.resumed_at;
  json["seconds"] = outcome.seconds;
  if (outcome.mfu) json["mfu"] = *outcome.mfu;
  if (router) json["router"] = router_json(*router);
  json["identity"] = identity(trial);
  return json;
}

std::string evaluation_text(const Trial& trial, const Evaluation& evaluation) {
  std::string text = fixed4(evaluation.loss) + " +- " + fixed4(evaluation.standard_error) + " nats";
  if (evaluation.accuracy) {
    return text + " a pair, " + format_quantity(100 * *evaluation.accuracy) + " % of them right";
  }
  text += trial.model.masked() ? " per masked token" : " per token";
  if (evaluation.bits_per_byte) text += ", " + fixed4(*evaluation.bits_per_byte) + " bits per byte";
  if (evaluation.excess) text += ", " + fixed4(*evaluation.excess) + " above the source's entropy";
  return text;
}

// How the routers did in the curve's last stretch.
std::string experts_text(const Trial& trial, const RouterStats& router) {
  const ModelConfig& model = trial.model;
  const auto in_percent = [](double share) { return format_quantity(100 * share) + " %"; };
  return "experts  " + std::to_string(model.experts) + ", " +
         std::to_string(model.experts_per_token) + " a token" +
         (model.shared_experts > 0 ? " and " + std::to_string(model.shared_experts) + " shared"
                                   : "") +
         "; N " + format_quantity(params_of(trial)) + ", active " +
         format_quantity(active_params_of(trial)) + "; at the end largest load " +
         fixed4(router.largest_load) + " of its share, unused " + in_percent(router.unused) +
         ", dropped " + in_percent(router.dropped) + ", entropy " + fixed4(router.entropy) +
         " of " + fixed4(std::log(static_cast<double>(model.experts))) + " nats\n";
}

std::string outcome_text(const Trial& trial, const Outcome& outcome,
                         const std::optional<RouterStats>& router) {
  std::string text = "held-out loss " + evaluation_text(trial, outcome.evaluations.front()) +
                     "; N " + format_quantity(params_of(trial)) + ", D " +
                     format_quantity(outcome.tokens) + ", " +
                     format_flops(total_flops(trial, FlopConvention::kExact)) + " FLOP (exact), " +
                     format_duration(outcome.seconds);
  if (outcome.mfu) text += ", MFU " + format_quantity(100 * *outcome.mfu) + " %";
  text += '\n';
  if (router) text += experts_text(trial, *router);
  if (outcome.epochs > 1) {
    text += format_quantity(outcome.epochs) + " passes over the data, " +
            format_quantity(outcome.unique_tokens) + " distinct tokens\n";
  }
  for (std::size_t i = 1; i < outcome.evaluations.size(); ++i) {
    text += outcome.evaluations[i].heldout + "  " + evaluation_text(trial, outcome.evaluations[i]) +
            '\n';
  }
  return text;
}

[[noreturn]] void report_interrupt(const TrainFlags& flags, bool speaks) {
  if (speaks) {
    say(flags.checkpoints.empty()
            ? "interrupted: nothing was kept; with --checkpoints DIR the same command would go on"
            : "interrupted: its state is in " + flags.checkpoints +
                  "; run the same command again to go on");
  }
  throw ExitCode{130};
}

std::string trial_text(const Trial& trial, const RankPlace& place) {
  if (trial.trainer == "tabular") return "tabular learner";
  std::string text = shape_name(trial.model) + ", rate " + format_quantity(trial.train.rate) +
                     ", batch " + std::to_string(trial.train.batch) + ", schedule " +
                     trial.train.schedule;
  if (place.world > 1) text += ", " + std::to_string(place.world) + " processes";
  return text;
}

struct LoadedTrial {
  LoadedGrid loaded;
  Trial trial;
};

LoadedTrial load_trial(const TrainFlags& flags) {
  check_flags(flags);
  LoadedTrial result{.loaded = load_grid(one_cell(flags), flags.corpus)};
  const auto& trials = result.loaded.grid.trials;
  if (trials.size() != 1) {
    throw usage_error("--trial: " + flags.trial + " means " + std::to_string(trials.size()) +
                      " trials: run them with `isoflop sweep run " + flags.trial + "`");
  }
  result.trial = trials.front().trial;
  if (flags.minutes > 0) {
    result.trial = without_end(result.trial, trainable_tokens(result.loaded, result.trial));
  }
  refuse_parts(flags.micro_batch, result.trial);
  return result;
}

void print_outcome(const TrainFlags& flags, const Trial& trial, const Outcome& outcome,
                   const std::optional<RouterStats>& router) {
  if (is_asked(flags.format)) {
    print(answer_text(outcome_json(trial, outcome, router), flags.format));
  } else {
    print_headed(outcome_text(trial, outcome, router));
  }
}

RunContext context_of(const TrainFlags& flags, const LoadedTrial& it) {
  return {.corpus_dir = it.loaded.corpus ? it.loaded.corpus->dir : "",
          .device = flags.device,
          .checkpoint_dir = flags.checkpoints,
          .checkpoint_seconds = 60 * flags.checkpoint_minutes,
          .resume_from = flags.resume,
          .trunk_seconds = 60 * flags.minutes * (1 - it.trial.train.cooldown),
          .micro_batch = flags.micro_batch,
          .peak_flops = peak_of(flags, it.trial)};
}

// What several processes make of the trial.
void check_company(const Trial& trial, const RankPlace& place) {
  if (place.world == 1) return;
  if (trial.trainer == "tabular") {
    throw usage_error(
        "--processes: the tabular learner trains nothing that could be shared: leave "
        "it out");
  }
  if (place.rank == 0 && trial.train.batch < place.world) {
    say("note: a batch of " + std::to_string(trial.train.batch) + " for " +
        std::to_string(place.world) + " processes: some have nothing to do");
  }
}

// Of several processes only rank 0 speaks; the others say what went wrong with them.
void train_at(const TrainFlags& flags, const RankPlace& place) {
  const bool speaks = place.rank == 0;
  const LoadedTrial it = load_trial(flags);
  check_company(it.trial, place);
  if (speaks) say(trial_text(it.trial, place));
  const StopSignal stop;
  RunContext context = context_of(flags, it);
  RunPrinter printer(it.trial, context.trunk_seconds);
  std::optional<RouterStats> router;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    if (!points.empty()) router = points.back().router;
    printer.add(points);
  };
  context.should_stop = [&](double) { return stop.requested(); };
  std::set<std::string> said;
  context.note_early = [&](const std::string& note) {
    if (speaks && said.insert(note).second) say("note: " + note);
  };
  const auto runner = make_ranked_runner({.place = place,
                                          .peer_timeout_seconds = flags.peer_timeout,
                                          .sharded = flags.shard_optimizer});
  const Outcome outcome = runner->run({&it.trial, 1}, context).front();
  for (const std::string& note : outcome.notes) context.note_early(note);
  if (outcome.status == OutcomeStatus::kInterrupted) report_interrupt(flags, speaks);
  if (outcome.status == OutcomeStatus::kDiverged && !speaks) throw ExitCode{1};
  if (outcome.status != OutcomeStatus::kDone) {
    throw failure("train: the trial did not finish: " + outcome.reason + ": " +
                  advice_for(outcome, it.trial, flags, place));
  }
  if (!speaks) return;
  Trial done = it.trial;
  done.train.tokens = outcome.tokens;  // of a clock's trial: where it came to
  print_outcome(flags, done, outcome, router);
  runner->forget(done, flags.checkpoints);
}

void start_processes(const TrainFlags& flags, const RankPlace& place) {
  if (place.world > 1) {
    throw usage_error("--processes: this is one of " + std::to_string(place.world) +
                      " processes already, as torchrun or srun started it: leave --processes out");
  }
  load_trial(flags);  // what is wrong with it is said once
  const int code = run_processes(flags.processes);
  if (code != 0) throw ExitCode{code};
}

void run(const TrainFlags& flags) {
  const RankPlace place = own_rank_place();
  if (flags.processes > 1 && started_as_one_of() == 0) return start_processes(flags, place);
  if (place.rank == 0) return train_at(flags, place);
  try {
    train_at(flags, place);
  } catch (const Error& error) {
    // Without words it is rank 0's own error, which rank 0 has said.
    if (*error.what() != '\0') {
      say("isoflop: " + rank_name(place.rank, place.world, own_host()) + ": " + error.what());
    }
    throw ExitCode{error.exit_code()};
  }
}

void add_ends(CLI::App* command, TrainFlags& flags) {
  auto* ends = command->add_option_group("End", "When it ends: one of these");
  ends->add_option("--tokens", flags.tokens, "Tokens to train on");
  ends->add_option("--flops", flags.flops, "Compute to spend, under --convention");
  ends->add_option("--tokens-per-param", flags.tokens_per_param, "Tokens for each parameter");
  ends->add_option("--minutes", flags.minutes,
                   "Wall-clock minutes; the cooldown begins when 80 % of them are gone")
      ->check(CLI::PositiveNumber);
  command->add_option("--convention", flags.convention, "How --flops counts; default 6nd");
}

void add_checkpoints(CLI::App* command, TrainFlags& flags) {
  command->add_option("--checkpoints", flags.checkpoints,
                      "Folder to write checkpoints to, and to go on from");
  command->add_option("--checkpoint-minutes", flags.checkpoint_minutes,
                      "Wall-clock minutes between two; default 5");
  command->add_option("--resume", flags.resume, "Go on from this checkpoint file");
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = app.add_subcommand("train", "Train one trial and print its held-out loss");
  command->footer(
      "  isoflop train --params 20k --tokens 500k --corpus classics\n"
      "  isoflop train --params 20k --flops 1e11 --set data.source=zipf\n"
      "  isoflop train --params 100k --minutes 5 --corpus classics --checkpoints ckpt\n"
      "  isoflop train --trial trial.toml --corpus classics       (from isoflop plan --as-trial)\n"
      "  isoflop train --trial trial.toml --corpus classics --processes 4");
  command->add_option("--params", flags->params, "Parameters to aim at");
  command->add_option("--trial", flags->trial,
                      "A grid's file with one trial, such as `isoflop plan --as-trial` writes");
  add_ends(command, *flags);
  command->add_option("--corpus", flags->corpus, "Prepared corpus");
  command->add_option("--set", flags->set, "A trial key, KEY=VALUE; may be given many times");
  command->add_option("--device", flags->device, "cpu, cuda or cuda:N; default cpu");
  add_checkpoints(command, *flags);
  command->add_option("--micro-batch", flags->micro_batch,
                      "Sequences at once; a step's batch is the sum of several");
  command
      ->add_option("--processes", flags->processes,
                   "Train in so many processes of this host; torchrun and srun start their own")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--shard-optimizer", flags->shard_optimizer,
                    "Of several processes each keeps its part of AdamW's moments only");
  command->add_option("--peer-timeout", flags->peer_timeout,
                      "Seconds that processes wait for each other; default 30");
  command->add_option("--peak-flops", flags->peak,
                      "The device's peak for MFU: FLOP/s or a name (h100); default: a CPU core's "
                      "is measured");
  add_format_flags(command, flags->format);
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
