#include "kernels/experts.h"

#include <algorithm>
#include <cmath>

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

struct Case {
  bool gated = false;
  std::int64_t capacity = 0;
  std::int64_t block_columns = 16;
};

// 7 windows of 9 tokens, 3 to a chunk: 3 chunks, the last of one window.
struct Layer {
  ExpertsShape shape;
  std::int64_t stride = 64, chunks = 3;
  std::vector<float> weights_in, weights_out, in, x, d_x;
  std::vector<float> probabilities, log_sums, entropies, gates;
  std::vector<std::int32_t> chosen;
  std::vector<std::int64_t> counts, from, choice;
  std::vector<float> packed, slope, active, narrow, wide, row;

  explicit Layer(const Case& c)
      : shape{.experts = 5,
              .per_token = 2,
              .width = 6,
              .hidden = 7,
              .gated = c.gated,
              .tokens = {.windows = 7, .per_chunk = 3, .context = 9, .padded = 16, .stride = 64},
              .capacity = c.capacity,
              .block_columns = c.block_columns},
        weights_in(random_floats(5 * inner() * 6, 1, 0.5)),
        weights_out(random_floats(5 * 7 * 6, 2, 0.5)),
        in(random_floats(chunks * 6 * stride, 3)),
        x(random_floats(chunks * 6 * stride, 4)),
        d_x(random_floats(chunks * 6 * stride, 5)),
        probabilities(random_floats(chunks * 5 * stride, 6, 0.1)),
        log_sums(random_floats(chunks * stride, 7)),
        entropies(random_floats(chunks * stride, 8)),
        gates(random_floats(chunks * 2 * stride, 9)),
        chosen(gates.size(), 99),  // no such expert: empty tokens must not be looked at
        counts(20) {
    const auto columns = static_cast<size_t>(ISOFLOP_ISA::packed_columns(shape));
    from.resize(columns);
    choice.resize(columns);
    packed.resize(6 * columns);
    slope.resize(static_cast<size_t>(inner()) * columns);
    active.resize(7 * columns);
    const auto block = static_cast<size_t>(ISOFLOP_ISA::block_stride(c.block_columns));
    narrow.resize(6 * block);
    wide.resize(static_cast<size_t>(inner()) * block);
    row.resize(block);
    choose();
  }

  std::int64_t inner() const { return shape.gated ? 14 : 7; }

  // Expert 0 has most, expert 4 none.
  void choose() {
    std::mt19937 random(10);
    for_each_token([&](std::int64_t chunk, std::int64_t column) {
      const auto first = static_cast<std::int32_t>(random() % 3 == 0 ? 1 + random() % 3 : 0);
      chosen[static_cast<size_t>(place(chunk, 2, 0, column))] = first;
      chosen[static_cast<size_t>(place(chunk, 2, 1, column))] = (first + 1) % 4;
    });
  }
  std::int64_t place(std::int64_t chunk, std::int64_t rows, std::int64_t at, std::int64_t t) const {
    return (chunk * rows + at) * stride + t;
  }
  template <class Body>
  void for_each_token(const Body& body) const {
    for (std::int64_t window = 0; window < 7; ++window) {
      for (std::int64_t t = 0; t < 9; ++t) body(window / 3, window % 3 * 16 + t);
    }
  }

  ExpertsState state() {
    return {.routers = {probabilities.data(), log_sums.data(), entropies.data(), gates.data(),
                        chosen.data()},
            .loads = counts.data(),
            .taken = counts.data() + 5,
            .first = counts.data() + 10,
            .next = counts.data() + 15,
            .from = from.data(),
            .choice = choice.data(),
            .in = packed.data(),
            .slope = slope.data(),
            .active = active.data()};
  }
  ExpertsScratch scratch() { return {narrow.data(), wide.data(), row.data()}; }
  ExpertsTensors<const float> weights() const { return {weights_in.data(), weights_out.data()}; }

  std::vector<float> forward(const Kernels& kernels) {
    kernels.dispatch(shape, state());
    std::vector<float> out = x;
    kernels.experts_forward(shape, weights(), in.data(), state(), scratch(), out.data());
    return out;
  }
};

double activation(double u) {
  return 0.5 * u * (1 + std::tanh(std::sqrt(2 / M_PI) * (u + 0.044715 * u * u * u)));
}

// Everything that gradients are taken by.
struct Inputs {
  std::vector<double> in, gates, weights_in, weights_out;
};

// One expert on one token.
std::vector<double> expert(const Layer& layer, const Inputs& inputs, std::int64_t e,
                           const std::vector<double>& token) {
  const auto product = [&](const std::vector<double>& weights, std::int64_t row, std::int64_t rows,
                           const std::vector<double>& by) {
    double sum = 0;
    for (size_t c = 0; c < by.size(); ++c) {
      sum += weights[static_cast<size_t>(e * rows + row) * by.size() + c] * by[c];
    }
    return sum;
  };
  std::vector<double> active(7), out(6);
  for (std::int64_t f = 0; f < 7; ++f) {
    const double u = product(inputs.weights_in, f, layer.inner(), token);
    active[static_cast<size_t>(f)] =
        layer.shape.gated
            ? u / (1 + std::exp(-u)) * product(inputs.weights_in, f + 7, layer.inner(), token)
            : activation(u);
  }
  for (std::int64_t c = 0; c < 6; ++c) {
    out[static_cast<size_t>(c)] = product(inputs.weights_out, c, 6, active);
  }
  return out;
}

// One choice at a time: all first choices, then all second ones.
std::vector<double> output(const Layer& layer, const Inputs& inputs) {
  std::vector<double> x = in_double(layer.x);
  std::vector<std::int64_t> taken(5);
  for (std::int64_t j = 0; j < 2; ++j) {
    layer.for_each_token([&](std::int64_t chunk, std::int64_t t) {
      const auto at = static_cast<size_t>(layer.place(chunk, 2, j, t));
      const std::int64_t e = layer.chosen[at];
      const bool full =
          layer.shape.capacity > 0 && taken[static_cast<size_t>(e)] == layer.shape.capacity;
      if (full) return;
      ++taken[static_cast<size_t>(e)];
      std::vector<double> token;
      for (std::int64_t c = 0; c < 6; ++c) {
        token.push_back(inputs.in[static_cast<size_t>(layer.place(chunk, 6, c, t))]);
      }
      const auto out = expert(layer, inputs, e, token);
      for (std::int64_t c = 0; c < 6; ++c) {
        x[static_cast<size_t>(layer.place(chunk, 6, c, t))] +=
            inputs.gates[at] * out[static_cast<size_t>(c)];
      }
    });
  }
  return x;
}

Inputs inputs_of(const Layer& layer) {
  return {in_double(layer.in), in_double(layer.gates), in_double(layer.weights_in),
          in_double(layer.weights_out)};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {}, {.gated = true}, {.capacity = 11}, {.gated = true, .capacity = 20, .block_columns = 48}};
  return all;
}

TEST(Experts, AgreeWithTheirFormula) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const Case& each : cases()) {
      Layer layer(each);
      expect_close(layer.forward(kernels), output(layer, inputs_of(layer)));
    }
  }
}

struct Gradients {
  std::vector<float> in, gates, weights_in, weights_out;
};

Gradients backward(const Kernels& kernels, Layer& layer) {
  layer.forward(kernels);
  // What is overwritten may hold anything; weights' gradients are added to.
  Gradients d{
      std::vector<float>(layer.in.size(), 3.0f), std::vector<float>(layer.gates.size(), 3.0f),
      std::vector<float>(layer.weights_in.size()), std::vector<float>(layer.weights_out.size())};
  kernels.experts_backward(layer.shape, layer.weights(), layer.state(), layer.scratch(),
                           layer.d_x.data(), {d.weights_in.data(), d.weights_out.data()},
                           d.in.data(), d.gates.data());
  return d;
}

// Gradients by every 7th value of one of the inputs, the others as they are. Values are about 1,
// and sums have tens of terms.
void check(const Layer& layer, std::vector<double> Inputs::*part, const std::vector<float>& found) {
  Inputs inputs = inputs_of(layer);
  for (size_t at = 0; at < found.size(); at += 7) {
    const auto loss = [&](const std::vector<double>& value) {
      const double kept = (inputs.*part)[at];
      (inputs.*part)[at] = value[0];
      const auto out = output(layer, inputs);
      (inputs.*part)[at] = kept;
      double sum = 0;
      for (size_t i = 0; i < out.size(); ++i) sum += out[i] * layer.d_x[i];
      return sum;
    };
    ASSERT_NEAR(found[at], numeric_gradient(loss, {(inputs.*part)[at]})[0], 3e-5) << at;
  }
}

TEST(Experts, GradientsAgreeWithDifferences) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const Case& each : cases()) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << each.gated << " " << each.capacity);
      Layer layer(each);
      const Gradients found = backward(kernels, layer);
      check(layer, &Inputs::in, found.in);
      check(layer, &Inputs::gates, found.gates);
      check(layer, &Inputs::weights_in, found.weights_in);
      check(layer, &Inputs::weights_out, found.weights_out);
    }
  }
}

TEST(Experts, CountWhatFallsOnThemAndWhatTheyTake) {
  for (const Kernels& kernels : usable_kernels()) {
    Layer layer({.capacity = 11});
    std::vector<std::int64_t> loads(5);
    layer.for_each_token([&](std::int64_t chunk, std::int64_t t) {
      for (std::int64_t j = 0; j < 2; ++j) {
        ++loads[static_cast<size_t>(
            layer.chosen[static_cast<size_t>(layer.place(chunk, 2, j, t))])];
      }
    });
    kernels.dispatch(layer.shape, layer.state());
    double dropped = 0, largest = 0;
    for (size_t e = 0; e < 5; ++e) {
      EXPECT_EQ(layer.counts[e], loads[e]);
      EXPECT_EQ(layer.counts[5 + e], std::min<std::int64_t>(loads[e], 11));
      dropped += static_cast<double>(std::max<std::int64_t>(0, loads[e] - 11));
      largest = std::max(largest, static_cast<double>(loads[e]));
    }
    EXPECT_EQ(loads[4], 0);
    const RouterStats stats = kernels.router_stats(layer.shape, layer.state());
    EXPECT_NEAR(stats.dropped, dropped / 126, 1e-12);
    EXPECT_NEAR(stats.largest_load, 5 * largest / 126, 1e-12);
    EXPECT_NEAR(stats.unused, 0.2, 1e-12);
  }
}

// Means over the real tokens alone, of a load that is not even.
TEST(Experts, StatisticsAndBalanceAreMeansOverTokens) {
  for (const Kernels& kernels : usable_kernels()) {
    Layer layer({});
    kernels.dispatch(layer.shape, layer.state());
    double z = 0, entropy = 0;
    std::vector<double> probability(5);
    layer.for_each_token([&](std::int64_t chunk, std::int64_t t) {
      const double log_sum = layer.log_sums[static_cast<size_t>(layer.place(chunk, 1, 0, t))];
      z += log_sum * log_sum / 63;
      entropy += layer.entropies[static_cast<size_t>(layer.place(chunk, 1, 0, t))] / 63.0;
      for (std::int64_t e = 0; e < 5; ++e) {
        probability[static_cast<size_t>(e)] +=
            layer.probabilities[static_cast<size_t>(layer.place(chunk, 5, e, t))] / 63.0;
      }
    });
    std::vector<float> d_shares(5);
    kernels.balance_gradient(layer.shape, layer.state(), 0.5f, d_shares.data());
    double balance = 0;
    for (size_t e = 0; e < 5; ++e) {
      const double share = static_cast<double>(layer.counts[e]) / 126;
      balance += 5 * share * probability[e];
      EXPECT_NEAR(d_shares[e], 0.5 * 5 * share / 63, 1e-8);
    }
    const RouterStats stats = kernels.router_stats(layer.shape, layer.state());
    EXPECT_NEAR(stats.balance, balance, 1e-9);
    EXPECT_NEAR(stats.z, z, 1e-9);
    EXPECT_NEAR(stats.entropy, entropy, 1e-9);
  }
}

// Every choice has a column of its own within what packed_columns promises, in whole blocks.
TEST(Experts, ColumnsNeverMeet) {
  for (const Case& each : cases()) {
    Layer layer(each);
    layer.from.assign(layer.from.size(), -1);
    best_kernels().dispatch(layer.shape, layer.state());
    std::int64_t used = 0, taken = 0;
    for (const std::int64_t from : layer.from) used += from >= 0 ? 1 : 0;
    for (size_t e = 5; e < 10; ++e) taken += layer.counts[e];
    EXPECT_EQ(used, taken);
  }
}

}  // namespace
}  // namespace isoflop
