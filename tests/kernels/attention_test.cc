#include "kernels/attention.h"

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

struct Heads {
  AttentionShape shape;
  std::vector<float> q, k, v;

  Heads(std::int64_t size, std::int64_t tokens, bool keep, std::int64_t keys = 0)
      : shape{size, tokens, tokens + 3, keep, keys},
        q(random_floats(size * shape.stride, 1)),
        k(random_floats(size * shape.stride, 2)),
        v(random_floats(size * shape.stride, 3)) {}
};

struct Memory {
  std::vector<float> tiles, inverse_sums, out, scratch;

  explicit Memory(const AttentionShape& shape)
      : tiles(static_cast<size_t>(shape.keep_tiles
                                      ? ISOFLOP_ISA::attention_tiles_size(shape.tokens, shape.keys)
                                      : shape.tokens * ISOFLOP_ISA::kQueries)),
        inverse_sums(static_cast<size_t>(shape.tokens)),
        out(static_cast<size_t>(shape.head_size * shape.stride)),
        scratch(static_cast<size_t>(
            ISOFLOP_ISA::attention_scratch_size(shape.head_size, shape.tokens))) {}
};

Memory forward(const Kernels& kernels, const Heads& heads) {
  Memory memory(heads.shape);
  kernels.attention_forward(heads.shape, heads.q.data(), heads.k.data(), heads.v.data(),
                            memory.tiles.data(), memory.inverse_sums.data(), memory.out.data());
  return memory;
}

// One query at a time. q, k and v lie behind each other in `inputs`.
std::vector<double> output(const AttentionShape& shape, const std::vector<double>& inputs) {
  const std::int64_t part = shape.head_size * shape.stride;
  const auto at = [&](std::int64_t which, std::int64_t f, std::int64_t t) {
    return inputs[static_cast<size_t>(which * part + f * shape.stride + t)];
  };
  std::vector<double> out(static_cast<size_t>(part));
  for (std::int64_t i = 0; i < shape.tokens; ++i) {
    const std::int64_t seen = shape.keys > 0 ? shape.keys : i + 1;
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t j = 0; j < seen; ++j) {
      double score = 0;
      for (std::int64_t f = 0; f < shape.head_size; ++f) score += at(0, f, i) * at(1, f, j);
      weights.push_back(std::exp(score));
      sum += weights.back();
    }
    for (std::int64_t f = 0; f < shape.head_size; ++f) {
      for (std::int64_t j = 0; j < seen; ++j) {
        out[static_cast<size_t>(f * shape.stride + i)] +=
            at(2, f, j) * weights[static_cast<size_t>(j)] / sum;
      }
    }
  }
  return out;
}

std::vector<double> inputs_of(const Heads& heads) {
  std::vector<double> inputs = in_double(heads.q);
  inputs.insert(inputs.end(), heads.k.begin(), heads.k.end());
  inputs.insert(inputs.end(), heads.v.begin(), heads.v.end());
  return inputs;
}

TEST(Attention, AgreesWithItsFormula) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const std::int64_t size : {1, 5, 8, 10, 16}) {
      for (const std::int64_t tokens : {16, 48, 128}) {
        SCOPED_TRACE(testing::Message() << kernels.name << " " << size << " " << tokens);
        const Heads heads(size, tokens, true);
        expect_close(forward(kernels, heads).out, output(heads.shape, inputs_of(heads)));
      }
    }
  }
}

void check_gradients(const Kernels& kernels, const Heads& heads) {
  const auto d_out = random_floats(static_cast<std::int64_t>(heads.q.size()), 4);
  Memory memory = forward(kernels, heads);
  const size_t part = heads.q.size();
  std::vector<float> found(3 * part);
  kernels.attention_backward(heads.shape, heads.q.data(), heads.k.data(), heads.v.data(),
                             memory.out.data(), memory.tiles.data(), memory.inverse_sums.data(),
                             d_out.data(), found.data(), found.data() + part,
                             found.data() + 2 * part, memory.scratch.data());
  const auto loss = [&](const std::vector<double>& inputs) {
    const auto out = output(heads.shape, inputs);
    double sum = 0;
    for (size_t i = 0; i < part; ++i) sum += out[i] * d_out[i];
    return sum;
  };
  expect_close(found, numeric_gradient(loss, inputs_of(heads)));
}

TEST(Attention, GradientsAgreeWithDifferences) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const bool keep : {true, false}) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << keep);
      check_gradients(kernels, Heads(3, 48, keep));
      check_gradients(kernels, Heads(6, 16, keep));
    }
  }
}

TEST(Attention, OverTheWholeWindowAgreesWithItsFormula) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const std::int64_t size : {1, 8, 10}) {
      for (const std::int64_t keys : {1, 9, 16, 41, 48, 119}) {
        SCOPED_TRACE(testing::Message() << kernels.name << " " << size << " " << keys);
        const Heads heads(size, (keys + 15) / 16 * 16, true, keys);
        expect_close(forward(kernels, heads).out, output(heads.shape, inputs_of(heads)));
      }
    }
  }
}

TEST(Attention, OverTheWholeWindowHasTheGradientsOfDifferences) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const bool keep : {true, false}) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << keep);
      check_gradients(kernels, Heads(3, 48, keep, 37));
      check_gradients(kernels, Heads(6, 16, keep, 16));
      check_gradients(kernels, Heads(2, 32, keep, 5));
    }
  }
}

// Tokens behind the last key may hold anything.
TEST(Attention, EmptyTokensAreNotSeen) {
  for (const Kernels& kernels : usable_kernels()) {
    Heads heads(8, 32, true, 20);
    const auto before = forward(kernels, heads).out;
    for (std::int64_t f = 0; f < 8; ++f) {
      for (std::int64_t t = 20; t < 32; ++t) {
        const auto at = static_cast<size_t>(f * heads.shape.stride + t);
        heads.k[at] = heads.v[at] = std::nanf("");
      }
    }
    EXPECT_EQ(before, forward(kernels, heads).out);
  }
}

TEST(Attention, LaterTokensChangeNothing) {
  for (const Kernels& kernels : usable_kernels()) {
    Heads heads(8, 64, true);
    const auto before = forward(kernels, heads).out;
    const std::int64_t changed = 37;
    for (std::int64_t f = 0; f < 8; ++f) {
      heads.k[static_cast<size_t>(f * heads.shape.stride + changed)] += 5;
      heads.v[static_cast<size_t>(f * heads.shape.stride + changed)] = 1e30f;
    }
    const auto after = forward(kernels, heads).out;
    for (std::int64_t t = 0; t < changed; ++t) {
      for (std::int64_t f = 0; f < 8; ++f) {
        const auto at = static_cast<size_t>(f * heads.shape.stride + t);
        ASSERT_EQ(before[at], after[at]) << t;
      }
    }
    EXPECT_NE(before[changed], after[changed]);
  }
}

TEST(Attention, ScoresOfAnySizeGiveWeights) {
  for (const Kernels& kernels : usable_kernels()) {
    Heads heads(4, 16, true);
    for (float& value : heads.q) value *= 1e4f;
    for (const float value : forward(kernels, heads).out) EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace isoflop
