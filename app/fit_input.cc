#include "app/fit_input.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "app/imported_runs.h"
#include "app/output.h"
#include "app/study.h"
#include "app/study_flops.h"
#include "app/study_table.h"
#include "core/error.h"
#include "core/schedule.h"
#include "db/process.h"
#include "db/row_filter.h"
#include "db/store.h"
#include "fit/exclusions.h"
#include "imports/table_fields.h"
#include "io/column_names.h"
#include "io/csv.h"
#include "io/curves_csv.h"
#include "io/observations_csv.h"
#include "law/law_form.h"

namespace isoflop {
namespace {

constexpr std::size_t kShortIdentity = 12;  // of a trial, as exports have it

std::vector<Exclusion> exclusions_of(const FitInputFlags& flags) {
  if (!flags.exclude.empty() && flags.because.empty()) {
    throw usage_error(
        "--exclude " + flags.exclude.front() +
        ": say why, for whoever reads the fit: --because \"diverged after a restart\"");
  }
  const bool one_reason = flags.because.size() == 1;
  if (!one_reason && flags.because.size() != flags.exclude.size()) {
    throw usage_error("--because: " + std::to_string(flags.because.size()) + " reasons for " +
                      std::to_string(flags.exclude.size()) +
                      " --exclude: give one for each, or one for all");
  }
  std::vector<Exclusion> out;
  for (std::size_t i = 0; i < flags.exclude.size(); ++i) {
    out.push_back({.rows = flags.exclude[i], .because = flags.because[one_reason ? 0 : i]});
  }
  return out;
}

std::vector<FilterAlias> table_aliases(const Table& table, const std::string& name,
                                       const ColumnMap& map, FlopConvention convention) {
  std::vector<FilterAlias> out;
  for (auto& [alias, cells] : alias_cells(table, name, map, convention)) {
    out.push_back({.name = alias, .cells = std::move(cells)});
  }
  return out;
}

// The runs with N as asked for.
std::vector<Observation> in_count(std::vector<Observation> runs, ParamsCounted counted,
                                  const std::string& source) {
  for (Observation& run : runs) {
    const auto params = counted_params(run, counted);
    if (!params) {
      const bool active = counted == ParamsCounted::kActive;
      throw usage_error("--count " + std::string(name_of(counted)) + ": " + source + ": data row " +
                        std::to_string(run.row) + " does not say its " +
                        (active ? "active_params" : "nonembedding_params") +
                        ": name that column with --map, or leave --count out");
    }
    run.params = *params;
  }
  return runs;
}

// Before N is anything but all parameters.
std::vector<ExpertsWeight> weights_for(const std::string& law, std::span<const Observation> runs) {
  return knows_experts(law_form(law)) ? experts_weights(runs) : std::vector<ExpertsWeight>();
}

std::vector<FitInput> read_tables(const FitInputFlags& flags) {
  const FlopConvention convention = parse_flop_convention(flags.convention);
  const ColumnMap map = flags.map.empty() ? ColumnMap{} : parse_column_map(flags.map);
  const Table table = read_csv(flags.csv);
  std::vector<FitInput> inputs;
  for (const ColumnMap& one : one_loss_each(map)) {
    std::optional<std::vector<std::size_t>> chosen;
    if (!flags.where.empty()) {
      chosen = rows_where(table.columns, table.rows, flags.where,
                          table_aliases(table, flags.csv, one, convention));
      say("note: --where keeps " + std::to_string(chosen->size()) + " of " +
          std::to_string(table.rows.size()) + " rows");
    }
    const ObservationTable read = observations_from(table, flags.csv, one, convention, chosen);
    if (inputs.empty()) {
      for (const std::string& note : read.notes) say("note: " + note);
    }
    const ParamsCounted counted = parse_params_counted(flags.counted);
    check_count_of_law(flags.law, counted);
    const std::string unit =
        is_bits_per_byte(read.columns.loss) ? kBitsPerByte : loss_unit_in(table, flags.csv, chosen);
    inputs.push_back(
        {.source = flags.csv,
         .set = map.more_losses.empty() ? "" : one.loss,
         .study = "",
         .loss_unit = unit.empty() ? kNatsPerToken : unit,
         .observations = in_count(read.observations, counted, flags.csv),
         .flops = flops_of_runs(read.observations, convention, count_of_flops(flags.law, counted)),
         .counted = counted,
         .experts_weights = weights_for(flags.law, read.observations)});
  }
  return inputs;
}

std::vector<std::string> sets_of(const FitInputFlags& flags, const Store& store,
                                 const std::string& study) {
  if (flags.heldout.empty()) return {"heldout"};
  if (flags.heldout == std::vector<std::string>{"all"}) {
    auto sets = store.heldout_sets(study);
    std::erase(sets, kNextSentenceSet);  // another loss, not another text
    return sets.empty() ? std::vector<std::string>{"heldout"} : sets;
  }
  return flags.heldout;
}

// Numbers of the study's runs (Observation::row) that the condition keeps, trials and imported.
std::optional<std::set<std::int64_t>> chosen_runs(const FitInputFlags& flags,
                                                  const StudyTable& study) {
  if (flags.where.empty()) return std::nullopt;
  std::set<std::int64_t> kept;
  for (const std::size_t i :
       rows_where(study.table.columns, study.table.rows, flags.where, study.aliases)) {
    kept.insert(study.numbers[i]);
  }
  say("note: --where keeps " + std::to_string(kept.size()) + " of " +
      std::to_string(study.numbers.size()) + (study.imported ? " runs" : " trials"));
  return kept;
}

std::vector<TrainingCurve> curves_of(const Store& store, const std::vector<TrialRow>& rows,
                                     const std::vector<RunImport>& imports,
                                     FlopConvention convention) {
  std::vector<TrainingCurve> curves = imported_curves(imports);
  for (const TrialRow& row : rows) {
    if (row.state != "done" || row.role != TrialRole::kGrid) continue;
    TrainingCurve curve{.run = row.identity.substr(0, kShortIdentity),
                        .params = row.params,
                        .flops_per_token = flops_per_token(row.trial, convention),
                        .schedule = row.trial.trainer == "tabular"
                                        ? CurveSchedule::kUnknown
                                        : parse_curve_schedule(row.trial.train.schedule),
                        .planned_tokens = row.tokens,
                        .points = {}};
    for (const CurvePoint& point : store.curve(row.id)) {
      if (point.train_loss > 0) curve.points.push_back({point.tokens, point.train_loss});
    }
    // The end is what was measured on held-out data; the curve's own last mean lags behind.
    if (row.loss && !curve.points.empty()) {
      std::erase_if(curve.points, [&](const LossPoint& p) { return p.tokens >= row.tokens; });
      curve.points.push_back({row.tokens, *row.loss});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

// Of the table that --curves names; none without it.
std::vector<TrainingCurve> curves_in(const FitInputFlags& flags) {
  if (flags.curves.empty()) return {};
  CurveTable table = read_curves(flags.curves);
  for (const std::string& note : table.notes) say("note: " + note);
  return std::move(table.curves);
}

bool is_curve_of(const TrainingCurve& curve, const Observation& run) {
  return curve.run == run.trial || curve.run == run.run ||
         (curve.run.size() == kShortIdentity && run.trial.starts_with(curve.run));
}

// Those of a table beside rows that --where chose: a curve is a row's by its name.
std::vector<TrainingCurve> curves_chosen(const FitInputFlags& flags,
                                         std::vector<TrainingCurve> curves,
                                         std::span<const Observation> rows) {
  if (flags.where.empty()) return curves;
  const std::size_t all = curves.size();
  std::erase_if(curves, [&](const TrainingCurve& curve) {
    return std::none_of(rows.begin(), rows.end(),
                        [&](const Observation& row) { return is_curve_of(curve, row); });
  });
  say("note: --where keeps " + std::to_string(curves.size()) + " of the " + std::to_string(all) +
      " curves of " + flags.curves + ", those with a kept row's name (run or trial)");
  return curves;
}

// Where nothing but curves is given their ends are the runs.
FitInput ends_of_curves(const std::string& source, const std::vector<TrainingCurve>& curves) {
  FitInput input{.source = source};
  for (const TrainingCurve& curve : curves) {
    if (curve.points.empty()) continue;
    const LossPoint& end = curve.points.back();
    Observation o{.params = curve.params,
                  .tokens = end.tokens,
                  .flops = flops_at(curve, end.tokens),
                  .loss = end.loss,
                  .trial = curve.run,
                  .row = static_cast<std::int64_t>(input.observations.size()),
                  .run = curve.run};
    input.observations.push_back(std::move(o));
  }
  return input;
}

Error no_results(const FitInputFlags& flags, const Store& store, const std::string& study,
                 const std::string& set) {
  return refusal("no_results", "fit: study \"" + study + "\" in " + store.path() +
                                   " has no finished trial with a loss on \"" + set + "\"" +
                                   (flags.where.empty() ? "" : " that --where keeps") +
                                   ": run `isoflop sweep run` first, or take other tools' runs in "
                                   "with `isoflop import`");
}

std::vector<TrialRow> taken_trials(const std::vector<TrialRow>& rows,
                                   const std::set<std::int64_t>& numbers) {
  std::vector<TrialRow> taken;
  for (const TrialRow& row : rows) {
    if (numbers.contains(row.ordinal)) taken.push_back(row);
  }
  return taken;
}

// All runs of a study by their numbers (Observation::row), or those that the condition keeps.
std::set<std::int64_t> taken_numbers(const std::vector<TrialRow>& rows,
                                     std::span<const Observation> others,
                                     const std::optional<std::set<std::int64_t>>& chosen) {
  if (chosen) return *chosen;
  std::set<std::int64_t> numbers;
  for (const TrialRow& row : rows) numbers.insert(row.ordinal);
  for (const Observation& run : others) numbers.insert(run.row);
  return numbers;
}

// Without the runs that are left out by hand.
std::set<std::int64_t> fitted_numbers(std::set<std::int64_t> numbers,
                                      std::span<const Observation> all,
                                      std::span<const Exclusion> exclusions) {
  for (const Observation& run : all) numbers.erase(run.row);
  for (const Observation& run : without(all, exclusions)) numbers.insert(run.row);
  return numbers;
}

// The imported runs that are taken; `others` are the results of all of them, in the same order.
std::vector<RunImport> taken_imports(std::vector<RunImport> imports,
                                     std::span<const Observation> others,
                                     const std::set<std::int64_t>& numbers) {
  std::size_t next = 0;
  for (RunImport& import : imports) {
    std::erase_if(import.runs,
                  [&](const ImportedRun&) { return !numbers.contains(others[next++].row); });
  }
  return imports;
}

// The curves of a table, without those of runs that were left out by hand.
void drop_curves(std::span<const Observation> all, std::span<const Observation> kept,
                 std::vector<TrainingCurve>& curves) {
  if (all.size() == kept.size()) return;
  const auto is_one_of = [](const TrainingCurve& curve, std::span<const Observation> runs) {
    return std::any_of(runs.begin(), runs.end(),
                       [&](const Observation& run) { return is_curve_of(curve, run); });
  };
  std::erase_if(curves, [&](const TrainingCurve& curve) {
    return is_one_of(curve, all) && !is_one_of(curve, kept);
  });
}

std::vector<Trial> trials_of(const std::vector<TrialRow>& rows) {
  std::vector<Trial> trials;
  for (const TrialRow& row : rows) trials.push_back(row.trial);
  return trials;
}

std::vector<FitInput> read_store(const FitInputFlags& flags, bool with_curves) {
  // An older one is brought up to date: the fit is kept in it.
  const Store store(flags.db, flags.only_read ? StoreMode::kReadOnly : StoreMode::kReadWrite);
  const std::string study = choose_study(store, flags.study);
  const std::vector<TrialRow> rows = store.trials(study);
  const FlopConvention convention = convention_of(store, study);
  const ParamsCounted counted = parse_params_counted(flags.counted);
  const std::vector<RunImport> imports = store.imported(study, with_curves);
  const std::vector<Observation> others = store.imported_results(study, convention);
  const auto chosen = chosen_runs(flags, study_table(rows, imports, others, convention));
  const std::set<std::int64_t> numbers = taken_numbers(rows, others, chosen);
  const std::vector<TrialRow> taken = taken_trials(rows, numbers);
  require_one_corpus(taken, study);
  require_known_experts(taken, study, flags.law);
  check_count_of_law(flags.law, counted);
  const FlopsPerToken per_token =
      flops_of(trials_of(taken), convention, others, count_of_flops(flags.law, counted));
  std::vector<FitInput> inputs;
  for (const std::string& set : sets_of(flags, store, study)) {
    FitInput input{.source = store.path() + ", study " + study,
                   .set = set,
                   .study = study,
                   .loss_unit = loss_unit_of(store, study, taken, set),
                   .observations = store.results(study, convention, set),
                   .flops = per_token,
                   .counted = counted};
    if (chosen) {
      std::erase_if(input.observations,
                    [&](const Observation& o) { return chosen->count(o.row) == 0; });
    }
    if (input.observations.empty()) throw no_results(flags, store, study, set);
    input.experts_weights = weights_for(flags.law, input.observations);
    input.observations = in_count(std::move(input.observations), counted, input.source);
    const auto fitted = fitted_numbers(numbers, input.observations, exclusions_of(flags));
    const std::vector<TrialRow> trials = taken_trials(taken, fitted);
    if (with_curves) {
      input.curves = curves_of(store, trials, taken_imports(imports, others, fitted), convention);
    }
    input.recipe = fitted_recipe(trials, input.observations);
    inputs.push_back(std::move(input));
  }
  // A report says both on its page.
  if (flags.only_read) return inputs;
  note_company(store, study);
  return inputs;
}

}  // namespace

std::vector<FitInput> read_fit_inputs(const FitInputFlags& flags, bool with_curves) {
  const bool only_curves = flags.db.empty() && flags.csv.empty() && !flags.curves.empty();
  if (flags.db.empty() == flags.csv.empty() && !only_curves) {
    throw usage_error(
        "fit: give the runs, either a store with --db runs.db or a table with --csv runs.csv, as "
        "in "
        "isoflop fit --csv runs.csv");
  }
  if (only_curves && !flags.where.empty()) {
    throw usage_error("--where: chooses among the rows of --csv or --db; give one of them");
  }
  const std::vector<Exclusion> exclusions = exclusions_of(flags);
  const std::vector<TrainingCurve> curves = curves_in(flags);
  std::vector<FitInput> inputs = only_curves ? std::vector{ends_of_curves(flags.curves, curves)}
                                 : flags.csv.empty() ? read_store(flags, with_curves)
                                                     : read_tables(flags);
  for (FitInput& input : inputs) {
    input.where = flags.where;
    input.exclusions = exclusions;
    std::vector<Observation> kept = without(input.observations, exclusions);
    if (!flags.curves.empty()) {
      input.curves = curves_chosen(flags, curves, input.observations);
      drop_curves(input.observations, kept, input.curves);
    }
    input.observations = std::move(kept);
  }
  return inputs;
}

LawFit fit_of(const FitInput& input, FitOptions options) {
  options.flops = input.flops;
  options.curves = input.curves;
  options.counted = input.counted;
  LawFit fit = fit_law(input.observations, input.source, options);
  fit.set = input.set;
  fit.loss_unit = input.loss_unit;
  fit.experts_weights = input.experts_weights;
  fit.recipe = input.recipe;
  fit.where = input.where;
  fit.exclusions = input.exclusions;
  fit.version = program_version();
  return fit;
}

}  // namespace isoflop
