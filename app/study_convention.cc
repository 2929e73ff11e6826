#include "app/study_convention.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "app/output.h"
#include "core/error.h"
#include "core/shape_rule.h"
#include "io/grid_toml.h"

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

// What a loss is a loss of: masks that differ leave other tokens to predict.
auto task_of(const Trial& trial) {
  const TrainSpec masks = trial.model.masked() ? trial.train : TrainSpec{};
  return std::tuple(trial.model.objective, trial.model.next_sentence,
                    trial.model.masked() ? trial.model.mask_fraction : 0, masks.mask_replaced,
                    masks.mask_random, masks.whole_words);
}

void require_one_task(const std::vector<TrialRow>& rows, const std::string& study) {
  const TrialRow* first = nullptr;
  for (const TrialRow& row : rows) {
    if (row.state != "done") continue;
    if (first == nullptr) first = &row;
    if (task_of(row.trial) == task_of(first->trial)) continue;
    throw refusal("mixed_objectives",
                  "fit: study \"" + study +
                      "\" holds finished trials that predict different things (model.objective, "
                      "or how tokens are masked), whose losses cannot be compared: run each in a "
                      "study of its own (sweep run --study NAME)");
  }
}

}  // namespace

void require_one_corpus(const std::vector<TrialRow>& rows, const std::string& study) {
  const TrialRow* first = nullptr;
  for (const TrialRow& row : rows) {
    if (row.state != "done") continue;
    if (first == nullptr) first = &row;
    if (row.trial.data == first->trial.data && row.trial.trainer == first->trial.trainer) continue;
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

std::string loss_unit_of(const Store& store, const std::string& study) {
  const std::vector<ImportRow> imports = store.imports(study);
  return imports.empty() ? "nats_per_token" : imports.front().loss_unit;
}

void check_joins_imports(const Store& store, const GridSpec& spec) {
  for (const ImportRow& row : store.imports(spec.name)) {
    if (row.loss_unit != "nats_per_token") {
      throw refusal("mixed_units", "sweep: study \"" + spec.name + "\" has runs of " + row.path +
                                       " whose losses are no nats per token: give the grid "
                                       "another name");
    }
    const FlopConvention imported = parse_flop_convention(row.convention);
    if (imported == spec.convention) continue;
    throw refusal("mixed_conventions",
                  "sweep: the grid counts FLOP by " + std::string(name_of(spec.convention)) +
                      ", and study \"" + spec.name + "\" has runs of " + row.path + " by " +
                      row.convention + ": give the grid another name, or the same convention");
  }
}

FlopsPerToken flops_of_runs(std::span<const Observation> runs, FlopConvention convention) {
  if (convention == FlopConvention::k6nd) return FlopsPerToken::six_n();
  std::vector<std::pair<double, double>> nodes;
  for (const Observation& run : runs) nodes.emplace_back(run.params, run.flops / run.tokens);
  return FlopsPerToken::from_nodes(std::string(name_of(convention)), std::move(nodes));
}

FlopsPerToken flops_of(std::span<const Trial> trials, FlopConvention convention,
                       std::span<const Observation> imported) {
  if (trials.empty() && !imported.empty()) return flops_of_runs(imported, convention);
  const bool shapeless = trials.empty() || trials.front().trainer == "tabular";
  if (convention == FlopConvention::k6nd || shapeless) return FlopsPerToken::six_n();
  std::vector<std::pair<double, double>> nodes;
  double largest = 0;
  for (const Observation& run : imported) {
    nodes.emplace_back(run.params, run.flops / run.tokens);
    largest = std::max(largest, run.params);
  }
  for (const Trial& trial : trials) {
    nodes.emplace_back(params_of(trial), flops_per_token(trial, convention));
    largest = std::max(largest, params_of(trial));
  }
  const auto rule = flops_along_rule(trials.front().model, convention, kLargestPlannedModel);
  for (const auto& node : rule.nodes()) {
    if (node.first > largest) nodes.push_back(node);
  }
  return FlopsPerToken::from_nodes(std::string(name_of(convention)), std::move(nodes));
}

FlopsPerToken flops_of(const Store& store, const std::string& study, FlopConvention convention) {
  std::vector<Trial> trials;
  for (const TrialRow& row : store.trials(study)) trials.push_back(row.trial);
  return flops_of(trials, convention, store.imported_results(study, convention));
}

}  // namespace isoflop
