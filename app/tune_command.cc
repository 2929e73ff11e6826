// isoflop tune
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "app/answer.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/study.h"
#include "app/tuned_runs.h"
#include "core/error.h"
#include "core/rate_rule.h"
#include "core/units.h"
#include "fit/hyper_fit.h"
#include "io/atomic_file.h"
#include "io/hyper_json.h"
#include "io/json.h"
#include "io/tuned_runs_csv.h"
#include "plan/tune.h"
#include "report/tune_text.h"

namespace isoflop {
namespace {

struct TuneFlags {
  std::string params, tokens;
  std::string law;
  std::string db, study, csv, map;
  std::string heldout = "heldout";
  std::string out;
  std::string schedule = "cosine";
  std::int64_t vocab = 32000;
  std::int64_t context = 2048;
  double level = 0.9;
  OutputFormat format;

  bool fits() const { return !db.empty() || !csv.empty(); }
  bool asks() const { return !params.empty() || !tokens.empty(); }
};

void check_tune_flags(const TuneFlags& flags) {
  if (!flags.db.empty() && !flags.csv.empty()) {
    throw usage_error("tune: --db and --csv both say which runs: give one");
  }
  if (flags.fits() && !flags.law.empty()) {
    throw usage_error("tune: --law is a law that there is, and --db or --csv fit one: give one");
  }
  if (flags.params.empty() != flags.tokens.empty() || (!flags.asks() && !flags.fits())) {
    throw usage_error(
        "tune: for which model? give both, as in isoflop tune --params 1B --tokens 20B; or runs to "
        "fit a law to, with --db runs.db or --csv runs.csv");
  }
  if (!flags.fits() && (!flags.out.empty() || !flags.study.empty() || !flags.map.empty())) {
    throw usage_error("tune: --out, --study and --map are of a fit: add --db runs.db or --csv");
  }
  if (flags.schedule != "cosine" && flags.schedule != "cooldown") {
    throw usage_error("--schedule: \"" + flags.schedule + "\" is not known: cosine or cooldown");
  }
}

// A table says nothing of context and schedule; the rule's rate hangs on neither but by cooldown.
void add_rule_rates(const TuneFlags& flags, std::vector<TunedRun>& runs) {
  for (TunedRun& run : runs) {
    run.rule_rate = rate_rule(run.params, run.tokens, flags.context, flags.schedule).rate;
  }
}

std::vector<TunedRun> runs_of(const TuneFlags& flags) {
  if (!flags.csv.empty()) {
    auto runs = read_tuned_runs(flags.csv, flags.map);
    add_rule_rates(flags, runs);
    return runs;
  }
  const Store store(flags.db, StoreMode::kReadOnly);
  return tuned_runs_of(store, choose_study(store, flags.study), flags.heldout);
}

HyperFit fit_runs(const TuneFlags& flags) {
  const std::vector<TunedRun> runs = runs_of(flags);
  HyperFit fit = fit_hyper_law(runs, {.level = flags.level});
  const std::string source = flags.csv.empty() ? flags.db : flags.csv;
  fit.law.citation = "fitted to " + std::to_string(fit.runs) + " runs of " + source;
  return fit;
}

// Without a law of anything there is nothing to write or to recommend.
void refuse_empty(const TuneFlags& flags, const HyperFit& fit) {
  if (fit.law.rate || fit.law.batch) return;
  const bool any = !fit.rate.rungs.empty() || !fit.batch.rungs.empty();
  if (!any && fit.diverged > 0) {
    throw refusal("no_rungs", "tune: " + std::to_string(fit.diverged) +
                                  " sizes and Ds were trained at three rates or batches or more, "
                                  "but every one of their runs diverged: sweep lower rates");
  }
  if (!any) {
    throw refusal("no_rungs",
                  "tune: no size was trained at three rates or batches or more: sweep with "
                  "[bracket] rate = 2 (docs/grid.md), or with train.rate as an axis");
  }
  if (!flags.format.json) say(hyper_fit_text(fit));
  throw refusal(fit.rate.rungs.empty() ? fit.batch.refused : fit.rate.refused,
                "tune: " + (fit.rate.rungs.empty() ? fit.batch.why : fit.rate.why));
}

bool is_law_file(const std::string& law) { return law.ends_with(".json"); }

TuneAnswer answer_of(const TuneFlags& flags, const std::optional<HyperFit>& fit) {
  TuneRequest request{.params = parse_quantity(flags.params, "--params"),
                      .tokens = parse_quantity(flags.tokens, "--tokens"),
                      .schedule = flags.schedule,
                      .base = {.vocab = flags.vocab, .context = flags.context}};
  if (fit) request.own = fit->law;
  if (is_law_file(flags.law)) {
    request.own = read_hyper_law(flags.law);
  } else {
    request.law = flags.law;
  }
  return tune(request);
}

void print_answer(const TuneFlags& flags, const std::optional<TuneAnswer>& answer,
                  const std::optional<HyperFit>& fit) {
  if (flags.format.json) return print(tune_json(answer, fit));
  if (is_asked(flags.format)) {
    if (answer) return print(table_text(tune_table(*answer, flags.format.csv), flags.format));
    return print(answer_text(parse_json(tune_json(answer, fit), "tune"), flags.format));
  }
  std::string text = answer ? tune_text(*answer) : "";
  if (fit) text += (text.empty() ? "" : "\n") + hyper_fit_text(*fit);
  print_headed(text);
}

void run_tune(const TuneFlags& flags) {
  check_tune_flags(flags);
  std::optional<HyperFit> fit;
  if (flags.fits()) {
    fit = fit_runs(flags);
    refuse_empty(flags, *fit);
  }
  if (!flags.out.empty()) write_file_atomically(flags.out, hyper_law_json(fit->law));
  std::optional<TuneAnswer> answer;
  if (flags.asks()) answer = answer_of(flags, fit);
  print_answer(flags, answer, fit);
  if (!flags.out.empty()) {
    say("written: " + flags.out + "; next: isoflop tune --law " + flags.out +
        " --params 1B --tokens 20B, or [rates] law = \"" + flags.out + "\" in a grid");
  }
}

}  // namespace

void add_tune_command(CLI::App& app) {
  auto flags = std::make_shared<TuneFlags>();
  CLI::App* command = app.add_subcommand(
      "tune", "Learning rate, batch and warm-up: by published laws, or one fitted to own sweeps");
  command->footer(
      "  isoflop tune --params 1B --tokens 20B\n"
      "  isoflop tune --params 124M --tokens 2.5B --law steplaw --json\n"
      "  isoflop tune --db runs.db --out law.json --params 10M --tokens 200M");
  command->add_option("--params", flags->params, "N: all parameters that a token passes through");
  command->add_option("--tokens", flags->tokens, "D");
  command->add_option("--law", flags->law,
                      "Only this one: a published law, isoflop (the program's rule), or a file "
                      "written with --out");
  command->add_option("--context", flags->context, "Tokens a sequence; default 2048");
  command->add_option("--vocab", flags->vocab, "Vocabulary of the shape; default 32000");
  command->add_option("--schedule", flags->schedule,
                      "For the program's rule: cosine (default) or cooldown");
  command->add_option("--db", flags->db, "Fit a law to the brackets of this store");
  command->add_option("--study", flags->study, "Study in the store; default: the newest");
  command->add_option("--heldout", flags->heldout, "Held-out set of the store; default heldout");
  command->add_option("--csv", flags->csv,
                      "Fit a law to this table: params, tokens, rate, batch (tokens), loss");
  command->add_option("--map", flags->map, "Columns of the table: params=N,rate=lr,loss=L");
  command->add_option("--level", flags->level, "Of the intervals; default 0.9");
  command->add_option("--out", flags->out, "Write the fitted law to this file");
  add_print_flags(command, flags->format);
  command->callback([flags] { run_tune(*flags); });
}

}  // namespace isoflop
