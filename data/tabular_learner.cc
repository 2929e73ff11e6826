#include "data/tabular_learner.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/hash.h"
#include "data/smooth_sum.h"

namespace isoflop {

TabularLearner::TabularLearner(const DataSpec& data, const TabularOptions& options)
    : facts_(data), options_(options) {
  if (data.zipf_values < 1) {
    throw usage_error(
        "tabular learner: data.zipf_values: there is nothing to learn without values; "
        "give at least 1");
  }
}

double TabularLearner::capacity(double params) const {
  const DataSpec& data = facts_.spec();
  const double bits_a_fact =
      static_cast<double>(data.zipf_values) * std::log2(static_cast<double>(data.zipf_alphabet));
  return std::min(options_.bits_per_param * params / bits_a_fact,
                  static_cast<double>(facts_.facts()));
}

double TabularLearner::distinct_tokens(double tokens) const {
  const double unique = facts_.spec().unique_tokens;
  return unique > 0 ? std::min(tokens, unique) : tokens;
}

// Term k of the binomial follows from term k - 1; for k > n (not whole) it is 0.
double TabularLearner::unseen(double rank, double records) const {
  const double p = facts_.probability(rank);
  if (std::isinf(records)) return 0;
  double term = std::exp(records * std::log1p(-p));
  double sum = 0;
  for (int k = 0; k < options_.min_seen; ++k) {
    sum += term;
    term *= std::max(0.0, records - k) / (k + 1) * p / (1 - p);
  }
  return std::min(sum, 1.0);
}

double TabularLearner::excess(double params, double tokens) const {
  const DataSpec& data = facts_.spec();
  const double all = static_cast<double>(facts_.facts());
  const double records = distinct_tokens(tokens) / static_cast<double>(facts_.record_tokens());
  const double room = capacity(params);
  const double whole = std::floor(room);

  double missing =
      smooth_sum([&](double r) { return facts_.probability(r) * unseen(r, records); }, 1, whole);
  if (whole < all) {
    const double next = whole + 1;
    missing += facts_.mass(next, all) -
               (room - whole) * facts_.probability(next) * (1 - unseen(next, records));
  }
  const double saved =
      std::log(static_cast<double>(data.zipf_alphabet)) - facts_.position_entropy(data.zipf_digits);
  return static_cast<double>(data.zipf_values) * saved * missing /
         static_cast<double>(facts_.record_tokens());
}

double TabularLearner::params_exponent() const { return facts_.spec().zipf_alpha; }

double TabularLearner::tokens_exponent() const {
  return facts_.spec().zipf_alpha / (1 + facts_.spec().zipf_alpha);
}

double with_noise(double loss, double noise, std::uint64_t seed) {
  SplitMix64 random(splitmix64(seed));
  // Box and Muller 1958; 1 - u is never 0.
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return loss * std::exp(noise * radius * std::cos(2 * std::numbers::pi * random.uniform()));
}

}  // namespace isoflop
