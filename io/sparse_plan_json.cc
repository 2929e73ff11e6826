#include "io/sparse_plan_json.h"

#include "io/json.h"

namespace isoflop {
namespace {

Json choice_json(const ExpertsChoice& choice) {
  Json json = {{"experts", finite(choice.experts, "experts")},
               {"params", interval_json(choice.params, "params")},
               {"tokens", interval_json(choice.tokens, "tokens")},
               {"loss", interval_json(choice.loss, "loss")},
               {"total_params", finite(choice.total_params, "total_params")},
               {"bytes", finite(choice.bytes, "bytes")},
               {"capped", choice.capped},
               {"inside", choice.inside}};
  if (choice.dense) json["dense"] = true;
  if (choice.less_dense) json["less_dense"] = interval_json(*choice.less_dense, "less_dense");
  if (choice.wins) json["wins"] = finite(*choice.wins, "wins");
  if (choice.dense_compute) json["dense_compute"] = finite(*choice.dense_compute, "dense_compute");
  return json;
}

void put_choices(Json& json, const ExpertsTable& table) {
  json["best"] = table.choices.at(table.best).experts;
  json["choices"] = Json::array();
  for (const ExpertsChoice& choice : table.choices) json["choices"].push_back(choice_json(choice));
}

}  // namespace

std::string sparse_plan_json(const SparsePlan& plan) {
  const ExpertsChoice& best = plan.equal_flops.choices.at(plan.equal_flops.best);
  Json json = {{"flops", finite(plan.flops, "flops")},
               {"convention", plan.convention},
               {"law", {{"name", plan.law}}},
               {"experts", best.experts},
               {"params", interval_json(best.params, "params")},
               {"tokens", interval_json(best.tokens, "tokens")},
               {"loss", interval_json(best.loss, "loss")},
               {"total_params", finite(best.total_params, "total_params")},
               {"interval_level", finite(plan.interval_level, "interval_level")}};
  if (!plan.citation.empty()) json["law"]["citation"] = plan.citation;
  if (plan.granularity) json["granularity"] = *plan.granularity;
  put_choices(json["equal_flops"], plan.equal_flops);
  json["equal_memory"] = {{"params", finite(plan.memory_params, "memory")},
                          {"bytes", finite(plan.memory_params * plan.bytes_per_param, "memory")},
                          {"given", plan.memory_given}};
  put_choices(json["equal_memory"], plan.equal_memory);
  if (plan.loss_unit != SparsePlan().loss_unit) json["loss_unit"] = plan.loss_unit;
  json["warnings"] = warnings_json(plan.warnings);
  json["assumptions"] = plan.assumptions;
  return json_text(json);
}

}  // namespace isoflop
