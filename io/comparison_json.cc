#include "io/comparison_json.h"

#include "io/json.h"

namespace isoflop {
namespace {

void put_maybe(Json& json, const char* key, const std::optional<double>& value) {
  if (value) json[key] = finite(*value, key);
}

Json compared_model_json(const ComparedModel& model, const ModelCosts& costs) {
  Json json = {{"name", model.name},
               {"params", finite(model.params, "params")},
               {"tokens", finite(model.tokens, "tokens")},
               {"tokens_per_param", finite(costs.tokens_per_param, "tokens_per_param")}};
  put_maybe(json, "total_params", model.total_params);
  for (const CountedFlops& counted : costs.training) {
    json["flops"][counted.convention] = finite(counted.flops, "flops");
  }
  json["inference"] = finite(costs.inference, "inference");
  json["fine_tuning"] = finite(costs.fine_tuning, "fine_tuning");
  json["inference_ratio"] = finite(costs.inference_ratio, "inference_ratio");
  json["fine_tuning_ratio"] = finite(costs.fine_tuning_ratio, "fine_tuning_ratio");
  return json;
}

Json model_under_law_json(const std::string& name, const ModelUnderLaw& model) {
  Json json = {{"name", name},
               {"flops", finite(model.flops, "flops")},
               {"loss", interval_json(model.loss, "loss")},
               {"difference", interval_json(model.difference, "difference")}};
  put_maybe(json, "better_share", model.better_share);
  json["waste"] = interval_json(model.waste, "waste");
  json["loss_to_optimum"] = interval_json(model.loss_to_optimum, "loss_to_optimum");
  json["best"] = {{"params", interval_json(model.best_params, "best.params")},
                  {"tokens", interval_json(model.best_tokens, "best.tokens")},
                  {"loss", interval_json(model.best_loss, "best.loss")}};
  return json;
}

Json verdict_json(const ModelComparison& c, const LawVerdict& law) {
  Json json = {{"law", law.law}};
  if (!law.citation.empty()) json["citation"] = law.citation;
  json["convention"] = law.convention;
  json["level"] = law.interval_level;
  json["best"] = c.models[law.best].name;
  json["models"] = Json::array();
  for (std::size_t i = 0; i < c.models.size(); ++i) {
    json["models"].push_back(model_under_law_json(c.models[i].name, law.models[i]));
  }
  json["warnings"] = warnings_json(law.warnings);
  return json;
}

Json at_budget_json(const FitsAtBudget& at) {
  Json json = {{"flops", finite(at.flops, "flops")},
               {"loss_a", interval_json(at.loss_a, "loss_a")},
               {"loss_b", interval_json(at.loss_b, "loss_b")},
               {"difference", interval_json(at.difference, "difference")}};
  put_maybe(json, "a_better", at.a_better);
  if (at.multiplier) json["multiplier"] = interval_json(*at.multiplier, "multiplier");
  json["never_share"] = finite(at.never_share, "never_share");
  json["params_a"] = interval_json(at.params_a, "params_a");
  json["params_b"] = interval_json(at.params_b, "params_b");
  json["tokens_a"] = interval_json(at.tokens_a, "tokens_a");
  json["tokens_b"] = interval_json(at.tokens_b, "tokens_b");
  return json;
}

Json crossovers_json(const FitComparison& c) {
  Json found = Json::array();
  for (const Crossover& crossover : c.crossovers) {
    found.push_back({{"flops", interval_json(crossover.flops, "crossover")},
                     {"better_above", crossover.a_wins_above ? c.name_a : c.name_b},
                     {"share", finite(crossover.share, "share")}});
  }
  return {{"low", finite(c.crossing_low, "low")},
          {"high", finite(c.crossing_high, "high")},
          {"share", finite(c.crossing_share, "share")},
          {"found", std::move(found)}};
}

Json measured_size_json(const MeasuredSize& size, const SizeDuel& duel) {
  Json json = {{"params", finite(size.params, "params")},
               {"tokens", finite(size.tokens, "tokens")},
               {"flops_6nd", finite(size.flops_6nd, "flops_6nd")}};
  put_maybe(json, "flops_exact", size.flops_exact);
  json["seeds"] = size.seeds;
  json["loss"] = finite(size.loss, "loss");
  put_maybe(json, "deviation", size.deviation);
  json["difference"] = finite(duel.difference, "difference");
  put_maybe(json, "standard_error", duel.standard_error);
  put_maybe(json, "errors", duel.errors);
  json["inference_ratio"] = finite(duel.inference_ratio, "inference_ratio");
  return json;
}

Json budget_duel_json(const BudgetDuel& budget) {
  Json sizes = Json::array();
  std::size_t next = 0;
  for (std::size_t i = 0; i < budget.sizes.size(); ++i) {
    const SizeDuel duel = i == budget.best ? SizeDuel{} : budget.others[next++];
    sizes.push_back(measured_size_json(budget.sizes[i], duel));
  }
  return {{"budget", finite(budget.budget, "budget")},
          {"best", finite(budget.sizes[budget.best].params, "best")},
          {"sizes", std::move(sizes)}};
}

}  // namespace

std::string comparison_json(const ModelComparison& c) {
  Json json = {{"models", Json::array()}};
  for (std::size_t i = 0; i < c.models.size(); ++i) {
    json["models"].push_back(compared_model_json(c.models[i], c.costs[i]));
  }
  json["reference"] = c.models[c.reference].name;
  json["laws"] = Json::array();
  for (const LawVerdict& law : c.laws) json["laws"].push_back(verdict_json(c, law));
  json["warnings"] = warnings_json(c.warnings);
  return json_text(json);
}

std::string comparison_json(const FitComparison& c) {
  Json json = {{"a", c.name_a},
               {"b", c.name_b},
               {"convention", c.convention},
               {"unit", c.unit},
               {"level", c.interval_level},
               {"at", at_budget_json(c.at)},
               {"budgets", Json::array()}};
  for (const FitsAtBudget& at : c.budgets) json["budgets"].push_back(at_budget_json(at));
  json["crossovers"] = crossovers_json(c);
  json["warnings"] = warnings_json(c.warnings);
  return json_text(json);
}

std::string comparison_json(const SizeComparison& c) {
  Json json = {{"study", c.study}, {"budgets", Json::array()}};
  for (const BudgetDuel& budget : c.budgets) json["budgets"].push_back(budget_duel_json(budget));
  json["warnings"] = warnings_json(c.warnings);
  return json_text(json);
}

}  // namespace isoflop
