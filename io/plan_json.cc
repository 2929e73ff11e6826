#include "io/plan_json.h"

#include "io/json.h"

namespace isoflop {
namespace {

Json law_json(const Plan& plan) {
  Json json = {{"name", plan.law}};
  if (!plan.citation.empty()) json["citation"] = plan.citation;
  return json;
}

Json near_optimal_json(const NearOptimal& near) {
  return {{"extra_compute", finite(near.extra_compute, "near_optimal.extra_compute")},
          {"params_low", finite(near.params_low, "near_optimal.params_low")},
          {"params_high", finite(near.params_high, "near_optimal.params_high")},
          {"loss_difference", finite(near.loss_difference, "near_optimal.loss_difference")}};
}

const char* name_of(Positions positions) {
  return positions == Positions::kRotary ? "rotary" : "learned";
}
const char* name_of(Norm norm) { return norm == Norm::kRmsNorm ? "rmsnorm" : "layernorm"; }
const char* name_of(FeedForward kind) { return kind == FeedForward::kSwiglu ? "swiglu" : "gelu"; }

Json shape_json(const PlannedShape& shape) {
  const ModelConfig& model = shape.model;
  Json json = {{"name", shape_name(model)},
               {"layers", model.layers},
               {"width", model.width},
               {"heads", model.heads},
               {"head_size", model.head_size},
               {"hidden", model.hidden},
               {"vocab", model.vocab},
               {"context", model.context},
               {"positions", name_of(model.positions)},
               {"norm", name_of(model.norm)},
               {"feed_forward", name_of(model.feed_forward)},
               {"tied_head", model.tied_head},
               {"qk_norm", model.qk_norm},
               {"params", finite(shape.params, "shape.params")},
               {"tokens", finite(shape.tokens, "shape.tokens")},
               {"loss", finite(shape.loss, "shape.loss")}};
  if (!model.sparse()) return json;
  json["experts"] = model.experts;
  json["experts_per_token"] = model.experts_per_token;
  json["granularity"] = model.granularity;
  json["shared_experts"] = model.shared_experts;
  json["active_params"] = count_params(model).active();
  return json;
}

// Adds the number unless it is absent.
void put(Json& json, const char* key, const std::optional<double>& value) {
  if (value) json[key] = finite(*value, key);
}

Json against_json(const AgainstOptimum& against) {
  return {{"params", finite(against.params, "against_optimum.params")},
          {"tokens", finite(against.tokens, "against_optimum.tokens")},
          {"loss", finite(against.loss, "against_optimum.loss")},
          {"loss_difference", finite(against.loss_difference, "against_optimum.loss_difference")},
          {"extra_compute", finite(against.extra_compute, "against_optimum.extra_compute")}};
}

Json prices_json(const std::vector<SizePrice>& prices) {
  Json json = Json::array();
  for (const SizePrice& price : prices) {
    json.push_back({{"factor", finite(price.factor, "factor")},
                    {"params", finite(price.params, "params")},
                    {"tokens", finite(price.tokens, "tokens")},
                    {"loss", finite(price.loss, "loss")},
                    {"loss_difference", finite(price.loss_difference, "loss_difference")},
                    {"extra_compute", finite(price.extra_compute, "extra_compute")}});
  }
  return json;
}

Json training_json(const TrainingAdvice& training) {
  Json laws = Json::array();
  for (const RateAdvice& law : training.laws) {
    Json one = {{"law", law.law}, {"citation", law.citation}};
    put(one, "rate", law.rate);
    put(one, "batch_tokens", law.batch_tokens);
    put(one, "steps", law.steps);
    one["inside_range"] = law.inside;
    laws.push_back(std::move(one));
  }
  Json json = {{"laws", std::move(laws)}};
  put(json, "critical_batch_tokens", training.critical_batch_tokens);
  return json;
}

Json cost_json(const DeviceCost& cost) {
  Json json = {{"device", cost.device},
               {"count", finite(cost.count, "count")},
               {"precision", cost.precision},
               {"peak_flops", finite(cost.peak_flops, "peak_flops")},
               {"mfu", finite(cost.mfu, "mfu")},
               {"seconds", finite(cost.seconds, "seconds")},
               {"days", finite(cost.seconds / 86400, "days")},
               {"device_hours", finite(cost.device_hours, "device_hours")}};
  put(json, "watts", cost.watts);
  put(json, "energy_kwh", cost.energy_kwh);
  put(json, "price_per_hour", cost.price);
  if (!cost.price_source.empty()) json["price_source"] = cost.price_source;
  put(json, "money", cost.money);
  return json;
}

Json memory_json(const MemoryNeed& memory) {
  Json json = {{"weights", finite(memory.weights, "weights")},
               {"training_state", finite(memory.training_state, "training_state")}};
  put(json, "per_device", memory.per_device);
  put(json, "devices", memory.devices);
  return json;
}

Json iso_loss_json(const std::vector<IsoLossRow>& rows) {
  Json json = Json::array();
  for (const IsoLossRow& row : rows) {
    Json one = {{"params", finite(row.params, "iso_loss.params")}};
    put(one, "tokens", row.tokens);
    put(one, "flops", row.flops);
    put(one, "extra_compute", row.extra_compute);
    json.push_back(std::move(one));
  }
  return json;
}

Json trade_json(const SizeTrade& trade) {
  Json json = {{"small", finite(trade.small, "small")}, {"large", finite(trade.large, "large")}};
  put(json, "loss", trade.loss);
  put(json, "small_tokens", trade.small_tokens);
  put(json, "large_tokens", trade.large_tokens);
  put(json, "ratio", trade.ratio);
  put(json, "ratio_at_small", trade.ratio_at_small);
  put(json, "ratio_at_large", trade.ratio_at_large);
  put(json, "ratio_at_loss", trade.ratio_at_loss);
  put(json, "beyond_small", trade.beyond_small_one);
  return json;
}

void put_spending(Json& json, const Plan& plan) {
  if (!plan.spending) return;
  const Spending& spending = *plan.spending;
  json["spending"] = {{"training", finite(spending.training, "spending.training")},
                      {"fine_tuning", finite(spending.fine_tuning, "spending.fine_tuning")},
                      {"inference", finite(spending.inference, "spending.inference")},
                      {"total", finite(spending.total, "spending.total")}};
  if (plan.inference_tokens > 0) {
    json["inference"] = {{"tokens", plan.inference_tokens}, {"flops", spending.inference}};
  }
  if (plan.fine_tune_tokens > 0) {
    json["fine_tuning"] = {{"tokens", plan.fine_tune_tokens}, {"flops", spending.fine_tuning}};
  }
}

void put_budget(Json& json, const Plan& plan) {
  if (plan.budget.kind.empty()) return;
  json["budget"] = {{"kind", plan.budget.kind}};
  if (!plan.budget.text.empty()) json["budget"]["text"] = plan.budget.text;
}

void put_details(Json& json, const Plan& plan) {
  put_budget(json, plan);
  if (plan.needed_flops) json["needed_flops"] = interval_json(*plan.needed_flops, "needed_flops");
  if (!plan.binding.empty()) json["binding"] = plan.binding;
  if (plan.against_optimum) json["against_optimum"] = against_json(*plan.against_optimum);
  if (!plan.price_of_size.empty()) json["price_of_size"] = prices_json(plan.price_of_size);
  put(json, "total_params", plan.total_params);
  put(json, "unique_tokens", plan.unique_tokens);
  put(json, "epochs", plan.epochs);
  put_spending(json, plan);
  if (plan.training) json["training"] = training_json(*plan.training);
  if (plan.cost) json["cost"] = cost_json(*plan.cost);
  if (plan.memory) json["memory"] = memory_json(*plan.memory);
  if (!plan.iso_loss.empty()) json["iso_loss"] = iso_loss_json(plan.iso_loss);
  if (plan.size_trade) json["size_trade"] = trade_json(*plan.size_trade);
  if (!plan.assumptions.empty()) json["assumptions"] = plan.assumptions;
}

}  // namespace

std::string plan_json(const Plan& plan) {
  Json json = {{"flops", finite(plan.flops, "flops")},
               {"convention", plan.convention},
               {"law", law_json(plan)},
               {"params", interval_json(plan.params, "params")},
               {"tokens", interval_json(plan.tokens, "tokens")},
               {"loss", interval_json(plan.loss, "loss")},
               {"interval_level", finite(plan.interval_level, "interval_level")},
               {"near_optimal", near_optimal_json(plan.near_optimal)}};
  if (plan.shape.params > 0) json["shape"] = shape_json(plan.shape);
  if (plan.extrapolation) json["extrapolation"] = finite(*plan.extrapolation, "extrapolation");
  json["warnings"] = warnings_json(plan.warnings);
  // As in a fit: said where it is not nats per token.
  if (plan.loss_unit != Plan().loss_unit) json["loss_unit"] = plan.loss_unit;
  if (plan.params_counted != Plan().params_counted) json["params_counted"] = plan.params_counted;
  if (!plan.recipe.empty()) json["recipe"] = recipe_json(plan.recipe);
  put_details(json, plan);
  return json_text(json);
}

}  // namespace isoflop
