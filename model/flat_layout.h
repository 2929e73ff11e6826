// Where each parameter lies in one flat array: the layout of an optimizer's arrays and of a
// checkpoint's. Groups follow one another in the order of TransformerImpl::groups, each parameter
// begins at a multiple of 16 numbers (a cache line), so that a group is one range.
#ifndef ISOFLOP_MODEL_FLAT_LAYOUT_H_
#define ISOFLOP_MODEL_FLAT_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "model/torch_headers.h"
#include "model/transformer.h"

namespace isoflop {

inline constexpr std::int64_t kFlatAlignment = 16;  // numbers

struct FlatPlace {
  torch::Tensor weight;  // whose place it is
  std::int64_t offset = 0;
};

// The places of one group.
struct FlatRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool decays = true;
  double rate_scale = 1;
};

struct FlatLayout {
  std::vector<FlatPlace> places;
  std::vector<FlatRange> ranges;  // without empty ones
  std::int64_t size = 0;
};

FlatLayout flat_layout(const std::vector<ParameterGroup>& groups);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_FLAT_LAYOUT_H_
