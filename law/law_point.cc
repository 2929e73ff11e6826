#include "law/law_point.h"

#include <string>

namespace isoflop {
namespace {

std::optional<double> extra(const Observation& observation, std::string_view name) {
  const auto found = observation.extra.find(std::string(name));
  if (found == observation.extra.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::optional<double> coordinate(const Observation& observation, std::string_view name) {
  if (name == "params") return observation.params;
  if (name == "tokens") return observation.tokens;
  if (name == "flops") return observation.flops;
  if (name == "loss") return observation.loss;
  const std::optional<double> said = extra(observation, name);
  if (said || name != "sparsity") return said;
  const std::optional<double> active = extra(observation, "active_params");
  if (!active || *active != observation.params) return std::nullopt;
  return 0;
}

LawPoint law_point(const Observation& o) {
  LawPoint point{.params = o.params, .tokens = o.tokens, .flops = o.flops, .loss = o.loss};
  const auto fill = [&](std::string_view name, double& value) {
    value = coordinate(o, name).value_or(value);
  };
  point.unique_tokens = o.tokens;
  point.active_params = o.params;
  fill("unique_tokens", point.unique_tokens);
  fill("active_params", point.active_params);
  fill("experts", point.experts);
  fill("granularity", point.granularity);
  fill("sparsity", point.sparsity);
  fill("weight_bits", point.weight_bits);
  fill("activation_bits", point.activation_bits);
  fill("cache_bits", point.cache_bits);
  fill("quantized_bits", point.quantized_bits);
  return point;
}

}  // namespace isoflop
