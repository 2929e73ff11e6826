#include "app/study_convention.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "app/output.h"
#include "core/error.h"
#include "core/loss_unit.h"
#include "core/recipe.h"
#include "core/units.h"
#include "fit/mixed_models.h"
#include "io/grid_toml.h"
#include "law/law_form.h"

namespace isoflop {
namespace {

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

}  // namespace isoflop
