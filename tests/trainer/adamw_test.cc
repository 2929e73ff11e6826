// The fused optimizer against AdamW's formula written out.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/adamw.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

TEST(AdamW, AgreesWithItsFormulaAndDecaysMatricesOnly) {
  TrainSpec spec;
  spec.beta1 = 0.8;
  spec.beta2 = 0.9;
  spec.weight_decay = 0.3;
  const auto make = [] {
    return torch::tensor({{0.5, -1.0}}, torch::kFloat32).requires_grad_(true);
  };
  auto matrix = make(), vector = make();
  AdamW optimizer({{.weights = {matrix}, .decays = true},
                   {.weights = {vector}, .decays = false, .rate_scale = 0.5}},
                  spec);
  double w[2][2] = {{0.5, -1.0}, {0.5, -1.0}}, m[2][2] = {}, v[2][2] = {};
  for (int t = 1; t <= 5; ++t) {
    const double gradient[2] = {0.1 * t, -0.7 / t};
    optimizer.zero_gradients();
    (matrix * torch::tensor({gradient[0], gradient[1]}, torch::kFloat32)).sum().backward();
    (vector * torch::tensor({gradient[0], gradient[1]}, torch::kFloat32)).sum().backward();
    optimizer.step(0.01);
    for (int group = 0; group < 2; ++group) {
      for (int i = 0; i < 2; ++i) {
        m[group][i] = 0.8 * m[group][i] + 0.2 * gradient[i];
        v[group][i] = 0.9 * v[group][i] + 0.1 * gradient[i] * gradient[i];
        const double rate = group == 0 ? 0.01 : 0.005;
        w[group][i] -= rate * (group == 0 ? 0.3 : 0.0) * w[group][i];
        w[group][i] -= rate * (m[group][i] / (1 - std::pow(0.8, t))) /
                       (std::sqrt(v[group][i] / (1 - std::pow(0.9, t))) + 1e-8);
      }
    }
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(matrix[0][i].item<double>(), w[0][i], 1e-6);  // float32 weights
    EXPECT_NEAR(vector[0][i].item<double>(), w[1][i], 1e-6);
  }
}

TEST(AdamW, ClipsTheGlobalNormAndReportsTheOneBefore) {
  TrainSpec spec;
  auto a = torch::zeros({1, 1}, torch::requires_grad()),
       b = torch::zeros({1}, torch::requires_grad());
  AdamW optimizer({{.weights = {a}}, {.weights = {b}}}, spec);
  (3 * a + 4 * b).sum().backward();
  EXPECT_NEAR(optimizer.clip_gradients(0), 5, 1e-6);
  EXPECT_NEAR(a.grad().item<double>(), 3, 1e-6);  // 0 leaves them alone
  EXPECT_NEAR(optimizer.clip_gradients(1), 5, 1e-6);
  EXPECT_NEAR(a.grad().item<double>(), 0.6, 1e-5);
  EXPECT_NEAR(b.grad().item<double>(), 0.8, 1e-5);
}

TEST(AdamW, GoesOnFromItsStateToTheBit) {
  TrainSpec spec;
  const auto weight = [] { return torch::linspace(-1, 1, 37).requires_grad_(true); };
  const auto train = [](AdamW& optimizer, torch::Tensor& w, int steps) {
    for (int t = 0; t < steps; ++t) {
      optimizer.zero_gradients();
      (w * w * w).sum().backward();
      optimizer.step(0.01);
    }
  };
  auto straight = weight(), first = weight(), second = torch::zeros(37, torch::requires_grad());
  AdamW whole({{.weights = {straight}}}, spec);
  train(whole, straight, 7);
  AdamW before({{.weights = {first}}}, spec);
  train(before, first, 4);
  AdamW after({{.weights = {second}}}, spec);
  after.restore(before.state(), 4);
  train(after, second, 3);
  EXPECT_TRUE(torch::equal(straight, second));
}

TEST(AdamW, RefusesTheStateOfAnotherModel) {
  auto small = torch::zeros(3, torch::requires_grad());
  auto large = torch::zeros(300, torch::requires_grad());
  AdamW one({{.weights = {small}}}, TrainSpec()), other({{.weights = {large}}}, TrainSpec());
  EXPECT_THROW(one.restore(other.state(), 1), Error);
}

}  // namespace
}  // namespace isoflop
#endif
