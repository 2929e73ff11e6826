// Counts of parameters and FLOPs against what Hoffmann et al. 2022 printed (arXiv:2203.15556).
#include "core/flops.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

// A row of Table A9; d_model, ffw_size, kv_size, n_heads, n_layers, and the printed size in
// millions.
struct TableA9Row {
  double millions;
  std::int64_t d, f, k, h, L;
};
constexpr TableA9Row kTableA9[] = {
    {44, 512, 2048, 64, 8, 8},         {57, 576, 2304, 64, 9, 9},
    {74, 640, 2560, 64, 10, 10},       {90, 640, 2560, 64, 10, 13},
    {106, 640, 2560, 64, 10, 16},      {117, 768, 3072, 64, 12, 12},
    {140, 768, 3072, 64, 12, 15},      {163, 768, 3072, 64, 12, 18},
    {175, 896, 3584, 64, 14, 14},      {196, 896, 3584, 64, 14, 16},
    {217, 896, 3584, 64, 14, 18},      {251, 1024, 4096, 64, 16, 16},
    {278, 1024, 4096, 64, 16, 18},     {306, 1024, 4096, 64, 16, 20},
    {425, 1280, 5120, 128, 10, 18},    {489, 1280, 5120, 128, 10, 21},
    {509, 1408, 5632, 128, 11, 18},    {552, 1280, 5120, 128, 10, 24},
    {587, 1408, 5632, 128, 11, 21},    {632, 1536, 6144, 128, 12, 19},
    {664, 1408, 5632, 128, 11, 24},    {724, 1536, 6144, 128, 12, 22},
    {816, 1536, 6144, 128, 12, 25},    {893, 1792, 7168, 128, 14, 20},
    {1018, 1792, 7168, 128, 14, 23},   {1143, 1792, 7168, 128, 14, 26},
    {1266, 2048, 8192, 128, 16, 22},   {1424, 2176, 8704, 128, 17, 22},
    {1429, 2048, 8192, 128, 16, 25},   {1593, 2048, 8192, 128, 16, 28},
    {1609, 2176, 8704, 128, 17, 25},   {1731, 2304, 9216, 128, 18, 24},
    {1794, 2176, 8704, 128, 17, 28},   {2007, 2304, 9216, 128, 18, 28},
    {2283, 2304, 9216, 128, 18, 32},   {2298, 2560, 10240, 128, 20, 26},
    {2639, 2560, 10240, 128, 20, 30},  {2980, 2560, 10240, 128, 20, 34},
    {3530, 2688, 10752, 128, 22, 36},  {3802, 2816, 11264, 128, 22, 36},
    {4084, 2944, 11776, 128, 22, 36},  {4516, 3072, 12288, 128, 24, 36},
    {6796, 3584, 14336, 128, 28, 40},  {9293, 4096, 16384, 128, 32, 42},
    {11452, 4352, 17408, 128, 32, 47}, {12295, 4608, 18432, 128, 36, 44},
    {12569, 4608, 18432, 128, 32, 47}, {13735, 4864, 19456, 128, 32, 47},
    {14940, 4992, 19968, 128, 32, 49}, {16183, 5120, 20480, 128, 40, 47},
};

ModelConfig shape_of(const TableA9Row& row) {
  return {.vocab = 32000,
          .context = 2048,
          .layers = row.L,
          .width = row.d,
          .heads = row.h,
          .head_size = row.k,
          .hidden = row.f};
}

// Their models also have relative positions, one more d x hk matrix a layer, and biases and
// two-sided norms, L (11 d + f) + 2 d; ours have neither.
double table_a9_params(const TableA9Row& row) {
  const ParamCount count = count_params(shape_of(row));
  return static_cast<double>(count.embedding + count.attention + count.feed_forward +
                             row.L * row.d * row.h * row.k + row.L * (11 * row.d + row.f) +
                             2 * row.d);
}

TEST(ParamCount, ReproducesTableA9) {
  for (const TableA9Row& row : kTableA9) {
    // The printed sizes are rounded, and the two smallest are up to 0.7 % off the formula.
    const double tolerance = row.millions < 60 ? 0.007 : row.millions < 600 ? 0.0025 : 0.001;
    EXPECT_NEAR(table_a9_params(row) / (row.millions * 1e6), 1.0, tolerance) << row.millions << "M";
  }
}

// Table A4: our FLOP count divided by 6 N D, for six of the models; only the form without
// vocabulary terms gives the printed ratios (published/chinchilla_tableA4_flop_ratio.csv in the
// shared notes).
struct TableA4Row {
  std::int64_t d, f, k, h, L;
  double ratio;
};
constexpr TableA4Row kTableA4[] = {
    {640, 2560, 64, 10, 10, 1.03},   {1024, 4096, 64, 16, 20, 1.10},
    {1280, 5120, 128, 10, 24, 1.08}, {1792, 7168, 128, 14, 26, 1.04},
    {2048, 8192, 128, 16, 28, 1.03}, {3584, 14336, 128, 28, 40, 0.99},
};

TEST(Flops, HoffmannWithoutVocabularyReproducesTableA4) {
  for (const TableA4Row& row : kTableA4) {
    const TableA9Row shape{0, row.d, row.f, row.k, row.h, row.L};
    const double flops = train_flops_per_token(shape_of(shape), FlopConvention::kHoffmannLayers);
    const ParamCount count = count_params(shape_of(shape));
    const auto params = static_cast<double>(count.embedding + count.attention + count.feed_forward +
                                            row.L * row.d * row.h * row.k);
    // Printed to two decimals.
    EXPECT_NEAR(flops / (6.0 * params), row.ratio, 0.0051) << row.d;
  }
}

TEST(ParamCount, AddsUpByComponent) {
  ModelConfig config{.vocab = 256,
                     .context = 128,
                     .layers = 3,
                     .width = 32,
                     .heads = 2,
                     .head_size = 8,
                     .hidden = 100,
                     .positions = Positions::kLearned,
                     .norm = Norm::kLayerNorm,
                     .feed_forward = FeedForward::kSwiglu,
                     .tied_head = false,
                     .qk_norm = true};
  const ParamCount count = count_params(config);
  EXPECT_EQ(count.embedding, 256 * 32);
  EXPECT_EQ(count.head, 256 * 32);
  EXPECT_EQ(count.positions, 128 * 32);
  EXPECT_EQ(count.attention, 3 * 4 * 32 * 16);
  EXPECT_EQ(count.feed_forward, 3 * 3 * 32 * 100);
  EXPECT_EQ(count.norms, 7 * 2 * 32 + 3 * 2 * 8);
  EXPECT_EQ(count.non_embedding(), count.attention + count.feed_forward + count.norms);
}

TEST(Flops, ExactCountsEveryMatrixProductTwicePerMultiplyAdd) {
  const ModelConfig config{.vocab = 256,
                           .context = 128,
                           .layers = 2,
                           .width = 32,
                           .heads = 2,
                           .head_size = 16,
                           .hidden = 128};
  // One token, forward, by hand: q, k, v, output; scores and mixing over 128 positions; two
  // feed-forward matrices; the head.
  const double forward =
      2 * (2.0 * 4 * 32 * 32 + 2.0 * 2 * 128 * 32 + 2.0 * 2 * 32 * 128) + 2.0 * 32 * 256;
  EXPECT_EQ(train_flops_per_token(config, FlopConvention::kExact), 3 * forward);
  EXPECT_EQ(train_flops_per_token(config, FlopConvention::k6nd),
            6.0 * static_cast<double>(count_params(config).total()));
  EXPECT_EQ(train_flops_per_token(config, FlopConvention::kKaplan),
            6.0 * static_cast<double>(count_params(config).non_embedding()));
}

TEST(Flops, ConventionsHaveNamesThatReadBack) {
  for (const FlopConvention convention : all_flop_conventions()) {
    EXPECT_EQ(parse_flop_convention(name_of(convention)), convention);
  }
  EXPECT_THROW(parse_flop_convention("6ND?"), Error);
}

TEST(FlopsPerToken, IsSixNUnlessNodesSayOtherwise) {
  EXPECT_EQ(FlopsPerToken::six_n()(1e9), 6e9);
  const auto f = FlopsPerToken::from_nodes("exact", {{1000, 9000}, {4000, 30000}, {1000, 9000}});
  EXPECT_NEAR(f(1000), 9000, 1e-9);
  EXPECT_NEAR(f(4000), 30000, 1e-9);
  EXPECT_NEAR(f(2000), std::sqrt(9000.0 * 30000.0), 1e-9);  // the middle in the logarithm
  EXPECT_NEAR(f(8000), 60000, 1e-9);                        // f / N stays beyond the last node
  EXPECT_NEAR(f(500), 4500, 1e-9);
  EXPECT_THROW(FlopsPerToken::from_nodes("exact", {{0, 1}}), Error);
  EXPECT_THROW(FlopsPerToken::from_nodes("exact", {}), Error);
}

}  // namespace
}  // namespace isoflop
