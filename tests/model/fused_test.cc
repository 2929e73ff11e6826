// The fused operations of model/cuda, as they run on the CPU, against LibTorch's own and its
// autograd. The kernels that stand for them on devices are held to the same formulas in
// tests/model/cuda.
#include <gtest/gtest.h>

#include "model/cuda/add_norm.h"
#include "model/cuda/head_loss.h"
#include "model/cuda/product.h"
#include "model/cuda/turned_heads.h"
#include "model/transformer.h"

namespace isoflop {
namespace {

using torch::Tensor;

struct FusedTest : testing::Test {
  FusedTest() {
    torch::manual_seed(3);
    torch::set_num_threads(1);
  }

  static Tensor values(at::IntArrayRef sizes, torch::ScalarType type = torch::kFloat64) {
    return torch::randn(sizes, type).requires_grad_(true);
  }
  static double distance(const Tensor& a, const Tensor& b) {
    return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
  }
  // 1 - the cosine of the angle between them.
  static double turn(const Tensor& a, const Tensor& b) {
    const auto x = a.flatten().to(torch::kFloat64), y = b.flatten().to(torch::kFloat64);
    return 1 - (x.dot(y) / (x.norm() * y.norm())).item<double>();
  }
};

// Two ways to the same outputs; gradients of a random mixture of the outputs in each input.
void expect_same(const std::vector<Tensor>& fused, const std::vector<Tensor>& plain,
                 const std::vector<Tensor>& inputs, double tolerance) {
  ASSERT_EQ(fused.size(), plain.size());
  Tensor one = torch::zeros({}, torch::kFloat64), other = one.clone();
  for (std::size_t i = 0; i < fused.size(); ++i) {
    EXPECT_LE((fused[i] - plain[i]).abs().max().item<double>(), tolerance) << "output " << i;
    const auto weights = torch::randn_like(plain[i]);
    one = one + (fused[i] * weights).sum();
    other = other + (plain[i] * weights).sum();
  }
  const auto gradients = torch::autograd::grad({one}, inputs);
  const auto expected = torch::autograd::grad({other}, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_LE((gradients[i] - expected[i]).abs().max().item<double>(), tolerance) << "input " << i;
  }
}

TEST_F(FusedTest, TheNormWithItsAdditionIsTheTwoOperations) {
  for (const bool adds : {true, false}) {
    for (const bool layer_norm : {true, false}) {
      const auto x = values({3, 5, 12}), y = adds ? values({3, 5, 12}) : Tensor();
      const auto gain = values({12}), bias = layer_norm ? values({12}) : Tensor();
      const auto [sum, normed] = add_norm(x, y, gain, bias, 1e-6, torch::kFloat64);
      const auto plain_sum = adds ? x + y : x;
      const auto plain = [&] {
        return layer_norm ? torch::layer_norm(plain_sum, {12}, gain, bias, 1e-6)
                          : torch::rms_norm(plain_sum, {12}, gain, 1e-6);
      };
      std::vector<Tensor> inputs{x, gain};
      if (adds) inputs.push_back(y);
      if (layer_norm) inputs.push_back(bias);
      expect_same({sum, normed}, {plain_sum, plain()}, inputs, 1e-12);
      // Where only one of the two goes on.
      expect_same({add_norm(x, y, gain, bias, 1e-6, torch::kFloat64).normed}, {plain()}, inputs,
                  1e-12);
    }
  }
}

TEST_F(FusedTest, TheNormForBfloat16RoundsWhatProductsReadAndNotTheStream) {
  const auto x = values({7, 64}, torch::kFloat32), y = values({7, 64}, torch::kBFloat16);
  const auto gain = values({64}, torch::kFloat32);
  const auto [sum, normed] = add_norm(x, y, gain, Tensor(), 1e-6, torch::kBFloat16);
  ASSERT_EQ(normed.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(sum.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(sum, x + y.to(torch::kFloat32)));
  const auto exact = torch::rms_norm(sum.to(torch::kFloat64), {64}, gain.to(torch::kFloat64), 1e-6);
  const auto error = (normed.to(torch::kFloat64) - exact).abs();
  // Half a unit in the last of 8 bits.
  EXPECT_TRUE((error <= exact.abs() * (0x1p-8 + 1e-5)).all().item<bool>());
  normed.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(y.grad(), x.grad().to(torch::kBFloat16)));
  EXPECT_EQ(gain.grad().scalar_type(), torch::kFloat32);
}

TEST_F(FusedTest, HeadsAreNormedAndTurnedAsOneByOne) {
  const std::int64_t B = 2, T = 5, h = 3, k = 8;
  const auto angles = torch::rand({T, k / 2}, torch::kFloat64);
  const auto cos = torch::cat({angles.cos(), angles.cos()}, 1);
  const auto sin = torch::cat({-angles.sin(), angles.sin()}, 1);
  for (const bool has_norm : {true, false}) {
    for (const bool has_rotary : {true, false}) {
      const auto qkv = values({B, T, 3, h, k});
      const auto gain = has_norm ? values({2, 1, 1, 1, k}) : Tensor();
      const Heads heads = turned_heads(qkv, {.gain = gain,
                                             .cos = has_rotary ? cos : Tensor(),
                                             .sin = has_rotary ? sin : Tensor(),
                                             .epsilon = 1e-6});
      const auto parts = qkv.permute({2, 0, 3, 1, 4});
      auto qk = parts.slice(0, 0, 2);
      if (has_norm) qk = torch::rms_norm(qk, {k}, {}, 1e-6) * gain;
      if (has_rotary) qk = qk * cos + qk.roll(k / 2, -1) * sin;
      std::vector<Tensor> inputs{qkv};
      if (has_norm) inputs.push_back(gain);
      expect_same({heads.q, heads.k, heads.v}, {qk[0], qk[1], parts[2]}, inputs, 1e-12);
      EXPECT_EQ(heads.q.stride(-1), 1);
      EXPECT_EQ(heads.v.stride(-1), 1);
    }
  }
}

TEST_F(FusedTest, TheHeadsLossIsThatOfAllLogitsWhateverTheChunks) {
  const std::int64_t rows = 300, d = 6, V = 11;
  const auto targets = torch::randint(-1, V, {rows}, torch::kInt64);
  for (const std::int64_t chunk_bytes : {1, 5000, 150 * 16 * 8, 1 << 20}) {
    const auto x = values({rows, d}), head = values({V, d});
    const auto logits = torch::linear(x, head);
    const auto plain = [&](at::Reduction::Reduction reduction) {
      return torch::cross_entropy_loss(logits, targets, {}, reduction, -1);
    };
    expect_same({head_loss(x, head, targets, chunk_bytes)}, {plain(at::Reduction::Mean)}, {x, head},
                1e-12);
    EXPECT_LE(distance(head_losses(x, head, targets, chunk_bytes), plain(at::Reduction::None)),
              1e-12);
  }
}

TEST_F(FusedTest, TheHeadsLossOfNothingIsZeroAndTeachesNothing) {
  const auto x = values({4, 3}), head = values({5, 3});
  const auto loss = head_loss(x, head, torch::full({4}, -1, torch::kInt64));
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(x.grad().abs().max().item<double>(), 0);
  EXPECT_EQ(head.grad().abs().max().item<double>(), 0);
}

TEST_F(FusedTest, LowProductsHaveGradientsInFloat32) {
  const auto weight = values({5, 8}, torch::kFloat32), x = values({4, 8}, torch::kFloat32);
  LowCopies copies({weight});
  copies.refresh();
  Tensor y;
  {
    const LowPrecision low(&copies, torch::kCPU);
    y = product(x, weight);
  }
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_FALSE(low_copy_of(weight).defined()) << "outside of the pass";
  const auto exact = torch::linear(x, weight);
  EXPECT_LT(distance(y, exact), 0.05);  // sums of 8 products of size 1, each rounded to 8 bits
  const auto slope = torch::randn_like(y);
  const auto low = torch::autograd::grad({y}, {weight, x}, {slope});
  const auto full = torch::autograd::grad({exact}, {weight, x}, {slope.to(torch::kFloat32)});
  for (std::size_t i = 0; i < low.size(); ++i) {
    EXPECT_EQ(low[i].scalar_type(), torch::kFloat32);
    EXPECT_LT(turn(low[i], full[i]), 1e-4);
  }
}

TEST_F(FusedTest, LowCopiesFollowTheirWeights) {
  auto weight = torch::ones({2, 2});
  LowCopies copies({weight});
  weight.fill_(3);
  copies.refresh();
  EXPECT_EQ(copies.of(weight)[1][1].item<double>(), 3);
}

// --- The whole model.

ModelConfig small_model() {
  return {.vocab = 13,
          .context = 12,
          .layers = 2,
          .width = 16,
          .heads = 2,
          .head_size = 8,
          .hidden = 40};
}

std::vector<ModelConfig> fused_variants() {
  std::vector<ModelConfig> all(8, small_model());
  all[1].positions = Positions::kLearned;
  all[2].norm = Norm::kLayerNorm;
  all[3].feed_forward = FeedForward::kSwiglu;
  all[4].tied_head = false;
  all[5].qk_norm = false;
  all[6].objective = Objective::kMasked;
  all[7].experts = 4;
  all[7].experts_per_token = 2;
  return all;
}

// Random tokens; of masked models `predicted` of every window have a target.
TokenBatch batch_for(const ModelConfig& config, std::int64_t sequences,
                     std::int64_t predicted = 2) {
  const auto T = config.context;
  const auto tokens = torch::randint(0, config.vocab, {sequences * (T + 1)}, torch::kInt32);
  const auto* first = tokens.data_ptr<std::int32_t>();
  TokenBatch batch = next_token_batch({first, static_cast<std::size_t>(tokens.numel())}, T);
  if (!config.masked()) return batch;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (static_cast<std::int64_t>(i) % T >= predicted) batch.targets[i] = -1;
  }
  return batch;
}

struct Gradients {
  BatchLosses losses;
  Tensor all;
};

Gradients gradients_of(TransformerImpl& model, const TokenBatch& batch) {
  for (auto& parameter : model.parameters()) {
    parameter.mutable_grad() = torch::zeros_like(parameter);
  }
  Gradients result{model.add_gradients(batch, 1.0), {}};
  std::vector<Tensor> parts;
  for (const auto& parameter : model.parameters()) parts.push_back(parameter.grad().flatten());
  result.all = torch::cat(parts);
  return result;
}

TEST_F(FusedTest, TheWholeModelIsThePlainOneToRounding) {
  for (const ModelConfig& config : fused_variants()) {
    Transformer fused(config, 1, TransformerPath::kFused),
        plain(config, 1, TransformerPath::kPlain);
    const TokenBatch batch = batch_for(config, 3);
    const Gradients one = gradients_of(*fused, batch), other = gradients_of(*plain, batch);
    EXPECT_NEAR(one.losses.loss, other.losses.loss, 2e-6);  // float32
    EXPECT_LT(turn(one.all, other.all), 1e-9);
    EXPECT_NEAR(one.all.norm().item<double>(), other.all.norm().item<double>(), 1e-5);
    const auto losses = fused->token_losses(batch), expected = plain->token_losses(batch);
    for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-5);
  }
}

// bfloat16 has 8 bits: each product's operands and result are off by up to 2^-8 of themselves, half
// of that on average and at random. A loss near ln V is then off by some 1e-3, a gradient's
// direction by the square of the relative error that a dozen such roundings make.
TEST_F(FusedTest, Bfloat16HasNearlyTheLossesAndTheDirectionOfFloat32) {
  for (const ModelConfig& config : fused_variants()) {
    Transformer low(config, 1), full(config, 1, TransformerPath::kPlain);
    low->compute_in(torch::kBFloat16);
    const TokenBatch batch = batch_for(config, 8);
    const Gradients one = gradients_of(*low, batch), other = gradients_of(*full, batch);
    EXPECT_NE(one.losses.loss, other.losses.loss) << "it was not in bfloat16";
    EXPECT_NEAR(one.losses.loss, other.losses.loss, 0.02);
    EXPECT_LT(turn(one.all, other.all), 0.01);
    EXPECT_EQ(one.all.scalar_type(), torch::kFloat32);
    const auto losses = low->token_losses(batch), expected = full->token_losses(batch);
    double sum = 0, expected_sum = 0;
    for (std::size_t i = 0; i < losses.size(); ++i) {
      // A token that the router is not sure of may go to another expert.
      EXPECT_NEAR(losses[i], expected[i], config.sparse() ? 1.0 : 0.2);
      sum += losses[i];
      expected_sum += expected[i];
    }
    EXPECT_NEAR(sum / expected_sum, 1, 0.01);
  }
}

TEST_F(FusedTest, Bfloat16LearnsAfterEvaluationsToo) {
  Transformer model(small_model(), 1);
  model->compute_in(torch::kBFloat16);
  const TokenBatch batch = batch_for(small_model(), 4);
  const auto before = model->token_losses(batch);  // first, in inference mode
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  double first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    const Gradients gradients = gradients_of(*model, batch);
    (step == 0 ? first : last) = gradients.losses.loss;
    optimizer.step();
  }
  EXPECT_LT(last, first - 0.3);
  EXPECT_LT(model->token_losses(batch)[0] + model->token_losses(batch)[1],
            before[0] + before[1] + 1);
}

// What keeps a small change alive: many steps of half an ulp each.
TEST_F(FusedTest, TheResidualStreamIsNotRoundedInBfloat16) {
  for (const ModelConfig& config : fused_variants()) {
    Transformer model(config, 1);
    model->compute_in(torch::kBFloat16);
    torch::NoGradGuard no_grad;
    std::vector<Tensor> stream;
    model->forward(torch::randint(0, config.vocab, {2, config.context}, torch::kInt64), &stream);
    for (const Tensor& x : stream) {
      EXPECT_EQ(x.scalar_type(), torch::kFloat32);
      EXPECT_GT(distance(x, x.to(torch::kBFloat16)), 0);
    }
  }
}

TEST_F(FusedTest, OnlyDroplessExpertsInSlicesWaitForTheDevice) {
  ModelConfig config = small_model();
  EXPECT_FALSE(Transformer(config, 1)->waits_for_device());
  config.experts = 4;
  Transformer sparse(config, 1);
  EXPECT_TRUE(sparse->waits_for_device());
  sparse->compute_in(torch::kBFloat16);
  EXPECT_FALSE(sparse->waits_for_device());
  config.hidden = 36;
  Transformer odd(config, 1);
  odd->compute_in(torch::kBFloat16);
  EXPECT_TRUE(odd->waits_for_device());
  config.capacity_factor = 1.25;
  EXPECT_FALSE(Transformer(config, 1)->waits_for_device());
}

// --- Batches on their way to a device.

TEST_F(FusedTest, APackedBatchGivesTheSameGradients) {
  for (ModelConfig config : fused_variants()) {
    if (config.masked()) config.next_sentence = true;
    for (const std::int64_t predicted : {1, 2, 7, 12}) {
      if (!config.masked() && predicted > 1) continue;
      TokenBatch batch = batch_for(config, 3, predicted);
      if (config.next_sentence) {
        batch.segments.assign(batch.inputs.size(), 0);
        batch.segments.back() = 1;
        batch.follows = {1, 0, 1};
      }
      Transformer model(config, 1, TransformerPath::kPlain);
      const Gradients expected = gradients_of(*model, batch);
      const auto values = torch::tensor(packed(batch, config), torch::kInt64);
      for (auto& parameter : model->parameters()) parameter.mutable_grad().zero_();
      const auto numbers = model->add_gradients(unpacked(values, 3, config.context, config), 1.0);
      EXPECT_NEAR(numbers[0].item<double>(), expected.losses.loss, 1e-6);
      std::vector<Tensor> parts;
      for (const auto& parameter : model->parameters()) parts.push_back(parameter.grad().flatten());
      EXPECT_LT(distance(torch::cat(parts), expected.all), 1e-6);
    }
  }
}

}  // namespace
}  // namespace isoflop
