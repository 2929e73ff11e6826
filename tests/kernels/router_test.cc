#include "kernels/router.h"

#include <algorithm>
#include <numeric>

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

struct Routed {
  RouterShape shape;
  std::vector<float> logits, probabilities, log_sums, entropies, gates;
  std::vector<std::int32_t> chosen;

  Routed(std::int64_t experts, std::int64_t k, bool among_chosen)
      : shape{experts, k, 48, 51, among_chosen},
        logits(random_floats(experts * 51, 1, 2.0)),
        probabilities(logits.size()),
        log_sums(51),
        entropies(51),
        gates(static_cast<size_t>(k * 51)),
        chosen(static_cast<size_t>(k * 51)) {}

  RouterState state() {
    return {probabilities.data(), log_sums.data(), entropies.data(), gates.data(), chosen.data()};
  }
  void forward(const Kernels& kernels) {
    probabilities = logits;
    kernels.router_forward(shape, state());
  }
  float logit(std::int64_t e, std::int64_t t) const {
    return logits[static_cast<size_t>(e * 51 + t)];
  }
  std::vector<std::int32_t> choices(std::int64_t t) const {
    std::vector<std::int32_t> all;
    for (std::int64_t j = 0; j < shape.per_token; ++j) {
      all.push_back(chosen[static_cast<size_t>(j * 51 + t)]);
    }
    return all;
  }
};

// The k largest by a stable sort.
std::vector<std::int32_t> sorted_choices(const Routed& routed, std::int64_t t) {
  std::vector<std::int32_t> all(static_cast<size_t>(routed.shape.experts));
  std::iota(all.begin(), all.end(), 0);
  std::stable_sort(all.begin(), all.end(),
                   [&](auto a, auto b) { return routed.logit(a, t) > routed.logit(b, t); });
  all.resize(static_cast<size_t>(routed.shape.per_token));
  return all;
}

struct Expected {
  std::vector<double> probabilities, gates;
  double log_sum = 0, entropy = 0;
};

// `logits`: of one token, in double.
Expected softmax_of(const std::vector<double>& logits, const std::vector<std::int32_t>& chosen,
                    bool among_chosen) {
  Expected result;
  double sum = 0, of_chosen = 0;
  for (const double logit : logits) sum += std::exp(logit);
  result.log_sum = std::log(sum);
  for (const double logit : logits) {
    const double p = std::exp(logit) / sum;
    result.probabilities.push_back(p);
    result.entropy -= p * std::log(p);
  }
  for (const auto e : chosen) of_chosen += result.probabilities[static_cast<size_t>(e)];
  for (const auto e : chosen) {
    result.gates.push_back(result.probabilities[static_cast<size_t>(e)] /
                           (among_chosen ? of_chosen : 1));
  }
  return result;
}

std::vector<double> token_logits(const Routed& routed, std::int64_t t) {
  std::vector<double> logits;
  for (std::int64_t e = 0; e < routed.shape.experts; ++e) logits.push_back(routed.logit(e, t));
  return logits;
}

template <class Body>
void for_each_case(const Body& body) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const bool among_chosen : {false, true}) {
      for (const std::int64_t experts : {1, 2, 7, 64}) {
        for (const std::int64_t k : {1, 2, 6}) {
          if (k > experts) continue;
          SCOPED_TRACE(testing::Message()
                       << kernels.name << " " << among_chosen << " " << k << " of " << experts);
          Routed routed(experts, k, among_chosen);
          routed.forward(kernels);
          body(kernels, routed);
        }
      }
    }
  }
}

TEST(Router, AgreesWithItsFormula) {
  for_each_case([](const Kernels&, const Routed& routed) {
    for (std::int64_t t = 0; t < 48; ++t) {
      const auto chosen = sorted_choices(routed, t);
      ASSERT_EQ(routed.choices(t), chosen) << t;
      const Expected right = softmax_of(token_logits(routed, t), chosen, routed.shape.among_chosen);
      const auto at = [&](const std::vector<float>& rows, size_t row) {
        return rows[row * 51 + static_cast<size_t>(t)];
      };
      for (size_t e = 0; e < right.probabilities.size(); ++e) {
        ASSERT_NEAR(at(routed.probabilities, e), right.probabilities[e], 1e-6);
      }
      for (size_t j = 0; j < chosen.size(); ++j) {
        ASSERT_NEAR(at(routed.gates, j), right.gates[j], 1e-6);
      }
      ASSERT_NEAR(at(routed.log_sums, 0), right.log_sum, 1e-5);
      ASSERT_NEAR(at(routed.entropies, 0), right.entropy, 1e-5);
    }
  });
}

TEST(Router, EqualsGoToTheLowestIndex) {
  for (const Kernels& kernels : usable_kernels()) {
    Routed routed(5, 3, false);
    routed.logits.assign(routed.logits.size(), 0.5f);
    for (std::int64_t t = 0; t < 48; ++t) routed.logits[static_cast<size_t>(3 * 51 + t)] = 2.0f;
    routed.forward(kernels);
    for (std::int64_t t = 0; t < 48; ++t) {
      EXPECT_EQ(routed.choices(t), (std::vector<std::int32_t>{3, 0, 1}));
    }
  }
}

TEST(Router, BrokenLogitsChooseExpertsThatThereAre) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const float broken : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
      Routed routed(4, 2, true);
      routed.logits.assign(routed.logits.size(), broken);
      routed.forward(kernels);
      for (const std::int32_t expert : routed.chosen) {
        EXPECT_GE(expert, 0);
        EXPECT_LT(expert, 4);
      }
      EXPECT_TRUE(std::isnan(routed.gates[0]));
    }
  }
}

// sum_j gate_j d_j + sum_e p_e c_e + z (ln sum exp l)^2 of every token.
TEST(Router, GradientsAgreeWithDifferences) {
  for_each_case([](const Kernels& kernels, Routed& routed) {
    const auto d_gates = random_floats(routed.shape.per_token * 51, 2);
    const auto d_shares = random_floats(routed.shape.experts, 3);
    std::vector<float> found(routed.logits.size());
    kernels.router_backward(routed.shape, routed.state(), {d_gates.data(), d_shares.data(), 0.3f},
                            found.data());
    for (std::int64_t t = 0; t < 48; t += 11) {
      const auto chosen = sorted_choices(routed, t);
      const auto loss = [&](const std::vector<double>& logits) {
        const Expected all = softmax_of(logits, chosen, routed.shape.among_chosen);
        double sum = 0.3f * all.log_sum * all.log_sum;
        for (size_t j = 0; j < chosen.size(); ++j) {
          sum += all.gates[j] * d_gates[j * 51 + static_cast<size_t>(t)];
        }
        for (size_t e = 0; e < logits.size(); ++e) sum += all.probabilities[e] * d_shares[e];
        return sum;
      };
      std::vector<float> of_token;
      for (std::int64_t e = 0; e < routed.shape.experts; ++e) {
        of_token.push_back(found[static_cast<size_t>(e * 51 + t)]);
      }
      expect_close(of_token, numeric_gradient(loss, token_logits(routed, t)));
    }
  });
}

}  // namespace
}  // namespace isoflop
