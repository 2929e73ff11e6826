// isoflop demo: the whole way, from a grid to a plan for a budget a thousand times larger.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "app/answer.h"
#include "app/commands.h"
#include "app/fit_flags.h"
#include "app/output.h"
#include "app/report_data.h"
#include "app/study.h"
#include "core/error.h"
#include "core/units.h"
#include "io/atomic_file.h"
#include "io/fit_json.h"
#include "io/grid_toml.h"
#include "io/json.h"
#include "io/plan_json.h"
#include "plan/make_plan.h"
#include "report/fit_text.h"
#include "report/plan_text.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct DemoFlags {
  std::string grid;
  std::string corpus;
  std::string dir = "demo-run";
  std::int64_t seed = 1;
  int workers = 0;
  std::string device = "cpu";
  bool light = false;
  OutputFormat format;
  bool quiet = false;
  FitFlags fit;
};

std::string example(const std::string& name) {
  for (const fs::path& place :
       {fs::path("examples") / name, fs::path(ISOFLOP_EXAMPLES_DIR) / name}) {
    if (fs::exists(place)) return place.string();
  }
  throw failure("demo: examples/" + name +
                " is not here: run it from the project's folder, or name a grid with --grid");
}

GridSpec grid_of(const DemoFlags& flags) {
  GridSpec spec = read_grid(
      !flags.grid.empty() ? flags.grid : example(flags.light ? "light.toml" : "demo.toml"));
  const bool swept = std::any_of(spec.axes.begin(), spec.axes.end(),
                                 [](const auto& axis) { return axis.first == "seed"; });
  if (!swept) set_fixed(spec, "seed", std::to_string(flags.seed));
  return spec;
}

// The plan's shape continues the swept ones: same vocabulary, context and kind of block.
PlanOptions plan_options(const LoadedGrid& loaded) {
  const Trial& trial = loaded.grid.trials.front().trial;
  if (trial.trainer == "tabular") return {};
  return {.base = trial.model};
}

struct DemoFiles {
  fs::path dir;
  std::string db() const { return (dir / "runs.db").string(); }
  std::string file(const char* name) const { return (dir / name).string(); }
};

void write_tables(const DemoFiles& files, const std::vector<TrialRow>& rows, const LawFit& fit,
                  const Plan& plan) {
  write_file_atomically(files.file("trials.csv"), table_text(trial_table(rows), {.csv = true}));
  write_file_atomically(files.file("trials.json"), table_text(trial_table(rows), {.json = true}));
  write_fit(fit, files.file("fit.json"));
  write_file_atomically(files.file("plan.json"), plan_json(plan));
}

// The names of what lies there, the page among them where gnuplot can draw it.
std::string write_report(const DemoFiles& files, const DemoFlags& flags, const GridSpec& spec) {
  std::string names = "runs.db, trials.csv, trials.json, fit.json, plan.json";
  ReportQuestion question{
      .fit = flags.fit.options(), .flops = target_of(spec), .command = own_command()};
  question.input.db = files.db();
  question.input.study = spec.name;
  question.input.only_read = true;
  try {
    const ReportData data = gather_report(question);
    write_file_atomically(files.file("report.html"), report_html(data, draw_figures(data)));
    return "report.html, " + names;
  } catch (const Error& error) {
    say("note: no report.html: " + std::string(error.what()));
    return names;
  }
}

// The fit's draws stay in fit.json; here they would bury the answer.
Json demo_json(const SweepSummary& summary, LawFit fit, const Plan& plan,
               const std::vector<TrialRow>& rows, const DemoFiles& files) {
  Json json = parse_json(fit_json(fit), "fit");
  json.erase("draws");
  const Json planned = parse_json(plan_json(plan), "plan");
  Json answer = Json::object();
  for (const char* key : {"flops", "params", "tokens", "loss"}) answer[key] = planned[key];
  for (const char* key : {"law", "exponents", "backtest"}) {
    if (json.contains(key)) answer[key] = json[key];
  }
  answer["plan"] = planned;
  answer["fit"] = json;
  answer["trials"] = parse_json(table_text(trial_table(rows), {.json = true}), "trials");
  answer["seconds"] = summary.seconds;
  answer["workers"] = summary.workers;
  answer["files"] = files.dir.string();
  return answer;
}

SweepSummary sweep(const DemoFlags& flags, const LoadedGrid& loaded, const DemoFiles& files) {
  say("training " + std::to_string(loaded.grid.trials.size()) + " trials into " + files.db());
  const SweepSummary summary = run_study(
      loaded,
      {.db = files.db(), .workers = flags.workers, .device = flags.device, .quiet = flags.quiet});
  if (summary.interrupted) {
    say("interrupted: finished trials are saved; go on with the same command");
    throw ExitCode{130};
  }
  say("trained in " + format_duration(summary.seconds) + " with " +
      std::to_string(summary.workers) + " workers");
  return summary;
}

void run(const DemoFlags& flags) {
  LoadedGrid loaded = load_grid(grid_of(flags), flags.corpus);
  // One store may hold several corpora and seeds; each is a study of its own.
  if (!flags.corpus.empty() && loaded.corpus)
    loaded.spec.name += "-" + loaded.corpus->manifest.name;
  if (flags.seed != 1) loaded.spec.name += "-seed" + std::to_string(flags.seed);
  const DemoFiles files{flags.dir};
  fs::create_directories(files.dir);
  const SweepSummary summary = sweep(flags, loaded, files);

  Store store(files.db());
  const LawFit fit = fit_study(store, loaded.spec.name, "heldout", flags.fit.options());
  const Plan plan = make_plan(fit, target_of(loaded.spec), plan_options(loaded));
  const auto rows = store.trials(loaded.spec.name);
  write_tables(files, rows, fit, plan);
  if (is_asked(flags.format)) {
    print(answer_text(demo_json(summary, fit, plan, rows, files), flags.format));
  } else {
    print_headed(plan_text(plan) + '\n' + fit_text(fit) + '\n' +
                 aligned_text(short_trial_table(rows)));
  }
  const std::string names = write_report(files, flags, loaded.spec);
  say("written: " + files.dir.string() + "/{" + names + "}");
  if (summary.status.in_trouble() > 0) throw ExitCode{4};
}

}  // namespace

void add_demo_command(CLI::App& app) {
  auto flags = std::make_shared<DemoFlags>();
  CLI::App* command = app.add_subcommand(
      "demo", "The whole way on a small corpus: sweep, fit, plan for 1,000 times the compute");
  command->footer(
      "  isoflop demo\n"
      "  isoflop demo --light              no training: the tabular learner, seconds\n"
      "  isoflop demo --corpus corpora/mine --dir my-run --json");
  command->add_option("--grid", flags->grid, "Another grid; default examples/demo.toml");
  command->add_option("--corpus", flags->corpus, "Another prepared corpus");
  command->add_option("--dir", flags->dir, "Where results go; default demo-run");
  command->add_option("--seed", flags->seed, "Of weights and data order; default 1");
  command->add_option("--workers", flags->workers, "Worker processes; default: one a core");
  command->add_option("--device", flags->device, "cpu, cuda or cuda:N; default cpu");
  command->add_flag("--light", flags->light, "The tabular learner instead of training");
  add_format_flags(command, flags->format);
  command->add_flag("--quiet", flags->quiet, "No progress");
  add_fit_flags(command, flags->fit);
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
