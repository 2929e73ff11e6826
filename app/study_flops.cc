#include "app/study_flops.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/shape_rule.h"
#include "fit/mixed_models.h"
#include "law/law_form.h"
#include "law/law_point.h"

namespace isoflop {
namespace {

// Laws are asked about sizes up to this.
constexpr double kLargestPlannedModel = 1e14;

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

bool is_six_times(std::span<const Trial> trials, ParamsCounted counted) {
  return counted == ParamsCounted::kActive ||
         (counted == ParamsCounted::kTotal &&
          std::none_of(trials.begin(), trials.end(),
                       [](const Trial& trial) { return trial.model.sparse(); }));
}

}  // namespace

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
