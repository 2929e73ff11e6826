#include "data/zipf_facts.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "data/smooth_sum.h"
#include "data/zipf_source.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

DataSpec spec(double alpha, std::int64_t base, std::int64_t digits) {
  DataSpec data{.source = "zipf"};
  data.zipf_alpha = alpha;
  data.zipf_base = base;
  data.zipf_digits = digits;
  return data;
}

// p_r for r = 1..K, in long double.
std::vector<long double> brute_probabilities(const DataSpec& data, std::int64_t facts) {
  std::vector<long double> p;
  for (std::int64_t r = 1; r <= facts; ++r) {
    p.push_back(std::pow(static_cast<long double>(r), -1.0L - data.zipf_alpha));
  }
  const long double total = std::accumulate(p.rbegin(), p.rend(), 0.0L);
  for (long double& each : p) each /= total;
  return p;
}

// Entropy of the prefixes that cover `width` ranks each, by adding up every rank.
double brute_prefix_entropy(const std::vector<long double>& p, std::size_t width) {
  long double entropy = 0;
  for (std::size_t first = 0; first < p.size(); first += width) {
    const auto begin = p.begin() + static_cast<std::ptrdiff_t>(first);
    const long double mass =
        std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(width), 0.0L);
    entropy -= mass * std::log(mass);
  }
  return static_cast<double>(entropy);
}

TEST(ZipfFacts, EntropiesAgreeWithBruteForce) {
  // Tolerance: 1e-12 absolute, the accuracy promised in smooth_sum.h times entropies below 10 nats.
  for (const DataSpec& data :
       {spec(0.5, 16, 3), spec(0.5, 16, 5), spec(1.0, 2, 20), spec(0.3, 2, 12), spec(0.3, 32, 4),
        spec(2.0, 16, 4), spec(0.5, 5, 2)}) {
    const ZipfFacts facts(data);
    const auto p = brute_probabilities(data, facts.facts());
    std::size_t width = p.size();
    double chain = 0;
    for (std::int64_t k = 0; k < data.zipf_digits; ++k) {
      chain += facts.position_entropy(k);
      width /= static_cast<std::size_t>(data.zipf_base);
      if (k % 5 == 0 || k + 1 == data.zipf_digits) {
        EXPECT_NEAR(chain, brute_prefix_entropy(p, width), 1e-12)
            << "alpha " << data.zipf_alpha << " K " << facts.facts() << " digits " << k + 1;
      }
    }
    EXPECT_NEAR(chain, facts.fact_entropy(), 1e-13);
  }
}

TEST(ZipfFacts, MassesOfAllDigitsAddUp) {
  for (const std::int64_t digits : {3, 6, 10}) {
    const ZipfFacts facts(spec(0.5, 16, digits));
    const double all = static_cast<double>(facts.facts());
    EXPECT_NEAR(facts.mass(1, all), 1, 1e-15);
    for (const double parent : {0.0, 3.0, 255.0}) {
      const double width = all / 256;
      double children = 0;
      for (int digit = 0; digit < 16; ++digit) {
        const double first = parent * width + digit * width / 16 + 1;
        children += facts.mass(first, first + width / 16 - 1);
      }
      const double whole = facts.mass(parent * width + 1, (parent + 1) * width);
      EXPECT_NEAR(children / whole, 1, 1e-13) << "digits " << digits << " parent " << parent;
    }
  }
}

TEST(ZipfFacts, OneRankHasTheMassOfItsProbabilityEvenFarOut) {
  const ZipfFacts facts(spec(0.5, 16, 10));  // K = 1.1e12
  // Up to 2,048 a mass is the difference of two sums near 2.6, rounded to 4e-16 each, and p_2048 is
  // 4e-6 of them.
  for (const double rank : {1.0, 2.0, 100.0, 2048.0}) {
    EXPECT_NEAR(facts.mass(rank, rank) / facts.probability(rank), 1, 1e-10) << rank;
  }
  for (const double rank : {2049.0, 4097.0, 1e6, 1e9, 1e12}) {
    EXPECT_NEAR(facts.mass(rank, rank) / facts.probability(rank), 1, 1e-13) << rank;
  }
}

TEST(ZipfFacts, ValueEntropyIsTheFormulas) {
  DataSpec data = spec(0.5, 16, 3);
  const double p = 0.95 + 0.05 / 16, q = 0.05 / 16;
  EXPECT_NEAR(ZipfFacts(data).position_entropy(3), -p * std::log(p) - 15 * q * std::log(q), 1e-15);
  data.zipf_noise = 0;
  EXPECT_EQ(ZipfFacts(data).position_entropy(3), 0);
  data.zipf_noise = 1;
  EXPECT_NEAR(ZipfFacts(data).position_entropy(3), std::log(16.0), 1e-15);
}

TEST(ZipfFacts, EntropyRateOfAWindowLeavesOutItsFirstTokenAndCutsItsLastRecord) {
  const ZipfFacts facts(spec(0.5, 16, 3));  // records of 5
  const double record = facts.fact_entropy() + 2 * facts.position_entropy(3);
  // corpora.md 6.2 (a): a window of R whole records.
  EXPECT_NEAR(facts.entropy_rate(4 * 5 - 1), (4 * record - facts.position_entropy(0)) / 19, 1e-13);
  EXPECT_NEAR(facts.entropy_rate(1), facts.position_entropy(1), 1e-15);
  EXPECT_NEAR(facts.entropy_rate(6), (record + facts.position_entropy(1)) / 6, 1e-13);
  EXPECT_NEAR(facts.entropy_rate(1'000'000), facts.stream_entropy_rate(), 1e-6);
}

TEST(ZipfFacts, SamplesFollowTheLaw) {
  const ZipfFacts facts(spec(0.5, 16, 3));
  SplitMix64 random(42);
  constexpr int kDraws = 200000;
  std::map<std::int64_t, int> seen;
  for (int i = 0; i < kDraws; ++i) ++seen[facts.sample_rank(random)];
  EXPECT_GE(seen.begin()->first, 1);
  EXPECT_LE(seen.rbegin()->first, facts.facts());
  // Chi-squared over ranks 1..20 and geometric bins beyond; 5 standard deviations of its law.
  double chi = 0, low = 1;
  int bins = 0;
  while (low <= 4096) {
    const double high = std::min(4096.0, low < 20 ? low : std::floor(low * 1.3));
    double count = 0;
    for (auto it = seen.lower_bound(static_cast<std::int64_t>(low));
         it != seen.end() && it->first <= static_cast<std::int64_t>(high); ++it) {
      count += it->second;
    }
    const double expected = kDraws * facts.mass(low, high);
    chi += (count - expected) * (count - expected) / expected;
    ++bins;
    low = high + 1;
  }
  EXPECT_NEAR(chi, bins - 1, 5 * std::sqrt(2.0 * (bins - 1)));
}

TEST(ZipfFacts, SamplesReachFarOutInHugeWorlds) {
  const ZipfFacts facts(spec(0.3, 16, 10));
  SplitMix64 random(1);
  int beyond = 0;
  for (int i = 0; i < 20000; ++i) beyond += facts.sample_rank(random) > 1'000'000;
  const double p = facts.mass(1e6 + 1, static_cast<double>(facts.facts()));
  EXPECT_NEAR(beyond, 20000 * p, 5 * std::sqrt(20000 * p * (1 - p)));
}

TEST(ZipfFacts, ValuesAreTheFactsButForTheNoise) {
  const ZipfFacts facts(spec(0.5, 16, 3));
  std::vector<std::int32_t> tokens(5 * 20000);
  facts.sample(9, tokens);
  int wrong = 0;
  for (size_t at = 0; at < tokens.size(); at += 5) {
    const std::int64_t rank = tokens[at] * 256 + tokens[at + 1] * 16 + tokens[at + 2] + 1;
    for (int j = 0; j < 2; ++j) {
      const std::int32_t value = tokens[at + 3 + static_cast<size_t>(j)];
      ASSERT_GE(value, 16);
      ASSERT_LT(value, 32);
      wrong += value - 16 != facts.true_value(rank, j);
    }
  }
  const double p = 0.05 * 15 / 16;  // replaced, and by another
  EXPECT_NEAR(wrong, 40000 * p, 5 * std::sqrt(40000 * p * (1 - p)));
}

TEST(ZipfFacts, TrueValuesDependOnSeedAndUseTheWholeAlphabet) {
  DataSpec data = spec(0.5, 16, 3);
  const ZipfFacts one(data);
  data.zipf_seed = 2;
  const ZipfFacts two(data);
  int same = 0;
  std::map<std::int64_t, int> values;
  for (std::int64_t r = 1; r <= 4096; ++r) {
    same += one.true_value(r, 0) == two.true_value(r, 0);
    ++values[one.true_value(r, 1)];
  }
  EXPECT_NEAR(same, 256, 5 * 15.5);  // 1 in 16 by chance, sd sqrt(4096 x 15) / 16
  EXPECT_EQ(values.size(), 16u);
  for (const auto& [value, count] : values) EXPECT_NEAR(count, 256, 5 * 15.5);
}

TEST(ZipfFacts, LogProbabilitiesSumToOneOverEveryNextToken) {
  const ZipfFacts facts(spec(0.5, 4, 3));  // vocabulary 4 + 16, records of 5
  std::vector<std::int32_t> tokens(13);
  facts.sample(3, tokens);
  std::vector<double> out(12);
  for (size_t i = 1; i < tokens.size(); ++i) {
    const size_t position = i % 5;
    double total = 0;
    std::vector<std::int32_t> other(tokens.begin(),
                                    tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    for (std::int32_t token = position < 3 ? 0 : 4; token < (position < 3 ? 4 : 20); ++token) {
      other.back() = token;
      facts.log_probs(other, out);
      total += std::exp(out[i - 1]);
    }
    EXPECT_NEAR(total, 1, 1e-13) << "token " << i;
  }
}

TEST(ZipfSource, LogProbabilitiesAverageToTheEntropyRate) {
  for (const std::int64_t context : {63, 100}) {  // whole records of 8, and a cut one
    const ZipfSource source(spec(0.5, 16, 6), {.context = context, .heldout_windows = 4000});
    std::vector<double> log_probs(static_cast<size_t>(context));
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < source.heldout_windows(); ++i) {
      ASSERT_TRUE(source.heldout_true_log_probs(i, log_probs));
      double mean = 0;
      for (const double log_prob : log_probs) mean -= log_prob / static_cast<double>(context);
      sum += mean;
      squares += mean * mean;
    }
    const double mean = sum / 4000;
    const double error = std::sqrt((squares / 4000 - mean * mean) / 4000);
    EXPECT_NEAR(mean, *source.entropy_rate(), 4 * error) << "context " << context;
    EXPECT_LT(error, 3e-3);  // else the line above says nothing
  }
}

TEST(ZipfSource, WindowsAreRandomAccessAndHeldOutOnesDoNotDependOnTheSeed) {
  const DataSpec data = spec(0.5, 16, 6);
  const ZipfSource one(data, {.context = 40, .order_seed = 1}),
      two(data, {.context = 40, .order_seed = 2});
  std::vector<std::int32_t> batch(4 * 41), window(41), other(41);
  one.train_batch(100, batch);
  one.train_batch(102, window);
  EXPECT_TRUE(std::equal(window.begin(), window.end(), batch.begin() + 2 * 41));
  two.train_batch(102, other);
  EXPECT_NE(window, other);
  one.heldout_window(3, window);
  two.heldout_window(3, other);
  EXPECT_EQ(window, other);
  one.train_batch(3, other);
  EXPECT_NE(window, other);
}

TEST(ZipfSource, RefusesWindowsThatDoNotExist) {
  const ZipfSource source(spec(0.5, 16, 6), {.context = 8, .heldout_windows = 2});
  std::vector<std::int32_t> window(9);
  EXPECT_THROW(source.heldout_window(2, window), Error);
  EXPECT_THROW(source.train_batch(-1, window), Error);
  EXPECT_GT(source.unique_tokens(), 0);
}

TEST(ZipfSource, NeverRepeats) {
  const ZipfSource source(spec(0.5, 16, 6), {.context = 8, .heldout_windows = 2});
  std::vector<std::int32_t> first(9), later(9);
  source.train_batch(0, first);
  source.train_batch(source.train_windows(), later);
  EXPECT_NE(first, later);
  EXPECT_EQ(source.passes(1000).unique_tokens, 8000);
  EXPECT_EQ(source.passes(1000).epochs, 0);
}

TEST(ZipfSource, ACapIsAFiniteSampleThatRepeatsInNewOrdersAndIsTheSameForEverySeed) {
  const auto windows_of = [](std::int64_t cap, std::int64_t seed, std::int64_t epoch) {
    const ZipfSource source(spec(0.5, 16, 6),
                            {.context = 24, .order_seed = seed, .unique_windows = cap});
    std::vector<std::vector<std::int32_t>> windows;
    for (std::int64_t i = 0; i < cap; ++i) {
      windows.emplace_back(25);
      source.train_batch(epoch * cap + i, windows.back());
    }
    return windows;
  };
  const auto sorted = [](auto windows) {
    std::sort(windows.begin(), windows.end());
    return windows;
  };
  const auto first = windows_of(40, 1, 0);
  for (const std::int64_t seed : {1, 2}) {
    for (const std::int64_t epoch : {0, 1, 5}) {
      const auto windows = windows_of(40, seed, epoch);
      EXPECT_EQ(sorted(windows), sorted(first));
      if (seed != 1 || epoch != 0) {
        EXPECT_NE(windows, first);
      }
    }
  }
  const auto more = sorted(windows_of(100, 3, 0)), fewer = sorted(first);
  EXPECT_TRUE(std::includes(more.begin(), more.end(), fewer.begin(), fewer.end()));
  const ZipfSource source(spec(0.5, 16, 6), {.context = 24, .unique_windows = 40});
  EXPECT_EQ(source.passes(100).unique_tokens, 960);
  EXPECT_EQ(source.passes(100).epochs, 2.5);
}

TEST(ZipfFacts, RefusesParametersThatMakeNoSourceByName) {
  const auto said = [](auto change) {
    DataSpec data = spec(0.5, 16, 6);
    change(data);
    return message_of<Error>([&] { const ZipfFacts facts(data); });
  };
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_alpha = 0; }), HasSubstr("zipf_alpha"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_alpha = 0.0 / 0.0; }), HasSubstr("zipf_alpha"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_base = 1; }), HasSubstr("zipf_base"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_digits = 0; }), HasSubstr("zipf_digits"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_digits = 13; }), HasSubstr("2^50"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_values = -1; }), HasSubstr("zipf_values"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_alphabet = 1; }), HasSubstr("zipf_alphabet"));
  EXPECT_THAT(said([](DataSpec& d) { d.zipf_noise = 1.5; }), HasSubstr("zipf_noise"));
}

TEST(SmoothSum, AgreesWithAddingUp) {
  const auto g = [](double r) { return std::log(r) * std::pow(r, -1.3) * std::exp(-1e-5 * r); };
  for (const auto& [first, last] : std::vector<std::pair<double, double>>{
           {1, 10}, {1, 4096}, {1, 4097}, {1, 300000}, {100, 5000}, {5000, 5000}, {5000, 200000}}) {
    long double exact = 0;
    for (double r = last; r >= first; --r) exact += g(r);
    // Far short ranges feel the differences in g' more; smooth_sum.h states both.
    const double tolerance = first < 4096 ? 1e-13 : 1e-11;
    EXPECT_NEAR(smooth_sum(g, first, last) / static_cast<double>(exact), 1, tolerance)
        << first << ".." << last;
  }
  EXPECT_EQ(smooth_sum(g, 5, 4), 0);
  EXPECT_EQ(smooth_sum(g, 5000, 4999), 0);
}

}  // namespace
}  // namespace isoflop
