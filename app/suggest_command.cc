// isoflop suggest
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "app/answer.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/study.h"
#include "core/error.h"
#include "core/units.h"
#include "design/planned_grid.h"
#include "design/suggest.h"
#include "io/atomic_file.h"
#include "io/csv.h"
#include "io/design_json.h"
#include "io/fit_json.h"
#include "io/grid_toml.h"
#include "io/json.h"
#include "io/observations_csv.h"
#include "law/presets.h"
#include "report/design_text.h"

namespace isoflop {
namespace {

struct SuggestFlags {
  std::string flops;
  std::string fit;
  std::string law;
  std::string design;
  std::string corpus;
  std::string db;
  std::string study;
  std::string grid_out;
  std::string max_flops;
  int count = 5;
  double noise = 0;
  int simulations = 300;
  OutputFormat format;
};

LawFit law_of(const SuggestFlags& flags) {
  if (flags.fit.empty() == flags.law.empty()) {
    throw usage_error(
        "suggest: give the law, a fit with --fit fit.json (or, for --design, a published one with "
        "--law epoch2024)");
  }
  LawFit fit = flags.law.empty() ? read_fit(flags.fit) : preset_law(flags.law);
  if (fit.form) {
    throw usage_error("suggest: " + fit.law +
                      ": only laws E + A / N^alpha + B / D^beta are "
                      "simulated; give another law");
  }
  return fit;
}

// A table of planned runs needs params and tokens (or FLOPs); losses are made up anyway.
std::vector<Observation> planned_table(const std::string& path) {
  Table table = read_csv(path);
  const bool has_loss = std::any_of(table.columns.begin(), table.columns.end(),
                                    [](const auto& name) { return name == "loss"; });
  if (!has_loss) {
    table.columns.push_back("loss");
    for (auto& row : table.rows) row.push_back("1");
  }
  return observations_from(table, path, {.loss = "loss"}).observations;
}

std::vector<Observation> planned_points(const SuggestFlags& flags) {
  if (flags.design.ends_with(".csv")) return planned_table(flags.design);
  const LoadedGrid loaded = load_grid(read_grid(flags.design), flags.corpus);
  std::vector<Observation> points;
  for (const PlannedTrial& planned : loaded.grid.trials) {
    if (planned.role != TrialRole::kGrid) continue;
    Observation point;
    point.params = params_of(planned.trial);
    point.tokens = planned.trial.train.tokens;
    point.flops = flops_per_token(planned.trial, loaded.spec.convention) * point.tokens;
    point.budget = planned.budget;
    point.seed = planned.trial.seed;
    points.push_back(point);
  }
  return points;
}

// C = f(N) D as the planned points have it.
FlopsPerToken flops_of_points(const std::vector<Observation>& points, const LawFit& fit) {
  if (!fit.flops.is_six_n()) return fit.flops;
  std::vector<std::pair<double, double>> nodes;
  for (const Observation& point : points)
    nodes.emplace_back(point.params, point.flops / point.tokens);
  const bool six_n = std::all_of(nodes.begin(), nodes.end(), [](const auto& node) {
    return std::abs(node.second / (6 * node.first) - 1) < 1e-6;
  });
  return six_n ? FlopsPerToken::six_n() : FlopsPerToken::from_nodes("grid", std::move(nodes));
}

void judge_design(const SuggestFlags& flags) {
  const LawFit fit = law_of(flags);
  const auto points = planned_points(flags);
  const double noise = flags.noise > 0        ? flags.noise
                       : fit.residual_rms > 0 ? fit.residual_rms
                                              : 0.003;
  const PlannedGridAnswer answer =
      simulate_planned_grid(points, flags.design,
                            {.truth = fit.parameters,
                             .flops = flops_of_points(points, fit),
                             .target_flops = parse_quantity(flags.flops, "--flops"),
                             .noise = noise,
                             .simulations = flags.simulations});
  if (is_asked(flags.format)) {
    return print(answer_text(parse_json(planned_grid_json(answer), "design"), flags.format));
  }
  print_headed(
      planned_grid_text(answer, fit.law + " with " + exact_number(noise) + " noise in ln L"));
}

// The suggested runs as a grid that `sweep run` takes, alike the study's in all else.
void write_grid(const SuggestFlags& flags, const Suggestions& next) {
  if (flags.db.empty()) {
    throw usage_error(
        "--grid-out: needs the store of the runs, whose study the grid continues: "
        "give --db runs.db");
  }
  const Store store(flags.db, StoreMode::kReadOnly);
  const std::string study = choose_study(store, flags.study);
  GridSpec spec;
  for (const StudyRow& row : store.studies()) {
    if (row.name != study) continue;
    if (row.grid.empty()) {
      throw usage_error("--grid-out: study \"" + study +
                        "\" was imported and has no grid to continue: write one for these runs "
                        "(docs/grid.md)");
    }
    spec = parse_grid(row.grid, "study " + study);
  }
  spec.kind = GridKind::kIsoflop;
  spec.budgets.clear();
  spec.sizes.clear();
  spec.tokens.clear();
  spec.tokens_per_param.clear();
  for (const SuggestedRun& run : next.runs) {
    // A budget is named once; a second run of it is another size in its list.
    const auto same = std::find_if(spec.budgets.begin(), spec.budgets.end(), [&](double budget) {
      return std::abs(budget / run.flops - 1) < 1e-6;
    });
    if (same == spec.budgets.end()) {
      spec.budgets.push_back(run.flops);
      spec.sizes.push_back({run.params});
      continue;
    }
    auto& sizes = spec.sizes[static_cast<std::size_t>(same - spec.budgets.begin())];
    const bool known = std::any_of(sizes.begin(), sizes.end(),
                                   [&](double n) { return std::abs(n / run.params - 1) < 1e-6; });
    if (!known) sizes.push_back(run.params);
  }
  write_file_atomically(flags.grid_out, grid_toml(spec));
  say("next: isoflop sweep run " + flags.grid_out + " --db " + flags.db);
}

void suggest(const SuggestFlags& flags) {
  const LawFit fit = law_of(flags);
  const Suggestions next = suggest_runs(
      fit,
      {.target_flops = parse_quantity(flags.flops, "--flops"),
       .count = flags.count,
       .max_flops = flags.max_flops.empty() ? 0 : parse_quantity(flags.max_flops, "--max-flops"),
       .noise = flags.noise});
  if (flags.format.json) {
    print(suggestions_json(next));
  } else if (flags.format.csv || flags.format.markdown) {
    print(table_text(suggestions_table(next, flags.format.csv), flags.format));
  } else {
    print_headed(suggestions_text(next));
  }
  if (!flags.grid_out.empty()) write_grid(flags, next);
}

}  // namespace

void add_suggest_command(CLI::App& app) {
  auto flags = std::make_shared<SuggestFlags>();
  CLI::App* command = app.add_subcommand(
      "suggest", "The next runs worth their cost, or how well a planned grid would answer");
  command->footer(
      "  isoflop suggest --fit fit.json --flops 1e21\n"
      "  isoflop suggest --fit fit.json --flops 1e15 --max-flops 5e11 --db runs.db --grid-out "
      "next.toml\n"
      "  isoflop suggest --design planned.csv --law epoch2024 --noise 0.003 --flops 1e23");
  command->add_option("--flops", flags->flops, "The budget at which N* is wanted")->required();
  command->add_option("--fit", flags->fit, "A fit written by `isoflop fit --out`");
  command->add_option("--count", flags->count, "How many runs; default 5");
  command->add_option("--max-flops", flags->max_flops,
                      "Of one run; default: the largest that was fitted");
  command->add_option("--noise", flags->noise,
                      "Standard deviation of ln L; default: the fit's residuals, or 0.003");
  command->add_option("--db", flags->db, "The store of the runs, for --grid-out");
  command->add_option("--study", flags->study, "Study in the store; default: the newest");
  command->add_option("--grid-out", flags->grid_out, "Write the runs as a grid for `sweep run`");
  command->add_option("--design", flags->design,
                      "Judge this grid (TOML, or CSV with params and tokens) before it is run");
  command->add_option("--law", flags->law, "For --design: the published law taken for true");
  command->add_option("--corpus", flags->corpus, "For --design: the corpus of a TOML grid");
  command->add_option("--simulations", flags->simulations, "For --design; default 300");
  add_format_flags(command, flags->format);
  command->callback([flags] { flags->design.empty() ? suggest(*flags) : judge_design(*flags); });
}

}  // namespace isoflop
