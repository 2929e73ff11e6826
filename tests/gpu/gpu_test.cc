// The device against the CPU: kernels against operators, whole runs against runs, graphs against
// single launches, bfloat16 against float32.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <gtest/gtest.h>
#include <random>

#include "model/cuda/add_norm.h"
#include "model/cuda/head_loss.h"
#include "model/cuda/stream.h"
#include "model/cuda/turned_heads.h"
#include "tests/trainer/device_runs.h"
#include "trainer/step_graph.h"
#include "trainer/step_runner.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

using torch::Tensor;

// On a stream of its own, as trials are: the default one cannot be recorded.
class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
    torch::manual_seed(1);
    stream_ = std::make_unique<c10::cuda::CUDAStreamGuard>(c10::cuda::getStreamFromPool());
  }

  std::unique_ptr<c10::cuda::CUDAStreamGuard> stream_;
};

Tensor on_gpu(const Tensor& x) {
  return x.defined() ? x.detach().to(torch::kCUDA).requires_grad_(x.requires_grad()) : x;
}

Tensor leaf(at::IntArrayRef sizes, torch::ScalarType type) {
  return torch::randn(sizes).to(type).requires_grad_(true);
}

// Largest difference over the largest value.
double off(const Tensor& gpu, const Tensor& cpu) {
  const auto a = gpu.detach().to(torch::kCPU, torch::kFloat64),
             b = cpu.detach().to(torch::kFloat64);
  return ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item<double>();
}

// One stored value's rounding a few times over: sums are in another order.
double roundings(torch::ScalarType type) { return type == torch::kFloat32 ? 1e-5 : 0x1p-7; }

// Outputs, and gradients of their mixture, of both devices.
void expect_same(const std::vector<Tensor>& gpu, const std::vector<Tensor>& cpu,
                 const std::vector<Tensor>& gpu_inputs, const std::vector<Tensor>& cpu_inputs,
                 double tolerance) {
  std::vector<Tensor> slopes, gpu_slopes;
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    EXPECT_LT(off(gpu[i], cpu[i]), tolerance) << "output " << i;
    slopes.push_back(torch::randn(cpu[i].sizes()).to(cpu[i].scalar_type()));
    gpu_slopes.push_back(slopes.back().to(torch::kCUDA));
  }
  const auto expected = torch::autograd::grad(cpu, cpu_inputs, slopes);
  const auto actual = torch::autograd::grad(gpu, gpu_inputs, gpu_slopes);
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_LT(off(actual[i], expected[i]), 2 * tolerance) << "input " << i;
  }
}

TEST_F(Gpu, NormsAreTheOperators) {
  ASSERT_TRUE(has_kernels());
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    for (const std::int64_t width : {6, 64, 768, 1030, 4096}) {
      for (const bool layer_norm : {false, true}) {
        const auto x = leaf({37, width}, torch::kFloat32), y = leaf({37, width}, type);
        const auto gain = leaf({width}, torch::kFloat32);
        const auto bias = layer_norm ? leaf({width}, torch::kFloat32) : Tensor();
        const auto gx = on_gpu(x), gy = on_gpu(y), ggain = on_gpu(gain), gbias = on_gpu(bias);
        const auto cpu = add_norm(x, y, gain, bias, 1e-6, type);
        const auto gpu = add_norm(gx, gy, ggain, gbias, 1e-6, type);
        std::vector<Tensor> inputs{x, y, gain}, there{gx, gy, ggain};
        if (layer_norm) {
          inputs.push_back(bias);
          there.push_back(gbias);
        }
        expect_same({gpu.normed, gpu.sum}, {cpu.normed, cpu.sum}, there, inputs, roundings(type));
      }
    }
  }
}

TEST_F(Gpu, HeadsAreTheOperators) {
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    for (const std::int64_t k : {6, 16, 64, 128}) {
      const auto qkv = leaf({3, 20, 3, 4, k}, type);
      const auto gain = leaf({2, 1, 1, 1, k}, torch::kFloat32);
      const auto angles = torch::rand({20, k / 2});
      const HeadTables tables{gain, torch::cat({angles.cos(), angles.cos()}, 1),
                              torch::cat({-angles.sin(), angles.sin()}, 1), 1e-6};
      const HeadTables there{on_gpu(gain), on_gpu(tables.cos), on_gpu(tables.sin), 1e-6};
      const auto gqkv = on_gpu(qkv);
      const Heads cpu = turned_heads(qkv, tables), gpu = turned_heads(gqkv, there);
      expect_same({gpu.q, gpu.k, gpu.v}, {cpu.q, cpu.k, cpu.v}, {gqkv, there.gain}, {qkv, gain},
                  roundings(type));
    }
  }
}

TEST_F(Gpu, TheHeadsLossIsTheOperators) {
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    for (const std::int64_t vocab : {11, 256, 50257}) {
      const auto targets = torch::randint(-1, vocab, {300}, torch::kInt64);
      const auto x = leaf({300, 64}, type), head = leaf({vocab, 64}, type);
      const auto gx = on_gpu(x), ghead = on_gpu(head);
      for (const std::int64_t chunk : {std::int64_t{1} << 16, kHeadChunkBytes}) {
        expect_same({head_loss(gx, ghead, targets.to(torch::kCUDA), chunk)},
                    {head_loss(x, head, targets, chunk)}, {gx, ghead}, {x, head},
                    2 * roundings(type));
      }
    }
  }
}

ModelConfig gpu_model() {
  return {.vocab = 256,
          .context = 64,
          .layers = 3,
          .width = 64,
          .heads = 4,
          .head_size = 16,
          .hidden = 256};
}

TokenBatch gpu_batch(const ModelConfig& config, unsigned seed, std::int64_t sequences) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> windows(static_cast<std::size_t>(sequences * (config.context + 1)));
  for (auto& token : windows) token = static_cast<std::int32_t>(random() % 64);
  return next_token_batch(windows, config.context);
}

std::vector<double> losses_of_steps(std::unique_ptr<StepRecorder> recorder, std::string* note) {
  TrainSpec spec;
  Transformer model(gpu_model(), 1);
  model->to(torch::kCUDA);
  model->compute_in(torch::kBFloat16);
  AdamW optimizer(model->groups(), spec);
  const auto steps = device_steps(*model, optimizer, std::move(recorder));
  std::vector<double> losses;
  for (unsigned step = 0; step < 20; ++step) {
    steps->begin();
    steps->add(gpu_batch(gpu_model(), 2 * step, 5), 0.625);
    steps->add(gpu_batch(gpu_model(), 2 * step + 1, 3), 0.375);
    steps->update(0.003 / (1 + 0.1 * step));
    losses.push_back(steps->result().losses.loss);
  }
  if (note != nullptr) *note = steps->note();
  return losses;
}

// Our kernels and the optimizer have a fixed order of sums; some of LibTorch's may not.
TEST_F(Gpu, GraphsTrainAsSingleLaunches) {
  std::string note;
  const auto graphs = losses_of_steps(make_step_recorder(torch::kCUDA), &note);
  EXPECT_EQ(note, "");
  const auto launches = losses_of_steps(std::make_unique<DirectSteps>(), nullptr);
  for (std::size_t i = 0; i < graphs.size(); ++i) EXPECT_NEAR(graphs[i], launches[i], 1e-3) << i;
  EXPECT_LT(graphs.back(), graphs.front() - 0.3);
}

TEST_F(Gpu, WorkThatWaitsForTheDeviceIsNotRecordedAndGoesOn) {
  const auto recorder = make_step_recorder(torch::kCUDA);
  const auto x = torch::ones({4}, torch::kCUDA);
  int calls = 0;
  for (int i = 0; i < 8; ++i) {
    recorder->run(1, [&] { calls += x.sum().item<double>() == 4 ? 1 : 0; });
  }
  EXPECT_EQ(calls, 8);
  EXPECT_NE(recorder->note().find("CUDA graphs"), std::string::npos);
}

std::int64_t reserved_bytes() {
  c10::cuda::CUDACachingAllocator::emptyCache();
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(0);
  return stats.reserved_bytes.at(0).current;  // 0: of all kinds
}

// What a failed recording opened in LibTorch is closed: memory comes back, graphs made before go
// on, graphs can be made again, and the device's random numbers too.
TEST_F(Gpu, AFailedRecordingLeavesNothingOpen) {
  const auto sound = make_step_recorder(torch::kCUDA);
  const auto counter = torch::zeros({}, torch::kCUDA);
  const auto count = [&] { sound->run(1, [&] { counter.add_(1); }); };
  for (int i = 0; i < 6; ++i) count();
  const std::int64_t before = reserved_bytes();
  constexpr std::int64_t kNumbers = 1 << 24;  // 64 MiB
  for (int trial = 0; trial < 4; ++trial) {
    const auto failing = make_step_recorder(torch::kCUDA);
    double sum = 0;
    for (int i = 0; i < 5; ++i) {
      failing->run(1, [&] { sum = torch::ones({kNumbers}, torch::kCUDA).sum().item<double>(); });
    }
    EXPECT_EQ(sum, kNumbers);
    EXPECT_NE(failing->note(), "");
  }
  EXPECT_LT(reserved_bytes(), before + kNumbers);
  for (int i = 0; i < 6; ++i) count();
  EXPECT_EQ(counter.item<double>(), 12);
  EXPECT_EQ(sound->note(), "");
  const auto next = make_step_recorder(torch::kCUDA);
  for (int i = 0; i < 6; ++i) next->run(1, [&] { counter.add_(1); });
  EXPECT_EQ(counter.item<double>(), 18);
  EXPECT_EQ(next->note(), "");
  EXPECT_GT(torch::rand({8}, torch::kCUDA).max().item<double>(), 0);
}

// The same bodies as tests/trainer/device_runs_test.cc runs on the CPU.
const DeviceRuns kGpuRuns{.device = "cuda", .tolerance = 0.01};

TEST_F(Gpu, AStackOfThreeEndsAsEachOnTheCpu) {
  kGpuRuns.a_stack_of_three_ends_as_each_on_the_cpu();
}
TEST_F(Gpu, MaskedTrialsEndAsOnTheCpu) { kGpuRuns.masked_trials_end_as_on_the_cpu(); }
TEST_F(Gpu, ExpertsWithACapacityEndAsOnTheCpu) {
  kGpuRuns.experts_with_a_capacity_end_as_on_the_cpu();
}
TEST_F(Gpu, DroplessExpertsEndAsOnTheCpu) { kGpuRuns.dropless_experts_end_as_on_the_cpu(); }
TEST_F(Gpu, ThreadsDoNotDisturbEachOther) { kGpuRuns.threads_do_not_disturb_each_other(); }
TEST_F(Gpu, AStoppedTrialGoesOn) { kGpuRuns.a_stopped_trial_goes_on(); }

TEST_F(Gpu, DroplessExpertsInFloat32AreNotRecordedAndSaySo) {
  const Trial trial = DeviceRuns::sparse(0);
  const Outcome cpu = DeviceRuns::on_cpu(trial), gpu = kGpuRuns.run(trial);
  ASSERT_EQ(gpu.status, OutcomeStatus::kDone) << gpu.reason;
  EXPECT_NEAR(gpu.evaluations.at(0).loss, cpu.evaluations.at(0).loss, 0.01);
  ASSERT_EQ(gpu.notes.size(), 1u);
  EXPECT_NE(gpu.notes[0].find("experts"), std::string::npos) << gpu.notes[0];
}

CorpusManifest no_corpus(const std::string&) { return {}; }

Outcome trained(const std::string& device, const std::string& dtype) {
  Trial trial;
  trial.data.source = "zipf";
  trial.model = gpu_model();
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
  trial.train.batch = 16;
  trial.train.tokens = 300.0 * 16 * 64;
  trial.train.rate = 0.003;
  trial.train.dtype = dtype;
  trial.eval_windows = 256;
  RunContext context{.device = device};
  return make_transformer_runner(no_corpus)->run({&trial, 1}, context).front();
}

// 300 steps from the same weights with the same batches; rounding makes other, equally good runs.
TEST_F(Gpu, ARunEndsWhereTheCpusDoes) {
  stream_.reset();
  const Outcome cpu = trained("cpu", "float32"), gpu = trained("cuda", "float32"),
                low = trained("cuda", "bfloat16");
  ASSERT_EQ(gpu.status, OutcomeStatus::kDone) << gpu.reason;
  ASSERT_EQ(low.status, OutcomeStatus::kDone) << low.reason;
  for (const Outcome* run : {&cpu, &gpu, &low}) {
    EXPECT_TRUE(run->notes.empty()) << run->notes.front();
  }
  const double loss = cpu.evaluations.at(0).loss;
  EXPECT_NEAR(gpu.evaluations.at(0).loss, loss, 0.01);
  EXPECT_NEAR(low.evaluations.at(0).loss, loss, 0.02);
}

}  // namespace
}  // namespace isoflop
