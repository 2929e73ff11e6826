// The two ways of taking a step against each other, on the CPU. What a CUDA graph would do with the
// recorded parts stands in: a recorder that repeats what it was given first, whatever comes later.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/step_runner.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

#include "trainer/step_graph.h"

namespace isoflop {
namespace {

ModelConfig step_model(bool sparse = false) {
  ModelConfig config{.vocab = 17,
                     .context = 16,
                     .layers = 2,
                     .width = 16,
                     .heads = 2,
                     .head_size = 8,
                     .hidden = 32};
  if (!sparse) return config;
  config.experts = 4;
  config.experts_per_token = 2;
  config.capacity_factor = 1.25;
  return config;
}

TokenBatch step_batch(const ModelConfig& config, unsigned seed, std::int64_t sequences) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> windows(static_cast<std::size_t>(sequences * (config.context + 1)));
  for (auto& token : windows) token = static_cast<std::int32_t>(random() % 17);
  return next_token_batch(windows, config.context);
}

// As a graph: of each key the first work, for ever.
class RepeatingRecorder : public StepRecorder {
 public:
  explicit RepeatingRecorder(std::vector<std::int64_t>* keys) : keys_(keys) {}
  void run(std::int64_t key, const std::function<void()>& work) override {
    keys_->push_back(key);
    recordings_.try_emplace(key, work).first->second();
  }

 private:
  std::vector<std::int64_t>* keys_;
  std::map<std::int64_t, std::function<void()>> recordings_;
};

// A model with its optimizer and one way of taking steps.
struct Stepper {
  Transformer model;
  std::unique_ptr<AdamW> optimizer;
  std::unique_ptr<Ranks> alone = std::make_unique<Ranks>();
  std::unique_ptr<DataParallel> parallel;
  std::unique_ptr<StepRunner> steps;

  Stepper(const ModelConfig& config, const TrainSpec& spec,
          TransformerPath path = TransformerPath::kPlain)
      : model(config, 1, path), optimizer(std::make_unique<AdamW>(model->groups(), spec)) {
    torch::set_num_threads(1);
    model->set_router_weights({.balance = 0.01, .z = 0.001});
  }
  static Stepper on_host(const ModelConfig& config, const TrainSpec& spec) {
    Stepper stepper(config, spec);
    stepper.parallel = std::make_unique<DataParallel>(
        *stepper.alone, *stepper.optimizer, stepper.model->groups(), DataParallelOptions{});
    stepper.steps = host_steps(*stepper.model, *stepper.optimizer, *stepper.parallel, spec.clip);
    return stepper;
  }
  static Stepper on_device(const ModelConfig& config, const TrainSpec& spec,
                           std::unique_ptr<StepRecorder> recorder,
                           TransformerPath path = TransformerPath::kPlain) {
    Stepper stepper(config, spec, path);
    stepper.attach(std::move(recorder));
    return stepper;
  }
  void attach(std::unique_ptr<StepRecorder> recorder) {
    steps = device_steps(*model, *optimizer, std::move(recorder));
  }

  // A batch of 4 sequences in micro-batches of 3 and 1.
  StepResult step(unsigned number, double rate) {
    const ModelConfig& config = model->config();
    steps->begin();
    steps->add(step_batch(config, 2 * number, 3), 0.75);
    steps->add(step_batch(config, 2 * number + 1, 1), 0.25);
    steps->update(rate);
    return steps->result();
  }
};

TrainSpec step_spec() {
  TrainSpec spec;
  spec.clip = 0.5;  // below the norms of the first steps
  return spec;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - b.at(i)));
  }
  return largest;
}

TEST(StepRunner, RecordedStepsAreTheHostsToRounding) {
  for (const bool sparse : {false, true}) {
    const ModelConfig config = step_model(sparse);
    Stepper host = Stepper::on_host(config, step_spec());
    std::vector<std::int64_t> keys;
    Stepper device =
        Stepper::on_device(config, step_spec(), std::make_unique<RepeatingRecorder>(&keys));
    for (unsigned number = 0; number < 10; ++number) {
      const double rate = 0.01 / (1 + number);
      const StepResult one = host.step(number, rate), other = device.step(number, rate);
      // float32 sums; ten steps of AdamW amplify what the first rounds.
      EXPECT_NEAR(one.losses.loss, other.losses.loss, 2e-5) << number;
      EXPECT_NEAR(one.norm, other.norm, 1e-4 * one.norm) << number;
      EXPECT_NEAR(one.losses.router.entropy, other.losses.router.entropy, 1e-4);
      EXPECT_NEAR(one.losses.router.dropped, other.losses.router.dropped, 0.02);
    }
    EXPECT_LT(
        largest_difference(host.optimizer->state().weights, device.optimizer->state().weights),
        1e-4);
    EXPECT_EQ(std::vector<std::int64_t>(keys.begin(), keys.begin() + 6),
              (std::vector<std::int64_t>{1, 2, -1, 1, 2, -1}));
  }
}

TEST(StepRunner, FusedOperationsTrainAsPlainOnes) {
  std::vector<std::int64_t> keys;
  Stepper plain = Stepper::on_host(step_model(), step_spec());
  Stepper fused = Stepper::on_device(step_model(), step_spec(), std::make_unique<DirectSteps>(),
                                     TransformerPath::kFused);
  for (unsigned number = 0; number < 10; ++number) {
    EXPECT_NEAR(plain.step(number, 0.01).losses.loss, fused.step(number, 0.01).losses.loss, 5e-5);
  }
}

TEST(StepRunner, AStepGoesOnInAnotherRunner) {
  for (const bool on_device : {false, true}) {
    const auto make = [&] {
      return on_device
                 ? Stepper::on_device(step_model(), step_spec(), std::make_unique<DirectSteps>())
                 : Stepper::on_host(step_model(), step_spec());
    };
    Stepper whole = make(), before = make(), after = make();
    const StepResult straight = whole.step(0, 0.01);
    before.steps->begin();
    before.steps->add(step_batch(step_model(), 0, 3), 0.75);
    after.optimizer->restore(before.optimizer->state(), 0);
    after.optimizer->restore_gradients(before.optimizer->gradients());
    after.steps->go_on(before.steps->losses());
    after.steps->add(step_batch(step_model(), 1, 1), 0.25);
    after.steps->update(0.01);
    const StepResult pieces = after.steps->result();
    EXPECT_EQ(pieces.losses.loss, straight.losses.loss);
    EXPECT_EQ(pieces.norm, straight.norm);
    EXPECT_EQ(after.optimizer->state().weights, whole.optimizer->state().weights);
  }
}

TEST(StepRunner, WhatIsNotFiniteIsToldAndChangesNothing) {
  for (const bool on_device : {false, true}) {
    Stepper stepper =
        on_device ? Stepper::on_device(step_model(), step_spec(), std::make_unique<DirectSteps>())
                  : Stepper::on_host(step_model(), step_spec());
    {
      torch::NoGradGuard no_grad;
      stepper.model->parameters().back().fill_(INFINITY);
    }
    const auto before = stepper.optimizer->state();
    const StepResult result = stepper.step(0, 0.01);
    EXPECT_FALSE(std::isfinite(result.losses.loss) && std::isfinite(result.norm));
    const auto after = stepper.optimizer->state();
    EXPECT_EQ(after.weights, before.weights);
    EXPECT_EQ(after.squares, before.squares);
  }
}

TEST(StepRunner, NothingIsRecordedOnTheCpu) {
  const auto recorder = make_step_recorder(torch::kCPU);
  int calls = 0;
  for (int i = 0; i < 10; ++i) recorder->run(1, [&] { ++calls; });
  EXPECT_EQ(calls, 10);
  EXPECT_EQ(recorder->note(), "");
}

TEST(AdamW, ItsUpdateIsClippingAndStepToRounding) {
  for (const double clip : {0.0, 0.7, 100.0}) {
    TrainSpec spec;
    spec.clip = clip;
    spec.weight_decay = 0.3;
    const auto make = [] { return torch::linspace(-1, 1, 37).requires_grad_(true); };
    auto one_matrix = make(), one_vector = make(), matrix = make(), vector = make();
    const auto groups = [](const torch::Tensor& a, const torch::Tensor& b) {
      return std::vector<ParameterGroup>{{.weights = {a}, .rate_scale = 0.5},
                                         {.weights = {b}, .decays = false}};
    };
    AdamW one(groups(one_matrix, one_vector), spec), other(groups(matrix, vector), spec);
    for (int t = 1; t <= 5; ++t) {
      for (auto* optimizer : {&one, &other}) optimizer->zero_gradients();
      ((one_matrix * one_vector).square().sum() * t).backward();
      ((matrix * vector).square().sum() * t).backward();
      const double norm = one.clip_gradients(clip);
      one.step(0.01);
      const auto device_norm = other.update(torch::tensor(0.01f));
      EXPECT_NEAR(device_norm.item<double>(), norm, 1e-6 * norm);
    }
    EXPECT_LT((one_matrix - matrix).abs().max().item<double>(), 1e-6);
    EXPECT_LT((one_vector - vector).abs().max().item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace isoflop
#endif
