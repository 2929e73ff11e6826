#include "app/study_convention.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "app/output.h"
#include "core/error.h"
#include "core/loss_unit.h"
#include "core/recipe.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "fit/mixed_models.h"
#include "io/grid_toml.h"
#include "law/law_form.h"
#include "law/law_point.h"

namespace isoflop {
namespace {

// Laws are asked about sizes up to this.
constexpr double kLargestPlannedModel = 1e14;

std::optional<FlopConvention> convention_of_grid(const Store& store, const std::string& study) {
  for (const StudyRow& row : store.studies()) {
    if (row.name == study && !row.grid.empty()) {
      return parse_grid(row.grid, "study " + study).convention;
    }
  }
  return std::nullopt;
}

Error two_conventions(const std::string& what, const std::string& study, FlopConvention one,
                      FlopConvention other) {
  return refusal("mixed_conventions",
                 what + ": counts FLOP by " + std::string(name_of(one)) + ", and study \"" + study +
                     "\" by " + std::string(name_of(other)) + ": import under the same one with " +
                     "--convention " + std::string(name_of(other)) +
                     ", or keep them apart with --study NAME");
}

}  // namespace

namespace {

// The same text or facts by the same trainer; how often they are seen may differ.
bool has_one_source(const Trial& one, const Trial& other) {
  DataSpec a = one.data, b = other.data;
  a.epochs = b.epochs;
  a.unique_tokens = b.unique_tokens;
  return a == b && one.trainer == other.trainer;
}

bool needs_of(const LawForm& form, std::string_view name) {
  return std::find(form.needs.begin(), form.needs.end(), name) != form.needs.end();
}

// What a law of experts does not know of a sparse model, the same in all that it may be fitted to.
// It knows E (clark, ludziejewski), the share S of idle ones (abnar) or their granularity G
// (krajewski, of E / G experts as wide as the feed-forward).
auto unknown_to(const LawForm& form, const ModelConfig& m) {
  using Key = std::tuple<std::int64_t, double, std::int64_t, double>;
  const auto g = static_cast<double>(m.granularity);
  if (needs_of(form, "experts")) {
    return Key{0, static_cast<double>(m.experts_per_token), m.granularity,
               static_cast<double>(m.shared_experts)};
  }
  if (needs_of(form, "sparsity")) return Key{0, 0, m.granularity, 0};
  return Key{0, static_cast<double>(m.experts_per_token) / g, 1,
             static_cast<double>(m.shared_experts) / g};
}

// Whether every token passes through all of it.
bool is_dense(const ModelConfig& m) { return !m.sparse() || m.experts == m.experts_per_token; }

void require_same_unknowns(const std::vector<TrialRow>& rows, const std::string& study,
                           const LawForm& form) {
  const TrialRow* first = nullptr;
  for (const TrialRow& row : rows) {
    if (row.state != "done" || is_dense(row.trial.model)) continue;
    if (first == nullptr) first = &row;
    if (unknown_to(form, row.trial.model) == unknown_to(form, first->trial.model)) continue;
    throw refusal("mixed_experts",
                  "fit: study \"" + study + "\" holds finished trials of " +
                      shape_name(first->trial.model) + " and of " + shape_name(row.trial.model) +
                      ", whose experts differ in more than the law " + std::string(form.name) +
                      " knows: take trials of one kind (--where \"granularity = " +
                      std::to_string(row.trial.model.granularity) + "\")");
  }
}

// Whether a token meets the same choice of experts; one expert is a dense model.
bool has_same_experts(const ModelConfig& one, const ModelConfig& other) {
  const auto key = [](const ModelConfig& m) {
    return m.experts > 1
               ? std::tuple(m.experts, m.experts_per_token, m.granularity, m.shared_experts)
               : std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>();
  };
  return key(one) == key(other);
}

// What a loss is a loss of: masks that differ leave other tokens to predict. As --where names them.
std::vector<std::pair<std::string, std::string>> task_of(const Trial& trial) {
  const ModelConfig& m = trial.model;
  std::vector<std::pair<std::string, std::string>> task{
      {"objective", get_key(trial, "model.objective")}};
  if (!m.masked()) return task;
  task.emplace_back("next_sentence", m.next_sentence ? "1" : "0");
  task.emplace_back("mask_fraction", exact_number(m.mask_fraction));
  task.emplace_back("mask_replaced", exact_number(trial.train.mask_replaced));
  task.emplace_back("mask_random", exact_number(trial.train.mask_random));
  task.emplace_back("whole_words", trial.train.whole_words ? "1" : "0");
  return task;
}

// The column in which two tasks differ, and the first's value as a condition says it.
std::pair<std::string, std::string> first_difference(const Trial& one, const Trial& other) {
  const auto a = task_of(one), b = task_of(other);
  for (std::size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
    if (a[k].second == b[k].second) continue;
    return {a[k].first, a[k].first == "objective" ? "'" + a[k].second + "'" : a[k].second};
  }
  return {};
}

void require_one_task(const std::vector<TrialRow>& rows, const std::string& study) {
  const TrialRow* first = nullptr;
  for (const TrialRow& row : rows) {
    if (row.state != "done") continue;
    if (first == nullptr) first = &row;
    if (task_of(row.trial) == task_of(first->trial)) continue;
    const auto [column, value] = first_difference(first->trial, row.trial);
    const auto other = first_difference(row.trial, first->trial).second;
    throw refusal("mixed_objectives",
                  "fit: study \"" + study +
                      "\" holds finished trials that predict different things (" + column + " " +
                      value + " and " + other +
                      "), whose losses cannot be compared: run each in a study of its own (sweep "
                      "run --study NAME), or take one kind of them with --where \"" +
                      column + " = " + value + "\"");
  }
}

}  // namespace

void require_known_experts(const std::vector<TrialRow>& rows, const std::string& study,
                           const std::string& law) {
  if (knows_experts(law_form(law))) return require_same_unknowns(rows, study, law_form(law));
  const TrialRow* first = nullptr;
  for (const TrialRow& row : rows) {
    if (row.state != "done") continue;
    if (first == nullptr) first = &row;
    if (has_same_experts(row.trial.model, first->trial.model)) continue;
    throw refusal("mixed_experts",
                  "fit: study \"" + study + "\" holds finished trials of " +
                      shape_name(first->trial.model) + " and of " + shape_name(row.trial.model) +
                      ", and the law " + law +
                      " knows nothing of experts: give one that does (--law ludziejewski, clark, "
                      "abnar or krajewski), or take trials of one kind (--where \"experts = " +
                      std::to_string(row.trial.model.experts) + "\")");
  }
}

void require_one_corpus(const std::vector<TrialRow>& rows, const std::string& study) {
  const TrialRow* first = nullptr;
  for (const TrialRow& row : rows) {
    if (row.state != "done") continue;
    if (first == nullptr) first = &row;
    if (has_one_source(row.trial, first->trial)) continue;
    throw refusal("mixed_data",
                  "fit: study \"" + study +
                      "\" holds finished trials of more than one corpus or trainer: run "
                      "each in a study of its own (sweep run --study NAME)");
  }
  require_one_task(rows, study);
}

void note_company(const Store& store, const std::string& study) {
  const std::vector<ImportRow> imports = store.imports(study);
  if (imports.empty()) return;
  std::int64_t runs = 0;
  for (const ImportRow& row : imports) runs += row.runs;
  const std::int64_t trials = store.status(study).done;
  if (trials == 0 && imports.size() == 1) return;
  say("note: " + std::to_string(runs) + " imported runs of " + std::to_string(imports.size()) +
      (imports.size() == 1 ? " file" : " files") +
      (trials > 0 ? " are fitted together with " + std::to_string(trials) + " trials"
                  : " are fitted together") +
      ": one law for them holds only if text, tokenizer and recipe are the same");
}

FlopConvention convention_of(const Store& store, const std::string& study) {
  std::optional<FlopConvention> convention = convention_of_grid(store, study);
  for (const ImportRow& row : store.imports(study)) {
    const FlopConvention imported = parse_flop_convention(row.convention);
    if (convention && *convention != imported) {
      throw two_conventions("import " + std::to_string(row.id) + " (" + row.path + ")", study,
                            imported, *convention);
    }
    convention = imported;
  }
  return convention.value_or(FlopConvention::k6nd);
}

void check_convention_of_grid(const Store& store, const std::string& study,
                              FlopConvention convention, const std::string& path) {
  const auto grid = convention_of_grid(store, study);
  if (grid && *grid != convention) {
    throw two_conventions("import: " + path, study, convention, *grid);
  }
}

std::string loss_unit_of(const Store& store, const std::string& study,
                         const std::vector<TrialRow>& rows, const std::string& set) {
  if (set == kNextSentenceSet) return kNatsPerPair;  // no import has that set
  const std::vector<ImportRow> imports = store.imports(study);
  if (rows.empty()) return imports.empty() ? kNatsPerToken : imports.front().loss_unit;
  // What is not finished has no loss.
  const auto done = std::find_if(rows.begin(), rows.end(),
                                 [](const TrialRow& row) { return row.state == "done"; });
  const TrialRow& row = done == rows.end() ? rows.front() : *done;
  const std::string unit = loss_unit_of(row.trial.model.objective);
  if (imports.empty() || imports.front().loss_unit == unit) return unit;
  if (done == rows.end()) return imports.front().loss_unit;
  throw refusal("mixed_units",
                "study \"" + study + "\" has trials whose losses are " + loss_unit_words(unit) +
                    " and runs of " + imports.front().path + " whose losses are " +
                    loss_unit_words(imports.front().loss_unit) + ": keep them in two studies");
}

Recipe fitted_recipe(const std::vector<TrialRow>& rows, std::span<const Observation> fitted) {
  std::set<std::int64_t> numbers;
  for (const Observation& one : fitted) numbers.insert(one.row);
  std::vector<Trial> trials;
  for (const TrialRow& row : rows) {
    if (numbers.contains(row.ordinal)) trials.push_back(row.trial);
  }
  return recipe_of(trials);
}

void check_joins_imports(const Store& store, const GridSpec& spec) {
  const bool masked = std::find(spec.fixed.begin(), spec.fixed.end(),
                                std::pair<std::string, std::string>("model.objective", "masked")) !=
                      spec.fixed.end();
  const std::string unit = loss_unit_of(masked ? Objective::kMasked : Objective::kAutoregressive);
  for (const ImportRow& row : store.imports(spec.name)) {
    if (row.loss_unit != unit) {
      throw refusal("mixed_units", "sweep: study \"" + spec.name + "\" has runs of " + row.path +
                                       " whose losses are " + loss_unit_words(row.loss_unit) +
                                       ", and the grid's are " + loss_unit_words(unit) +
                                       ": give the grid another name");
    }
    const FlopConvention imported = parse_flop_convention(row.convention);
    if (imported == spec.convention) continue;
    throw refusal("mixed_conventions",
                  "sweep: the grid counts FLOP by " + std::string(name_of(spec.convention)) +
                      ", and study \"" + spec.name + "\" has runs of " + row.path + " by " +
                      row.convention + ": give the grid another name, or the same convention");
  }
}

ParamsCounted count_of_flops(const std::string& law, ParamsCounted counted) {
  return knows_experts(law_form(law)) ? ParamsCounted::kActive : counted;
}

void check_count_of_law(const std::string& law, ParamsCounted counted) {
  const LawForm& form = law_form(law);
  if (counted == ParamsCounted::kTotal || !knows_experts(form) || form.counts_active) return;
  throw usage_error("--count " + std::string(name_of(counted)) + ": the N of the law " + law +
                    " is all parameters: leave --count out");
}

std::vector<ExpertsWeight> experts_weights(std::span<const Observation> runs) {
  struct Sum {
    double ratio = 0, runs = 0;
  };
  std::map<std::pair<double, double>, Sum> by_experts;  // E, k
  for (const Observation& run : runs) {
    const auto experts = coordinate(run, "experts"), active = coordinate(run, "active_params");
    if (!experts || !active || !(*active > 0)) continue;
    const auto said = run.extra.find("sparsity");
    // Rounded, so that k of runs of one kind is one number whatever E (1 - S) was rounded to.
    const double k =
        said == run.extra.end() ? 0 : std::round(*experts * (1 - said->second) * 1e9) / 1e9;
    Sum& sum = by_experts[{*experts, k}];
    sum.ratio += std::max(1.0, run.params / *active);
    sum.runs += 1;
  }
  std::vector<ExpertsWeight> out;
  for (const auto& [place, sum] : by_experts) {
    out.push_back({.experts = place.first,
                   .total_ratio = sum.ratio / sum.runs,
                   .active_experts = place.second});
  }
  return out;
}

namespace {

using Nodes = std::vector<std::pair<double, double>>;

// One node, through which f / N is the nodes' geometric mean.
Nodes mean_ratio(const Nodes& nodes) {
  double log_size = 0, log_ratio = 0;
  for (const auto& [params, flops] : nodes) {
    log_size += std::log(params) / static_cast<double>(nodes.size());
    log_ratio += std::log(flops / params) / static_cast<double>(nodes.size());
  }
  return {{std::exp(log_size), std::exp(log_size + log_ratio)}};
}

bool says_several_experts(std::span<const Observation> runs) {
  std::set<double> seen;
  for (const Observation& run : runs) seen.insert(coordinate(run, "experts").value_or(1));
  return seen.size() > 1;
}

bool has_several_experts(std::span<const Trial> trials) {
  std::set<std::int64_t> seen;
  for (const Trial& trial : trials) seen.insert(std::max<std::int64_t>(1, trial.model.experts));
  return seen.size() > 1;
}

// Whether 6 N D is six times what is counted.
bool is_six_times(std::span<const Observation> runs, ParamsCounted counted) {
  return counted == ParamsCounted::kActive ||
         (counted == ParamsCounted::kTotal &&
          std::none_of(runs.begin(), runs.end(), [](const Observation& run) {
            return coordinate(run, "active_params").value_or(run.params) != run.params;
          }));
}

}  // namespace

FlopsPerToken flops_of_runs(std::span<const Observation> runs, FlopConvention convention,
                            ParamsCounted counted) {
  if (convention == FlopConvention::k6nd && is_six_times(runs, counted)) {
    return FlopsPerToken::six_n();
  }
  Nodes nodes;
  for (const Observation& run : runs) {
    nodes.emplace_back(counted_params(run, counted).value_or(run.params), run.flops / run.tokens);
  }
  if (counted == ParamsCounted::kActive && says_several_experts(runs)) nodes = mean_ratio(nodes);
  return FlopsPerToken::from_nodes(std::string(name_of(convention)), std::move(nodes));
}

namespace {

// Whether 6 N D is six times what is counted.
bool is_six_times(std::span<const Trial> trials, ParamsCounted counted) {
  return counted == ParamsCounted::kActive ||
         (counted == ParamsCounted::kTotal &&
          std::none_of(trials.begin(), trials.end(),
                       [](const Trial& trial) { return trial.model.sparse(); }));
}

}  // namespace

FlopsPerToken flops_of(std::span<const Trial> trials, FlopConvention convention,
                       std::span<const Observation> imported, ParamsCounted counted) {
  if (trials.empty() && !imported.empty()) return flops_of_runs(imported, convention, counted);
  const bool shapeless = trials.empty() || trials.front().trainer == "tabular";
  if (shapeless || (convention == FlopConvention::k6nd && is_six_times(trials, counted))) {
    return FlopsPerToken::six_n();
  }
  Nodes nodes;
  double largest = 0;
  const auto add = [&](double params, double flops) {
    nodes.emplace_back(params, flops);
    largest = std::max(largest, params);
  };
  for (const Observation& run : imported) {
    add(counted_params(run, counted).value_or(run.params), run.flops / run.tokens);
  }
  for (const Trial& trial : trials) {
    add(counted_params(trial.model, counted), flops_per_token(trial, convention));
  }
  if (counted == ParamsCounted::kActive && has_several_experts(trials)) {
    return FlopsPerToken::from_nodes(std::string(name_of(convention)), mean_ratio(nodes));
  }
  const auto rule =
      flops_along_rule(trials.front().model, convention, kLargestPlannedModel, counted);
  for (const auto& node : rule.nodes()) {
    if (node.first > largest) nodes.push_back(node);
  }
  return FlopsPerToken::from_nodes(std::string(name_of(convention)), std::move(nodes));
}

FlopsPerToken flops_of(const Store& store, const std::string& study, FlopConvention convention,
                       ParamsCounted counted) {
  std::vector<Trial> trials;
  for (const TrialRow& row : store.trials(study)) trials.push_back(row.trial);
  return flops_of(trials, convention, store.imported_results(study, convention), counted);
}

}  // namespace isoflop
