#include "app/study.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "app/before_sweep.h"
#include "app/output.h"
#include "app/progress.h"
#include "app/study_flops.h"
#include "core/closest_word.h"
#include "core/error.h"
#include "core/loss_unit.h"
#include "core/units.h"
#include "data/interleave.h"
#include "data/mix_corpora.h"
#include "data/word_starts.h"
#include "io/fit_json.h"
#include "io/grid_toml.h"
#include "io/manifest_json.h"
#include "kernels/peak.h"
#include "report/numbers_text.h"
#include "sweep/stop_signal.h"
#include "trainer/tabular_runner.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr double kTargetFactor = 1000;
constexpr int kMostSlots = 16;
constexpr int kMostStacked = 16;

bool is_corpus(const fs::path& dir) { return fs::exists(dir / kManifestFileName); }

std::string fixed_value(const GridSpec& spec, const std::string& key) {
  for (const auto& [name, value] : spec.fixed) {
    if (name == key) return value;
  }
  return "";
}

bool reads_text(const GridSpec& spec) {
  return fixed_value(spec, "trainer") != "tabular" && fixed_value(spec, "data.source") != "zipf";
}

// Training windows in an epoch: whole ones of whole blocks.
std::int64_t train_windows(const CorpusManifest& manifest, std::int64_t context) {
  const std::int64_t blocks = manifest.train_tokens / manifest.block_tokens;
  return blocks * ((manifest.block_tokens - 1) / context);
}

// Windows of a mixture of which no part has had more than an epoch, nor more than e epochs in e
// times as many: a part's n w windows may be more by the interleaving's error.
double mixture_windows(const Corpus& mixture, std::int64_t context) {
  const auto& parts = mixture.manifest.parts;
  std::vector<double> weights;
  for (const CorpusPart& part : parts) weights.push_back(part.weight);
  const Interleave interleave(weights);
  double fewest = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const CorpusManifest manifest = read_part(mixture.dir, parts[k], read_manifest_in);
    const auto windows = static_cast<double>(train_windows(manifest, context));
    fewest = std::min(fewest, std::floor((windows - interleave.errors()[k]) / weights[k]));
  }
  return fewest;
}

double windowed_tokens(const Corpus& corpus, std::int64_t context) {
  const double windows = corpus.manifest.parts.empty()
                             ? static_cast<double>(train_windows(corpus.manifest, context))
                             : mixture_windows(corpus, context);
  if (windows >= 1) return windows * static_cast<double>(context);
  throw refusal("corpus_too_small", "corpus \"" + corpus.manifest.name + "\": " + corpus.dir +
                                        ": no training window of " + std::to_string(context) +
                                        " predictions fits: set a smaller model.context, or add "
                                        "text and prepare it again");
}

// The same, counted once for each context.
std::function<double(std::int64_t)> counted_once(const Corpus& corpus) {
  return [corpus, known = std::map<std::int64_t, double>()](std::int64_t context) mutable {
    const auto found = known.find(context);
    if (found != known.end()) return found->second;
    return known.emplace(context, windowed_tokens(corpus, context)).first->second;
  };
}

bool masks_whole_words(const Grid& grid) {
  return std::any_of(grid.trials.begin(), grid.trials.end(),
                     [](const PlannedTrial& planned) { return planned.trial.train.whole_words; });
}

// What the driver execs; see add_sweep_command.
std::vector<std::string> worker_command(const std::string& study, const RunOptions& options) {
  std::vector<std::string> command{own_path(), "sweep", "worker",   "--db",        options.db,
                                   "--study",  study,   "--device", options.device};
  const double peak = options.peak_flops > 0    ? options.peak_flops
                      : options.device == "cpu" ? measured_peak().flops_per_second
                                                : 0;
  const int pack = options.pack > 0 ? options.pack : options.device == "cpu" ? 1 : kMostSlots;
  const int stack = options.stack > 0 ? options.stack : options.device == "cpu" ? 1 : kMostStacked;
  command.insert(command.end(),
                 {"--peak-flops", exact_number(peak), "--pack", std::to_string(pack), "--stack",
                  std::to_string(stack), "--bugs", std::to_string(options.policy.bugs)});
  if (!options.checkpoints) return command;
  command.insert(command.end(), {"--checkpoints", options.db + ".checkpoints",
                                 "--checkpoint-seconds", exact_number(options.checkpoint_seconds)});
  return command;
}

class AnyRunner : public TrialRunner {
 public:
  explicit AnyRunner(const TransformerRunnerOptions& options = {}) : options_(options) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    std::vector<Outcome> outcomes;
    for (const Trial& trial : pack) {
      outcomes.push_back(runner_of(trial).run({&trial, 1}, context).front());
    }
    return outcomes;
  }
  std::string stack_key(const Trial& trial) const override {
    return runner_of(trial).stack_key(trial);
  }
  std::vector<Outcome> run_stack(std::span<const Trial> trials,
                                 std::span<RunContext* const> contexts) override {
    return runner_of(trials[0]).run_stack(trials, contexts);
  }
  void forget(const Trial& trial, const std::string& checkpoint_dir) override {
    runner_of(trial).forget(trial, checkpoint_dir);
  }

 private:
  TrialRunner& runner_of(const Trial& trial) const {
    if (trial.trainer == "tabular") return tabular_;
    if (!decoder_) decoder_ = make_transformer_runner(read_manifest_in, options_);
    return *decoder_;
  }

  TransformerRunnerOptions options_;
  mutable TabularRunner tabular_;
  mutable std::unique_ptr<TrialRunner> decoder_;  // made when it is asked for
};

}  // namespace

CorpusManifest read_manifest_in(const std::string& corpus_dir) {
  return read_manifest((fs::path(corpus_dir) / kManifestFileName).string());
}

Corpus open_corpus(const std::string& name_or_dir) {
  std::vector<fs::path> places{fs::path(name_or_dir)};
  if (const char* root = std::getenv("ISOFLOP_CORPORA"))
    places.push_back(fs::path(root) / name_or_dir);
  places.push_back(fs::path("corpora") / name_or_dir);
  for (const fs::path& place : places) {
    if (!is_corpus(place)) continue;
    const fs::path dir = fs::absolute(place).lexically_normal();
    return {dir.string(), read_manifest_in(dir.string())};
  }
  throw failure("corpus: \"" + name_or_dir + "\": no prepared corpus there nor in corpora/" +
                name_or_dir +
                ": run ./scripts/setup for the default one, or `isoflop data prepare "
                "FILE... --out " +
                name_or_dir + "` for your own text");
}

void set_fixed(GridSpec& spec, const std::string& key, const std::string& value) {
  std::erase_if(spec.fixed, [&](const auto& entry) { return entry.first == key; });
  spec.fixed.emplace_back(key, value);
}

LoadedGrid load_grid(GridSpec spec, const std::string& corpus) {
  if (!corpus.empty()) spec.corpus = corpus;
  LoadedGrid loaded{.spec = std::move(spec), .corpus = std::nullopt, .grid = {}};
  GridContext context;
  if (reads_text(loaded.spec)) {
    if (loaded.spec.corpus.empty()) {
      throw usage_error("corpus: the grid \"" + loaded.spec.name +
                        "\" reads text but names none: add corpus = \"classics\" under [data], or "
                        "give --corpus DIR");
    }
    loaded.corpus = open_corpus(loaded.spec.corpus);
    context.corpus_hash = loaded.corpus->manifest.identity();
    context.in_windows = counted_once(*loaded.corpus);
    context.vocab = loaded.corpus->manifest.vocab;
  }
  loaded.grid = expand(loaded.spec, context);
  if (loaded.corpus && masks_whole_words(loaded.grid)) {
    require_known_words(loaded.corpus->manifest);
  }
  return loaded;
}

double trainable_tokens(const LoadedGrid& loaded, const Trial& trial) {
  return loaded.corpus ? windowed_tokens(*loaded.corpus, trial.model.context) : 0;
}

double target_of(const GridSpec& spec) {
  if (spec.target_flops > 0) return spec.target_flops;
  if (spec.budgets.empty()) {
    throw usage_error("target: the grid \"" + spec.name +
                      "\" has no budgets and no target: add flops = 1e15 under [target]");
  }
  return kTargetFactor * *std::max_element(spec.budgets.begin(), spec.budgets.end());
}

std::unique_ptr<TrialRunner> make_runner() { return std::make_unique<AnyRunner>(); }

std::unique_ptr<TrialRunner> make_ranked_runner(const TransformerRunnerOptions& options) {
  return std::make_unique<AnyRunner>(options);
}

std::string own_path() { return fs::read_symlink("/proc/self/exe").string(); }

void plan_study(Store& store, const LoadedGrid& loaded) {
  check_joins_imports(store, loaded.spec);
  if (loaded.corpus) {
    store.add_corpus({.identity = loaded.corpus->manifest.identity(),
                      .name = loaded.corpus->manifest.name,
                      .path = loaded.corpus->dir,
                      .manifest = manifest_json(loaded.corpus->manifest)});
  }
  store.add_study(loaded.spec.name, grid_toml(loaded.spec));
}

void plan_trials(Store& store, const LoadedGrid& loaded) {
  const AddedTrials added = store.add_trials(loaded.spec.name, loaded.grid.trials);
  if (added.not_listed > 0) {
    say("note: " + std::to_string(added.not_listed) +
        " trials of an earlier grid stay in study \"" + loaded.spec.name +
        "\"; give the grid another name to keep them apart");
  }
}

SweepSummary run_study(const LoadedGrid& loaded, const RunOptions& options) {
  {
    // Closed before the workers start: the driver opens its own.
    Store store(options.db, StoreMode::kCreate);
    plan_study(store, loaded);
    if (!options.plan) plan_trials(store, loaded);
  }
  if (options.plan) options.plan();
  const std::string& study = loaded.spec.name;
  check_before_sweep(study, options);
  const StopSignal stop;
  ProgressLine progress(options.quiet);
  return run_sweep({.db = options.db,
                    .study = study,
                    // One process a device: its pack shares it better than processes do.
                    .workers = options.workers > 0 || options.device == "cpu" ? options.workers : 1,
                    .worker_command = worker_command(study, options),
                    .progress =
                        [&](const SweepStatus& status, std::optional<double> eta) {
                          progress.show(status, eta);
                          options.watch(status);
                        },
                    .stop_count = [&] { return stop.count(); },
                    .policy = options.policy,
                    .max_seconds = options.max_seconds,
                    .note = say});
}

std::string choose_study(const Store& store, const std::string& name) {
  const auto studies = store.studies();
  if (studies.empty()) {
    throw usage_error("store: " + store.path() +
                      " holds no study: run `isoflop sweep run GRID.toml --db " + store.path() +
                      "`, or take other tools' runs in with `isoflop import FILE --db " +
                      store.path() + "`");
  }
  if (name.empty()) {
    if (studies.size() > 1) say("note: taking the newest study, \"" + studies.front().name + "\"");
    return studies.front().name;
  }
  std::vector<std::string> names;
  for (const StudyRow& study : studies) {
    if (study.name == name) return name;
    names.push_back(study.name);
  }
  const std::string near = closest_word(name, names);
  throw usage_error(
      "--study: \"" + name + "\" is not in " + store.path() +
      (near.empty() ? ": it holds \"" + names.front() + "\"" : ": did you mean \"" + near + "\"?"));
}

LawFit fit_study(Store& store, const std::string& study, const std::string& heldout,
                 FitOptions options) {
  const std::vector<TrialRow> rows = store.trials(study);
  require_one_corpus(rows, study);
  require_known_experts(rows, study, options.law);
  const FlopConvention convention = convention_of(store, study);
  note_company(store, study);
  options.flops = flops_of(store, study, convention);
  const auto observations = store.results(study, convention, heldout);
  if (observations.empty()) {
    throw refusal("no_results", "fit: study \"" + study + "\" in " + store.path() +
                                    " has no finished trial with a loss on \"" + heldout +
                                    "\": run `isoflop sweep run` first");
  }
  LawFit fit = fit_law(observations, store.path() + ", study " + study, options);
  fit.loss_unit = loss_unit_of(store, study, rows, heldout);
  fit.recipe = fitted_recipe(rows, observations);
  fit.version = program_version();
  store.save_fit(study, fit_json(fit));
  return fit;
}

TextTable trial_table(const std::vector<TrialRow>& rows) {
  TextTable table{{"trial",     "state",       "budget",        "params",         "tokens",
                   "flops_6nd", "flops_exact", "loss",          "standard_error", "bits_per_byte",
                   "excess",    "seed",        "rate",          "batch",          "seconds",
                   "attempts",  "shape",       "role",          "unique_tokens",  "epochs",
                   "mfu",       "reason",      "active_params", "objective",      "loss_unit"},
                  {}};
  const auto maybe = [](const std::optional<double>& value) {
    return value ? exact_number(*value) : std::string();
  };
  for (const TrialRow& row : rows) {
    table.rows.push_back(
        {row.identity.substr(0, 12),
         row.state,
         maybe(row.budget),
         exact_number(row.params),
         exact_number(row.tokens),
         exact_number(row.flops_6nd),
         exact_number(row.flops_exact),
         maybe(row.loss),
         maybe(row.standard_error),
         maybe(row.bits_per_byte),
         maybe(row.excess),
         std::to_string(row.trial.seed),
         exact_number(row.trial.train.rate),
         std::to_string(row.trial.train.batch),
         exact_number(row.seconds),
         std::to_string(row.attempts),
         row.trial.trainer == "tabular" ? "" : shape_name(row.trial.model),
         std::string(name_of(row.role)),
         maybe(row.unique_tokens),
         maybe(row.epochs),
         maybe(row.mfu),
         row.reason,
         exact_number(row.active_params),
         row.trial.trainer == "tabular" ? "" : get_key(row.trial, "model.objective"),
         loss_unit_of(row.trial.model.objective)});
  }
  return table;
}

TextTable short_trial_table(const std::vector<TrialRow>& rows) {
  TextTable table{{"budget", "N", "D", "loss", "+-", "bits/byte", "seed", "rate", "batch", "time",
                   "state", "shape"},
                  {}};
  for (const TrialRow& row : rows) {
    table.rows.push_back(
        {row.budget ? format_flops(*row.budget) : "", format_quantity(row.params),
         format_quantity(row.tokens), row.loss ? fixed4(*row.loss) : "",
         row.standard_error ? fixed4(*row.standard_error) : "",
         row.bits_per_byte ? fixed4(*row.bits_per_byte) : "", std::to_string(row.trial.seed),
         format_quantity(row.trial.train.rate), std::to_string(row.trial.train.batch),
         format_duration(row.seconds), row.state,
         row.trial.trainer == "tabular" ? "tabular" : shape_name(row.trial.model)});
  }
  const bool any_sparse = std::any_of(rows.begin(), rows.end(), [](const TrialRow& row) {
    return row.active_params != row.params;
  });
  if (!any_sparse) return table;
  table.columns.insert(table.columns.begin() + 2, "active");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& cells = table.rows[i];
    cells.insert(cells.begin() + 2, format_quantity(rows[i].active_params));
  }
  return table;
}

}  // namespace isoflop
