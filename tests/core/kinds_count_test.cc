// Parameters and FLOPs of sparse and masked models, counted matrix by matrix.
#include <algorithm>
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/flop_parts.h"
#include "core/flops.h"
#include "core/params_counted.h"
#include "core/retry_policy.h"
#include "core/shape_rule.h"
#include "core/trial.h"

namespace isoflop {
namespace {

// Every matrix of a model by itself: its size, how many of a token's windows meet it.
struct Matrices {
  double params = 0;    // all
  double active = 0;    // of those, that a token passes through
  double products = 0;  // multiplications per token, forward

  void add(double rows, double columns, double copies, double passed) {
    params += rows * columns * copies;
    active += rows * columns * passed;
    products += rows * columns * passed;
  }
};

// Layer by layer and expert by expert, without the formulas of core/.
Matrices count_by_hand(const ModelConfig& m) {
  Matrices all;
  const auto d = static_cast<double>(m.width), v = static_cast<double>(m.vocab);
  const double attention = static_cast<double>(m.heads * m.head_size);
  const int matrices = m.feed_forward == FeedForward::kSwiglu ? 3 : 2;
  for (int layer = 0; layer < m.layers; ++layer) {
    for (int i = 0; i < 4; ++i) all.add(d, attention, 1, 1);
    const double width = static_cast<double>(m.sparse() ? m.hidden / m.granularity : m.hidden);
    const int routed = m.sparse() ? static_cast<int>(m.experts) : 1;
    for (int expert = 0; expert < routed; ++expert) {
      const bool passed = !m.sparse() || expert < m.experts_per_token;
      for (int i = 0; i < matrices; ++i) all.add(d, width, 1, passed ? 1 : 0);
    }
    for (int expert = 0; m.sparse() && expert < m.shared_experts; ++expert) {
      for (int i = 0; i < matrices; ++i) all.add(d, width, 1, 1);
    }
    if (m.sparse()) all.add(d, static_cast<double>(m.experts), 1, 1);
  }
  const double gains = (2.0 * static_cast<double>(m.layers) + 1) * d +
                       (m.qk_norm ? 2.0 * static_cast<double>(m.layers * m.head_size) : 0);
  const double sentences = m.next_sentence ? 2 * d + 2 * d : 0;  // segments and the head of two
  all.params += gains + v * d + sentences;
  all.active += gains + v * d + sentences;
  double predicted = static_cast<double>(m.context);
  if (m.masked()) {
    const double maskable = static_cast<double>(m.context) - (m.next_sentence ? 3 : 0);
    predicted = std::max(1.0, std::round(m.mask_fraction * maskable));
  }
  all.products += v * d * predicted / static_cast<double>(m.context);
  all.products += 2.0 * static_cast<double>(m.layers * m.context) * attention;  // scores, values
  return all;
}

std::vector<ModelConfig> kinds() {
  std::vector<ModelConfig> all;
  ModelConfig sparse{.vocab = 300, .context = 64, .layers = 3, .width = 48, .heads = 3};
  sparse.hidden = 192;
  for (const auto& [e, k, g, s] : {std::array<std::int64_t, 4>{1, 1, 1, 0},
                                   {8, 1, 1, 0},
                                   {8, 2, 1, 0},
                                   {32, 4, 4, 1},
                                   {4, 4, 2, 2}}) {
    sparse.experts = e;
    sparse.experts_per_token = k;
    sparse.granularity = g;
    sparse.shared_experts = s;
    for (const FeedForward f : {FeedForward::kGelu, FeedForward::kSwiglu}) {
      sparse.feed_forward = f;
      all.push_back(sparse);
    }
  }
  ModelConfig masked = all.front();
  masked.objective = Objective::kMasked;
  all.push_back(masked);
  masked.experts = 0;
  masked.mask_fraction = 0.3;
  all.push_back(masked);
  masked.next_sentence = true;
  all.push_back(masked);
  all.push_back({});
  return all;
}

TEST(KindsCount, ParametersAndFlopsAreThoseOfEveryMatrixAddedUp) {
  for (const ModelConfig& config : kinds()) {
    validate(config);
    const Matrices hand = count_by_hand(config);
    const std::string name = shape_name(config);
    EXPECT_EQ(static_cast<double>(count_params(config).total()), hand.params) << name;
    EXPECT_EQ(static_cast<double>(count_params(config).active()), hand.active) << name;
    EXPECT_DOUBLE_EQ(train_flops_per_token(config, FlopConvention::kExact), 6 * hand.products)
        << name;
    EXPECT_DOUBLE_EQ(train_flops_per_token(config, FlopConvention::k6nd), 6 * hand.active) << name;
  }
}

TEST(KindsCount, TheComponentsAddUp) {
  for (const ModelConfig& config : kinds()) {
    double params = 0, flops = 0;
    for (const FlopPart& part : flop_parts(config)) {
      params += static_cast<double>(part.params);
      flops += part.flops;
    }
    EXPECT_EQ(params, static_cast<double>(count_params(config).total())) << shape_name(config);
    EXPECT_DOUBLE_EQ(flops, train_flops_per_token(config, FlopConvention::kExact));
  }
}

TEST(KindsCount, OneExpertIsTheDenseModelAndItsRouter) {
  ModelConfig dense;
  ModelConfig one = dense;
  one.experts = 1;
  EXPECT_EQ(count_params(one).total(), count_params(dense).total() + dense.layers * dense.width);
  EXPECT_EQ(count_params(one).active(), count_params(one).total());
}

TEST(KindsCount, WhatAFitMayCallNIsCountedFromTheModelOrItsRun) {
  ModelConfig sparse;
  sparse.experts = 8;
  const ParamCount count = count_params(sparse);
  EXPECT_EQ(counted_params(sparse, ParamsCounted::kTotal), static_cast<double>(count.total()));
  EXPECT_EQ(counted_params(sparse, ParamsCounted::kActive), static_cast<double>(count.active()));
  EXPECT_EQ(counted_params(sparse, ParamsCounted::kNonembedding),
            static_cast<double>(count.total() - count.embedding));
  Observation run{.params = 100};
  EXPECT_EQ(counted_params(run, ParamsCounted::kTotal), 100);
  EXPECT_EQ(counted_params(run, ParamsCounted::kActive), 100) << "says nothing of experts: dense";
  EXPECT_FALSE(counted_params(run, ParamsCounted::kNonembedding));
  run.extra = {{"experts", 8}};
  EXPECT_FALSE(counted_params(run, ParamsCounted::kActive));
  run.extra = {{"experts", 8}, {"active_params", 30}, {"nonembedding_params", 80}};
  EXPECT_EQ(counted_params(run, ParamsCounted::kActive), 30);
  EXPECT_EQ(counted_params(run, ParamsCounted::kNonembedding), 80);
  for (const char* name : {"total", "active", "nonembedding"}) {
    EXPECT_EQ(name_of(parse_params_counted(name)), name);
  }
  EXPECT_THROW(parse_params_counted("some"), Error);
}

TEST(KindsCount, ASizeIsTheDenseModelsAndTheRuleFindsItInEveryCount) {
  ModelConfig base;
  base.experts = 16;
  const ModelConfig sparse = shape_for_params(50e3, base);
  EXPECT_EQ(sparse.width, shape_for_params(50e3, {}).width);
  EXPECT_EQ(sparse.experts, 16);
  const ModelConfig dense = shape_for_params(50e3, {});
  const double inner = counted_params(dense, ParamsCounted::kNonembedding);
  EXPECT_EQ(shape_for_params(inner, {}, ParamsCounted::kNonembedding), dense);
}

TEST(KindsCount, FlopsAlongTheRuleAreOfTheCountThatIsAskedFor) {
  ModelConfig sparse;
  sparse.experts = 8;
  const auto six = FlopConvention::k6nd;
  EXPECT_TRUE(flops_along_rule(sparse, six, 1e8, ParamsCounted::kActive).is_six_n());
  const FlopsPerToken total = flops_along_rule(sparse, six, 1e8);
  const FlopsPerToken inner = flops_along_rule({}, six, 1e8, ParamsCounted::kNonembedding);
  for (const std::int64_t width : {16, 64, 256}) {
    const ModelConfig shape = shape_for_width(width, sparse);
    EXPECT_DOUBLE_EQ(total(counted_params(shape, ParamsCounted::kTotal)),
                     6 * counted_params(shape, ParamsCounted::kActive));
    const ModelConfig dense = shape_for_width(width, {});
    EXPECT_DOUBLE_EQ(inner(counted_params(dense, ParamsCounted::kNonembedding)),
                     6 * counted_params(dense, ParamsCounted::kTotal));
  }
}

// Against whole numbers: c = n / 20.
TEST(KindsCount, AnExpertsRoomIsRoundedUpWithoutTheRoundingOfDoubles) {
  ModelConfig config;
  for (std::int64_t n = 1; n <= 60; ++n) {
    config.capacity_factor = static_cast<double>(n) / 20;
    for (const std::int64_t experts : {1, 3, 8, 10, 64}) {
      config.experts = experts;
      for (const std::int64_t tokens : {1, 7, 128, 1000, 4096, 1'000'000}) {
        const std::int64_t room = (n * tokens + 20 * experts - 1) / (20 * experts);
        EXPECT_EQ(expert_capacity(config, tokens), std::min(room, tokens))
            << n << "/20 x " << tokens << " / " << experts;
      }
    }
  }
  config.capacity_factor = 0;
  EXPECT_EQ(expert_capacity(config, 1000), 0) << "as many as come";
}

std::string refusal_of(const std::vector<std::pair<const char*, const char*>>& settings) {
  Trial trial;
  trial.train.tokens = 1e6;
  try {
    for (const auto& [key, value] : settings) set_key(trial, key, value);
    validate(trial);
  } catch (const Error& error) {
    return error.what();
  }
  return "was not refused";
}

TEST(KindsTrial, NumbersBeyondWhatCanBeCountedAreRefused) {
  for (const char* key : {"train.batch", "model.layers", "model.vocab", "model.experts"}) {
    EXPECT_EQ(refusal_of({{key, "9e15"}}).rfind(key, 0), 0u) << key;
  }
  for (const char* key : {"train.tokens", "data.unique_tokens", "train.warmup_tokens"}) {
    EXPECT_EQ(refusal_of({{key, "1e25"}}).rfind(key, 0), 0u) << key;
  }
  const std::string large = refusal_of({{"model.layers", "1e9"}, {"model.width", "1e9"}});
  EXPECT_NE(large.find("more parameters than can be counted"), std::string::npos) << large;
}

TEST(KindsTrial, KeysOfMasksAreRefusedWithoutThem) {
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, const char*>>{{"model.mask_fraction", "0.3"},
                                                        {"model.mask_fraction", "7"},
                                                        {"train.mask_replaced", "0.5"},
                                                        {"train.mask_random", "0.05"},
                                                        {"train.whole_words", "true"},
                                                        {"model.next_sentence", "true"}}) {
    EXPECT_EQ(refusal_of({{key, value}}).rfind(key, 0), 0u) << key << " " << value;
    if (std::string(value) == "7") continue;
    EXPECT_EQ(refusal_of({{"model.objective", "masked"}, {key, value}}), "was not refused") << key;
  }
}

TEST(KindsTrial, OnlyLossesThatDoNotDependOnItTakeABatchInParts) {
  Trial trial;
  trial.train.batch = 8;
  EXPECT_EQ(halved_micro_batch(0, trial), 4);
  EXPECT_EQ(halved_micro_batch(1, trial), 0);
  trial.model.experts = 1;
  EXPECT_EQ(halved_micro_batch(0, trial), 4) << "one expert has every token";
  trial.model.experts = 8;
  EXPECT_EQ(halved_micro_batch(0, trial), 0) << "balanced over the batch";
  trial.train.balance_loss = 0;
  EXPECT_EQ(halved_micro_batch(0, trial), 4) << "every token by itself";
  trial.model.capacity_factor = 1;
  EXPECT_EQ(halved_micro_batch(0, trial), 0) << "room is the batch's";
}

TEST(KindsTrial, MostTokensAreThePassesOverWhatIsFewer) {
  Trial trial;
  EXPECT_EQ(most_tokens(trial, 1e6), 1e6);
  EXPECT_EQ(most_tokens(trial, 0), 0);
  trial.data.epochs = 4;
  trial.data.unique_tokens = 1e5;
  const double cap = 781 * 128;  // whole windows
  EXPECT_EQ(most_tokens(trial, 1e6), 4 * cap);
  EXPECT_EQ(most_tokens(trial, 5e4), 2e5);
  EXPECT_EQ(most_tokens(trial, 0), 4 * cap);
  trial.train.tokens = 1e5;
  validate(trial);
  trial.data.unique_tokens = 100;  // less than a window of 128
  EXPECT_THROW(validate(trial), Error);
}

TEST(KindsTrial, NewKindsAreInTheCanonicalFormOnlyWhereTheyAreUsed) {
  Trial trial;
  const std::string plain = canonical_json(trial);
  EXPECT_EQ(plain.find("unique_tokens"), std::string::npos);
  EXPECT_EQ(plain.find("experts"), std::string::npos);
  trial.data.unique_tokens = 12800;
  trial.model.experts = 8;
  const std::string sparse = canonical_json(trial);
  EXPECT_NE(sparse.find("\"data.unique_tokens\":12800,"), std::string::npos);
  EXPECT_NE(sparse.find("\"model.experts\":8,"), std::string::npos);
  EXPECT_EQ(sparse.find("granularity"), std::string::npos);
  EXPECT_EQ(trial_from_canonical_json(sparse), trial);
}

}  // namespace
}  // namespace isoflop
