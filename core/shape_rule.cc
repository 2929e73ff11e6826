#include "core/shape_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr std::int64_t kSmallestWidth = 8;
constexpr std::int64_t kLargestWidth = 32768;

std::int64_t next_width(std::int64_t width) {
  if (width < 24) return width + 4;
  if (width < 128) return width + 8;
  if (width < 256) return width + 16;
  if (width < 512) return width + 32;
  if (width < 1024) return width + 64;
  return width + 128;
}

std::int64_t layers_for(std::int64_t width) {
  const auto d = static_cast<double>(width);
  return std::max<std::int64_t>(2, std::llround(std::min(d / 64, 10 + d / 117)));
}

std::int64_t head_size_for(std::int64_t width) {
  const std::int64_t about =
      std::clamp<std::int64_t>(std::min(width / 4, std::max<std::int64_t>(16, width / 8)),
                               std::min<std::int64_t>(10, width), 128);
  for (std::int64_t size = about; size > 2; --size) {
    if (size % 2 == 0 && width % size == 0) return size;
  }
  return 2;
}

double own_params(std::int64_t width, const ModelConfig& base, ParamsCounted counted) {
  return counted_params(shape_for_width(width, base), counted);
}

// The shape whose count is nearest to `params` in ln N.
ModelConfig nearest_shape(double params, const ModelConfig& base, const ModelConfig& counted_base,
                          ParamsCounted counted) {
  std::int64_t best = kSmallestWidth;
  double best_distance = std::numeric_limits<double>::infinity();
  for (std::int64_t width = kSmallestWidth; width <= kLargestWidth; width = next_width(width)) {
    const ModelConfig shape = shape_for_width(width, counted_base);
    if (shape.sparse() && shape.hidden % std::max<std::int64_t>(1, shape.granularity) != 0) {
      continue;
    }
    const double distance = std::abs(std::log(counted_params(shape, counted) / params));
    if (distance < best_distance) {
      best = width;
      best_distance = distance;
    }
  }
  if (!(best_distance <= std::log(2.0))) {
    throw usage_error("model size: " + format_quantity(params) +
                      " parameters: the shape rule makes models of " +
                      format_quantity(own_params(kSmallestWidth, counted_base, counted)) + " to " +
                      format_quantity(own_params(kLargestWidth, counted_base, counted)) +
                      " with this vocabulary: give a size in that range, or the shape itself "
                      "(model.width, model.layers)");
  }
  return shape_for_width(best, base);
}

}  // namespace

ModelConfig shape_for_width(std::int64_t width, const ModelConfig& base) {
  ModelConfig shape = base;
  shape.width = width;
  shape.layers = layers_for(width);
  shape.head_size = head_size_for(width);
  shape.heads = width / shape.head_size;
  shape.hidden =
      base.feed_forward == FeedForward::kSwiglu ? (8 * width / 3 + 7) / 8 * 8 : 4 * width;
  return shape;
}

ModelConfig shape_for_params(double params, const ModelConfig& base, ParamsCounted counted) {
  ModelConfig dense = base;
  dense.experts = 0;
  return nearest_shape(params, base, dense, counted);
}

ModelConfig sparse_shape_for_params(double params, const ModelConfig& base, ParamsCounted counted) {
  return nearest_shape(params, base, base, counted);
}

FlopsPerToken flops_along_rule(const ModelConfig& base, FlopConvention convention,
                               double max_params, ParamsCounted counted) {
  const bool all =
      counted == ParamsCounted::kActive || (counted == ParamsCounted::kTotal && !base.sparse());
  if (convention == FlopConvention::k6nd && all) return FlopsPerToken::six_n();
  std::vector<std::pair<double, double>> nodes;

  for (std::int64_t width = kSmallestWidth; width <= kLargestWidth; width = next_width(width)) {
    const ModelConfig shape = shape_for_width(width, base);
    const double params = counted_params(shape, counted);
    nodes.emplace_back(params, train_flops_per_token(shape, convention));
    if (params > max_params) break;
  }
  return FlopsPerToken::from_nodes(std::string(name_of(convention)), std::move(nodes));
}

}  // namespace isoflop
