#include "app/report_data.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include "app/published_models.h"
#include "app/study.h"
#include "app/study_convention.h"
#include "core/error.h"
#include "db/process.h"
#include "figure/draw.h"
#include "io/fit_json.h"
#include "io/grid_toml.h"
#include "io/manifest_json.h"
#include "page/charts.h"
#include "plan/compare_models.h"
#include "plan/make_plan.h"
#include "published/tables.h"

namespace isoflop {
namespace {

// Beyond the largest run, where nobody said another budget.
constexpr double kReachOfReport = 100;
// Profile likelihoods refit all rows a hundred times: 5 s for 10,000 of them.
constexpr std::size_t kMostProfiledRows = 5000;

std::string refusal_text(const Error& error) {
  return std::string(error.what()) + " [" + error.code() + "]";
}

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The corpora that the trials read, as the store knows them.
std::vector<CorpusManifest> corpora_read_by(const Store& store, const std::vector<Trial>& trials) {
  std::set<std::string> hashes;
  for (const Trial& trial : trials) {
    if (!trial.data.hash.empty()) hashes.insert(trial.data.hash);
  }
  std::vector<CorpusManifest> corpora;
  for (const std::string& hash : hashes) {
    if (const auto row = store.find_corpus(hash)) {
      corpora.push_back(parse_manifest(row->manifest, "corpus " + row->name));
    }
  }
  return corpora;
}

ReportSweep read_sweep(const Store& store, const std::string& study) {
  ReportSweep sweep{.view = store.view(study), .rungs = store.rate_rungs(study)};
  sweep.bill = bill_of(sweep.view, {});
  for (TrialRow& row : store.trials(study)) {
    if (row.role == TrialRole::kGrid) sweep.trials.push_back(std::move(row.trial));
  }
  sweep.corpora = corpora_read_by(store, sweep.trials);
  sweep.imports = store.imports(study);
  return sweep;
}

// C at which the sweep's answer is wanted; absent where its grid has neither target nor budgets.
std::optional<double> target_in(const Store& store, const std::string& study) {
  for (const StudyRow& row : store.studies()) {
    if (row.name != study || row.grid.empty()) continue;
    const GridSpec spec = parse_grid(row.grid, "study " + study);
    if (spec.target_flops > 0 || !spec.budgets.empty()) return target_of(spec);
  }
  return std::nullopt;
}

double largest_flops(const ReportData& data) {
  double largest = 0;
  for (const Observation& o : data.observations) {
    largest = std::max(largest, o.flops > 0 ? o.flops : 6 * o.params * o.tokens);
  }
  return largest;
}

// Where the answer is wanted; 0: nothing says.
double budget_of(const ReportQuestion& question, const ReportData& data,
                 const std::optional<double>& target) {
  if (question.flops) return *question.flops;
  if (target) return *target;
  return kReachOfReport * std::max(largest_flops(data), data.fit ? data.fit->flops_high : 0);
}

LawFit fit_for_report(const FitInput& input, FitOptions options, double at) {
  options.approach = 0;
  options.diagnostics = true;
  options.profiles = input.observations.size() <= kMostProfiledRows;
  options.at = at;
  return fit_of(input, options);
}

// The runs, and the law where they have one.
void add_fit(const ReportQuestion& question, const std::optional<double>& target,
             ReportData& data) {
  try {
    FitInputFlags flags = question.input;
    if (data.fit) {
      flags.law = data.fit->form ? data.fit->form->form : LawFit().law;
      flags.counted = data.fit->params_counted;
    }
    auto inputs = read_fit_inputs(flags, true);
    if (inputs.size() > 1) {
      throw usage_error("report: one law at a time: name one loss column, or one --heldout");
    }
    FitInput& input = inputs.front();
    data.observations = input.observations;
    data.curves = input.curves;
    if (data.fit) return;
    data.fit = fit_for_report(input, question.fit, budget_of(question, data, target));
    if (input.observations.size() > kMostProfiledRows) {
      data.why_no_profiles =
          "Profile likelihoods are left out with more than " + std::to_string(kMostProfiledRows) +
          " runs, for time: isoflop fit --profile --approach all --out fit.json makes them, and "
          "isoflop report --fit fit.json shows them.";
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kRefused) throw;
    data.why_no_fit = refusal_text(error);
  }
}

void add_plan(double budget, ReportData& data) {
  if (!data.fit || !data.fit->has_law()) {
    data.why_no_plan = "A plan needs a law.";
    return;
  }
  PlanRequest request{.flops = budget, .iso_loss = true};
  if (data.sweep && !data.sweep->trials.empty() &&
      data.sweep->trials.front().trainer != "tabular") {
    request.options.base = data.sweep->trials.front().model;
  }
  try {
    data.plan = make_plan(*data.fit, request);
  } catch (const Error& error) {
    data.why_no_plan = refusal_text(error);
  }
}

void add_gopher(ReportData& data) {
  auto laws = laws_from({}, {});
  const bool in_nats = data.loss_unit == LawFit().loss_unit;  // as the published laws are
  if (data.fit && data.fit->has_law() && !data.fit->form && in_nats) {
    laws.push_back({"this fit", *data.fit});
  }
  data.gopher = compare_models(
      {compared_model(large_model("Gopher")), compared_model(large_model("Chinchilla"))}, laws);
}

// The store's part; returns the grid's target.
std::optional<double> add_sweep(const std::string& study, const std::string& db, ReportData& data) {
  const Store store(db, StoreMode::kReadOnly);
  data.title = study;
  data.source = store.path() + ", study " + study;
  data.sweep = read_sweep(store, study);
  data.loss_unit = loss_unit_of(store, study, store.trials(study));
  return target_in(store, study);
}

std::string study_of(const FitInputFlags& input) {
  const Store store(input.db, StoreMode::kReadOnly);
  return choose_study(store, input.study);
}

}  // namespace

ReportData gather_report(const ReportQuestion& asked) {
  ReportQuestion question = asked;
  ReportData data{.title = std::filesystem::path(asked.input.csv).stem().string(),
                  .source = asked.input.csv,
                  .command = asked.command,
                  .version = program_version(),
                  .now = unix_now()};
  std::optional<double> target;
  if (!question.input.db.empty()) {
    question.input.study = study_of(question.input);
    target = add_sweep(question.input.study, question.input.db, data);
  }
  if (!question.fit_file.empty()) {
    data.fit = read_fit(question.fit_file);
    if (data.source.empty()) {
      data.title = std::filesystem::path(question.fit_file).stem().string();
      data.source = question.fit_file + ", fitted on " + data.fit->source;
    }
  }
  if (!question.input.db.empty() || !question.input.csv.empty() || question.fit_file.empty()) {
    add_fit(question, target, data);
  }
  add_plan(budget_of(question, data, target), data);
  data.large_models.assign(large_models().begin(), large_models().end());
  add_gopher(data);
  return data;
}

std::vector<DrawnFigure> draw_figures(const ReportData& data) {
  const std::vector<Figure> figures = report_figures(data);
  const std::vector<std::string> drawings = inline_svgs(figures);
  std::vector<DrawnFigure> drawn;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    drawn.push_back({figures[i], drawings[i], figure_csv(figures[i])});
  }
  return drawn;
}

}  // namespace isoflop
