// Whole runs on a device against the same runs on the CPU, alone, in float32: what a sweep on a
// device does by default. One body for both: tests/gpu runs them on "cuda", where few machines can,
// and tests/trainer on "cpu", where all can, so that the bodies are known to hold.
#ifndef ISOFLOP_TESTS_TRAINER_DEVICE_RUNS_H_
#define ISOFLOP_TESTS_TRAINER_DEVICE_RUNS_H_

#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/error.h"
#include "trainer/transformer_runner.h"

namespace isoflop {

struct DeviceRuns {
  std::string device;
  // Of losses after 30 steps, against the CPU's: sums in another order, which training lets grow.
  double tolerance = 1e-3;
  // Of bfloat16 against float32: 8 bits in products.
  double low_tolerance = 0.03;

  static Trial trial(std::int64_t seed = 1, std::int64_t steps = 30) {
    Trial trial;
    trial.data.source = "zipf";
    trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
    trial.model.context = 32;
    trial.model.width = 16;
    trial.model.heads = 2;
    trial.model.head_size = 8;
    trial.model.hidden = 32;
    trial.train.batch = 4;
    trial.train.tokens = static_cast<double>(steps * 4 * 32);
    trial.train.rate = 0.005;
    trial.seed = seed;
    trial.eval_windows = 16;
    return trial;
  }
  static Trial masked(bool pairs) {
    Trial trial = DeviceRuns::trial();
    trial.model.objective = Objective::kMasked;
    trial.model.next_sentence = pairs;
    trial.model.vocab += pairs ? 3 : 1;
    return trial;
  }
  static Trial sparse(double capacity) {
    Trial trial = DeviceRuns::trial();
    trial.model.experts = 4;
    trial.model.experts_per_token = 2;
    trial.model.router = Router::kTopK;
    trial.model.capacity_factor = capacity;
    return trial;
  }

  static std::unique_ptr<TrialRunner> runner() {
    return make_transformer_runner(
        [](const std::string&) -> CorpusManifest { throw failure("no corpus in this test"); });
  }
  static Outcome run(const Trial& trial, RunContext context) {
    return runner()->run({&trial, 1}, context).front();
  }
  Outcome run(const Trial& trial) const { return run(trial, {.device = device}); }
  static Outcome on_cpu(const Trial& trial) { return run(trial, {.device = "cpu"}); }

  // Every step was recorded, where the device records.
  static void expect_near(const Outcome& outcome, const Outcome& expected, double tolerance) {
    ASSERT_EQ(outcome.status, OutcomeStatus::kDone) << outcome.reason;
    EXPECT_TRUE(outcome.notes.empty()) << outcome.notes.front();
    ASSERT_EQ(outcome.evaluations.size(), expected.evaluations.size());
    EXPECT_NEAR(outcome.evaluations.at(0).loss, expected.evaluations.at(0).loss, tolerance);
  }
  void expect_as_on_the_cpu(Trial trial) const {
    const Outcome cpu = on_cpu(trial);
    expect_near(run(trial), cpu, tolerance);
    trial.train.dtype = "bfloat16";
    expect_near(run(trial), cpu, low_tolerance);
  }

  void masked_trials_end_as_on_the_cpu() const {
    for (const bool pairs : {false, true}) expect_as_on_the_cpu(masked(pairs));
  }
  void experts_with_a_capacity_end_as_on_the_cpu() const { expect_as_on_the_cpu(sparse(1.25)); }
  // In bfloat16 alone: in float32 they wait for the device, and a note says so.
  void dropless_experts_end_as_on_the_cpu() const {
    Trial trial = sparse(0);
    const Outcome cpu = on_cpu(trial);
    trial.train.dtype = "bfloat16";
    expect_near(run(trial), cpu, low_tolerance);
  }

  // Seeds and rates.
  void a_stack_of_three_ends_as_each_on_the_cpu() const {
    std::vector<Trial> trials{trial(1), trial(2), trial(3)};
    trials[2].train.rate = 0.002;
    std::vector<Outcome> cpu;
    for (const Trial& one : trials) cpu.push_back(on_cpu(one));
    for (const bool low : {false, true}) {
      std::vector<RunContext> contexts(3, RunContext{.device = device});
      std::vector<RunContext*> pointers;
      for (RunContext& context : contexts) pointers.push_back(&context);
      for (Trial& one : trials) one.train.dtype = low ? "bfloat16" : "float32";
      const auto stack = runner()->run_stack(trials, pointers);
      for (std::size_t k = 0; k < 3; ++k) {
        expect_near(stack.at(k), cpu[k], low ? low_tolerance : tolerance);
      }
    }
  }

  // As the slots of a pack. Short ones: beginnings, recordings and ends meet often.
  void threads_do_not_disturb_each_other() const {
    constexpr int kThreads = 2, kTrials = 40;
    const std::vector<Outcome> cpu{on_cpu(trial(1, 8)), on_cpu(trial(2, 8))};
    std::vector<std::vector<Outcome>> outcomes(kThreads);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int k = 0; k < kTrials; ++k) {
          try {
            outcomes[i].push_back(run(trial(static_cast<std::int64_t>(i) + 1, 8)));
          } catch (const std::exception& error) {
            outcomes[i].push_back({.status = OutcomeStatus::kOutOfMemory, .reason = error.what()});
          }
        }
      });
    }
    for (auto& thread : threads) thread.join();
    for (std::size_t i = 0; i < kThreads; ++i) {
      ASSERT_EQ(outcomes[i].size(), static_cast<std::size_t>(kTrials));
      for (const Outcome& outcome : outcomes[i]) expect_near(outcome, cpu[i], tolerance);
    }
  }

  // Between steps, and between the micro-batches of one.
  void a_stopped_trial_goes_on() const {
    namespace fs = std::filesystem;
    const fs::path dir =
        fs::path(testing::TempDir()) / ("isoflop-device-" + std::to_string(::getpid()));
    const Outcome cpu = on_cpu(trial());
    for (const double stop : {20.0 * 128, 20.5 * 128}) {
      fs::remove_all(dir);
      RunContext first{.device = device};
      first.checkpoint_dir = dir.string();
      first.micro_batch = 2;
      RunContext second = first;
      first.should_stop = [=](double tokens) { return tokens >= stop; };
      EXPECT_EQ(run(trial(), first).status, OutcomeStatus::kInterrupted);
      const Outcome resumed = run(trial(), second);
      expect_near(resumed, cpu, tolerance);
      EXPECT_EQ(resumed.resumed_at, 20);
    }
    fs::remove_all(dir);
  }
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_TRAINER_DEVICE_RUNS_H_
