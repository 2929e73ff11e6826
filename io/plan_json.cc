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
  return {{"name", shape_name(model)},
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
  return json_text(json);
}

}  // namespace isoflop
