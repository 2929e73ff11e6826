#include "core/flop_parts.h"

#include <gtest/gtest.h>

#include "core/flops.h"

namespace isoflop {
namespace {

ModelConfig gated_untied() {
  return {.vocab = 50257,
          .context = 1024,
          .layers = 12,
          .width = 768,
          .heads = 12,
          .head_size = 64,
          .hidden = 2048,
          .positions = Positions::kLearned,
          .norm = Norm::kLayerNorm,
          .feed_forward = FeedForward::kSwiglu,
          .tied_head = false};
}

void expect_sums(const ModelConfig& config) {
  std::int64_t params = 0;
  double flops = 0;
  for (const FlopPart& part : flop_parts(config)) {
    params += part.params;
    flops += part.flops;
  }
  EXPECT_EQ(params, count_params(config).total());
  // Whole numbers below 2^53: no rounding on either side.
  EXPECT_EQ(flops, train_flops_per_token(config, FlopConvention::kExact));
}

TEST(FlopParts, AddUpToTheModel) {
  expect_sums(ModelConfig{});
  expect_sums(gated_untied());
}

TEST(FlopParts, ATiedHeadCostsFlopsButNoParameters) {
  const auto parts = flop_parts(ModelConfig{.vocab = 100, .width = 10, .tied_head = true});
  EXPECT_EQ(parts.back().name, "head");
  EXPECT_EQ(parts.back().params, 0);
  EXPECT_EQ(parts.back().flops, 6.0 * 100 * 10);
}

}  // namespace
}  // namespace isoflop
