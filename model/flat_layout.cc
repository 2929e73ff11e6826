#include "model/flat_layout.h"

namespace isoflop {

FlatLayout flat_layout(const std::vector<ParameterGroup>& groups) {
  FlatLayout layout;
  for (const ParameterGroup& group : groups) {
    const std::int64_t begin = layout.size;
    for (const torch::Tensor& weight : group.weights) {
      layout.places.push_back({weight, layout.size});
      layout.size += (weight.numel() + kFlatAlignment - 1) / kFlatAlignment * kFlatAlignment;
    }
    if (layout.size == begin) continue;
    layout.ranges.push_back({begin, layout.size, group.decays, group.rate_scale});
  }
  return layout;
}

}  // namespace isoflop
