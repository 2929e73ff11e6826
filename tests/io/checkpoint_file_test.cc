// A checkpoint comes back to the bit or not at all.
#include "io/checkpoint_file.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <unistd.h>

#include "core/error.h"
#include "io/atomic_file.h"

namespace isoflop {
namespace {

Checkpoint some_checkpoint() {
  Checkpoint c;
  c.trial.seed = 7;
  c.trial.train.rate = 0.1 + 0.2;
  c.trial.data.hash = "a \"b\"";
  c.micro_batch = 2;
  c.step = 12;
  c.sequences = 3;
  c.step_loss = 1.0 / 3;
  c.first_loss = 5.5;
  c.loss_sum = std::numeric_limits<double>::infinity();
  c.loss_count = 4;
  c.average_loss = 2e-310;
  c.steps_above = 1;
  c.seconds = 0.1;
  c.curve = {{.step = 1, .tokens = 512, .train_loss = 5.5, .rate = 1e-3, .grad_norm = 2},
             {.step = 8, .tokens = 4096, .heldout_loss = 4.5, .heldout_error = 0.01}};
  c.weights = {1.0F, -0.0F, 1e-45F};
  c.means = {0, 1, 2};
  c.squares = {3, 4, 5};
  c.gradients = {6, 7, 8};
  return c;
}

struct CheckpointFile : testing::Test {
  std::string path = testing::TempDir() + "isoflop-" + std::to_string(::getpid()) + ".ckpt";
  ~CheckpointFile() override { std::filesystem::remove(path); }
};

std::string code_of_reading(const std::string& path) {
  try {
    read_checkpoint(path);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    return error.code();
  }
  return "";
}

TEST_F(CheckpointFile, ComesBackToTheBit) {
  const Checkpoint before = some_checkpoint();
  write_checkpoint(path, before);
  const Checkpoint after = read_checkpoint(path);
  EXPECT_EQ(after.trial, before.trial);
  EXPECT_EQ(after.micro_batch, 2);
  EXPECT_EQ(after.step, 12);
  EXPECT_EQ(after.sequences, 3);
  EXPECT_EQ(after.step_loss, before.step_loss);
  EXPECT_EQ(after.first_loss, 5.5);
  EXPECT_EQ(after.loss_sum, before.loss_sum);
  EXPECT_EQ(after.loss_count, 4);
  EXPECT_EQ(after.average_loss, before.average_loss);
  EXPECT_EQ(after.steps_above, 1);
  EXPECT_EQ(after.seconds, 0.1);
  EXPECT_EQ(after.weights, before.weights);
  EXPECT_TRUE(std::signbit(after.weights[1]));
  EXPECT_EQ(after.means, before.means);
  EXPECT_EQ(after.squares, before.squares);
  EXPECT_EQ(after.gradients, before.gradients);
  ASSERT_EQ(after.curve.size(), 2u);
  EXPECT_EQ(after.curve[0].train_loss, 5.5);
  EXPECT_FALSE(after.curve[0].heldout_loss);
  EXPECT_EQ(after.curve[1].step, 8);
  EXPECT_EQ(after.curve[1].heldout_loss, 4.5);
  EXPECT_EQ(after.curve[1].heldout_error, 0.01);
  EXPECT_FALSE(after.curve[1].router);
}

TEST_F(CheckpointFile, OfASparseModelHoldsItsRoutersStatistics) {
  Checkpoint before = some_checkpoint();
  before.trial.model.experts = 4;
  before.step_router = {.largest_load = 1.5, .dropped = 0.1};
  before.router_sum = {.unused = 1.0 / 3, .entropy = 0.25, .z = 7};
  before.curve[1].router = RouterStats{1, 2, 3, 4, 5, 6};
  before.curve[0].router = RouterStats{};
  write_checkpoint(path, before);
  const Checkpoint after = read_checkpoint(path);
  EXPECT_EQ(after.step_router, before.step_router);
  EXPECT_EQ(after.router_sum, before.router_sum);
  ASSERT_EQ(after.curve.size(), 2u);
  EXPECT_EQ(after.curve[0].router, before.curve[0].router);
  EXPECT_EQ(after.curve[1].router, before.curve[1].router);
  EXPECT_EQ(after.curve[1].heldout_error, 0.01);
  EXPECT_EQ(after.weights, before.weights);
}

TEST_F(CheckpointFile, OneFlippedBitAnywhereIsRefused) {
  write_checkpoint(path, some_checkpoint());
  const std::string good = read_whole_file(path);
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    write_file_atomically(path, bad);
    ASSERT_EQ(code_of_reading(path), "damaged_checkpoint") << "byte " << i;
  }
}

TEST_F(CheckpointFile, OneThatIsCutShortIsRefused) {
  write_checkpoint(path, some_checkpoint());
  const std::string good = read_whole_file(path);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{5}, good.size() / 2, good.size() - 1}) {
    write_file_atomically(path, good.substr(0, length));
    EXPECT_EQ(code_of_reading(path), "damaged_checkpoint") << length << " bytes";
  }
}

}  // namespace
}  // namespace isoflop
