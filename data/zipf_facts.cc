#include "data/zipf_facts.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "data/smooth_sum.h"

namespace isoflop {
namespace {

// Ranks summed one by one. Half of what smooth_sum takes one by one, so that its fractional points
// never meet the table.
constexpr std::int64_t kTable = 2048;
constexpr double kMostFacts = 0x1.0p+50;  // ranks stay exact in a double

void require(bool fine, const char* key, double value, const char* expected) {
  if (fine) return;
  throw usage_error(std::string("Zipf facts: data.") + key + ": " + exact_number(value) +
                    " makes no source: give " + expected);
}

void check(const DataSpec& data) {
  const auto whole = [](std::int64_t value) { return static_cast<double>(value); };
  require(data.zipf_alpha > 0 && std::isfinite(data.zipf_alpha), "zipf_alpha", data.zipf_alpha,
          "a value above 0");
  require(data.zipf_base >= 2, "zipf_base", whole(data.zipf_base), "at least 2");
  require(data.zipf_digits >= 1 &&
              std::pow(whole(data.zipf_base), whole(data.zipf_digits)) <= kMostFacts,
          "zipf_digits", whole(data.zipf_digits), "at least 1, with base^digits at most 2^50");
  require(data.zipf_values >= 0, "zipf_values", whole(data.zipf_values), "0 or more");
  require(data.zipf_alphabet >= 2, "zipf_alphabet", whole(data.zipf_alphabet), "at least 2");
  require(data.zipf_noise >= 0 && data.zipf_noise <= 1, "zipf_noise", data.zipf_noise,
          "a probability");
}

double minus_p_log_p(double p) { return p > 0 ? -p * std::log(p) : 0; }

double entropy_of_value(const DataSpec& data) {
  const double uniform = data.zipf_noise / static_cast<double>(data.zipf_alphabet);
  return minus_p_log_p(1 - data.zipf_noise + uniform) +
         static_cast<double>(data.zipf_alphabet - 1) * minus_p_log_p(uniform);
}

// expm1(t) / t, and log1p(t) / t: both 1 at t = 0.
double expm1_ratio(double t) { return t == 0 ? 1 : std::expm1(t) / t; }
double log1p_ratio(double t) { return t == 0 ? 1 : std::log1p(t) / t; }

// int_1^x u^-s du with s = 1 + alpha, and its inverse; both grow with x.
double hat(double x, double alpha) {
  const double log_x = std::log(x);
  return expm1_ratio(-alpha * log_x) * log_x;
}
double hat_inverse(double area, double alpha) {
  const double t = std::max(-alpha * area, -1.0);
  return std::exp(log1p_ratio(t) * area);
}

}  // namespace

ZipfFacts::ZipfFacts(const DataSpec& data) : spec_(data), exponent_(1 + data.zipf_alpha) {
  check(data);
  facts_ = 1;
  for (std::int64_t i = 0; i < data.zipf_digits; ++i) facts_ *= data.zipf_base;

  partial_sums_.assign(1, 0.0);
  for (std::int64_t r = 1; r <= std::min(facts_, kTable); ++r) {
    partial_sums_.push_back(partial_sums_.back() + std::pow(static_cast<double>(r), -exponent_));
  }
  normaliser_ = power_sum(1, static_cast<double>(facts_));
  value_entropy_ = entropy_of_value(data);
  const double alpha = data.zipf_alpha;
  area_low_ = hat(1.5, alpha) - 1;
  area_high_ = hat(static_cast<double>(facts_) + 0.5, alpha);
  squeeze_ = 2 - hat_inverse(hat(2.5, alpha) - std::pow(2.0, -exponent_), alpha);
  for (std::int64_t k = 0; k <= data.zipf_digits; ++k) {
    prefix_entropy_.push_back(entropy_of_prefixes(k));
  }
}

double ZipfFacts::power_sum(double first, double last) const {
  double sum = 0;
  if (first <= kTable) {
    const double to = std::min(last, static_cast<double>(kTable));
    sum = partial_sums_[static_cast<size_t>(to)] - partial_sums_[static_cast<size_t>(first) - 1];
    if (last <= kTable) return sum;
    first = kTable + 1;
  }
  // Euler-Maclaurin at midpoints; the integral written so that short intervals lose no digits.
  const double from = first - 0.5;
  const double to = last + 0.5;
  const double log_ratio = std::log1p((to - from) / from);
  const double integral =
      std::pow(from, -spec_.zipf_alpha) * expm1_ratio(-spec_.zipf_alpha * log_ratio) * log_ratio;
  const double slopes = exponent_ * (std::pow(from, -exponent_ - 1) - std::pow(to, -exponent_ - 1));
  return sum + integral - slopes / 24;
}

double ZipfFacts::probability(double rank) const {
  return std::pow(rank, -exponent_) / normaliser_;
}

double ZipfFacts::mass(double first, double last) const {
  return power_sum(first, last) / normaliser_;
}

std::int64_t ZipfFacts::true_value(std::int64_t rank, std::int64_t j) const {
  const auto seed = static_cast<std::uint64_t>(spec_.zipf_seed);
  const std::uint64_t fact = splitmix64(splitmix64(seed) ^ static_cast<std::uint64_t>(rank));
  const std::uint64_t hash = splitmix64(fact + static_cast<std::uint64_t>(j));
  return static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(spec_.zipf_alphabet));
}

// Prefix q of k digits (as a number from 0) covers the ranks q w + 1 .. (q + 1) w, w = b^(L - k).
double ZipfFacts::mass_of_prefix(double prefix, std::int64_t digits) const {
  const double width = std::pow(static_cast<double>(spec_.zipf_base),
                                static_cast<double>(spec_.zipf_digits - digits));
  return mass(prefix * width + 1, (prefix + 1) * width);
}

double ZipfFacts::entropy_of_prefixes(std::int64_t digits) const {
  const double prefixes =
      std::pow(static_cast<double>(spec_.zipf_base), static_cast<double>(digits));
  return smooth_sum([&](double i) { return minus_p_log_p(mass_of_prefix(i - 1, digits)); }, 1,
                    prefixes);
}

double ZipfFacts::position_entropy(std::int64_t position) const {
  if (position >= spec_.zipf_digits) return value_entropy_;
  const auto k = static_cast<size_t>(position);
  return prefix_entropy_[k + 1] - prefix_entropy_[k];
}

double ZipfFacts::stream_entropy_rate() const {
  return (fact_entropy() + static_cast<double>(spec_.zipf_values) * value_entropy_) /
         static_cast<double>(record_tokens());
}

double ZipfFacts::entropy_rate(std::int64_t context) const {
  double sum = 0;
  for (std::int64_t t = 1; t <= context; ++t) sum += position_entropy(t % record_tokens());
  return sum / static_cast<double>(context);
}

// Hoermann and Derflinger 1996: invert the integral of the hat x^-s over [1/2 shifted, K + 1/2],
// round to the nearest rank, accept when the point lies under the histogram.
std::int64_t ZipfFacts::sample_rank(SplitMix64& random) const {
  const double alpha = spec_.zipf_alpha;
  const double most = static_cast<double>(facts_);
  while (true) {
    const double area = area_high_ + random.uniform() * (area_low_ - area_high_);
    const double x = hat_inverse(area, alpha);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, most);
    if (rank - x <= squeeze_ || area >= hat(rank + 0.5, alpha) - std::pow(rank, -exponent_)) {
      return static_cast<std::int64_t>(rank);
    }
  }
}

void ZipfFacts::sample(std::uint64_t seed, std::span<std::int32_t> tokens) const {
  SplitMix64 random(splitmix64(seed));
  const auto alphabet = static_cast<std::uint64_t>(spec_.zipf_alphabet);
  std::vector<std::int32_t> record(static_cast<size_t>(record_tokens()));
  for (size_t at = 0; at < tokens.size(); at += record.size()) {
    const std::int64_t rank = sample_rank(random);
    std::int64_t rest = rank - 1;
    for (std::int64_t k = spec_.zipf_digits - 1; k >= 0; --k) {
      record[static_cast<size_t>(k)] = static_cast<std::int32_t>(rest % spec_.zipf_base);
      rest /= spec_.zipf_base;
    }
    for (std::int64_t j = 0; j < spec_.zipf_values; ++j) {
      const bool replaced = random.uniform() < spec_.zipf_noise;
      const std::int64_t value =
          replaced ? static_cast<std::int64_t>(random.below(alphabet)) : true_value(rank, j);
      record[static_cast<size_t>(spec_.zipf_digits + j)] =
          static_cast<std::int32_t>(spec_.zipf_base + value);
    }
    const size_t count = std::min(record.size(), tokens.size() - at);
    std::copy_n(record.begin(), count, tokens.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

double ZipfFacts::log_prob_of_value(std::int64_t rank, std::int64_t j, std::int64_t value) const {
  const double uniform = spec_.zipf_noise / static_cast<double>(spec_.zipf_alphabet);
  return std::log(value == true_value(rank, j) ? 1 - spec_.zipf_noise + uniform : uniform);
}

void ZipfFacts::log_probs(std::span<const std::int32_t> tokens, std::span<double> out) const {
  double prefix = 0;
  double mass_before = 1;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::int64_t position = static_cast<std::int64_t>(i) % record_tokens();
    double log_prob = 0;
    if (position < spec_.zipf_digits) {
      if (position == 0) prefix = 0, mass_before = 1;
      prefix = prefix * static_cast<double>(spec_.zipf_base) + tokens[i];
      const double mass_now = mass_of_prefix(prefix, position + 1);
      log_prob = std::log(mass_now / mass_before);
      mass_before = mass_now;
    } else {
      log_prob = log_prob_of_value(static_cast<std::int64_t>(prefix) + 1,
                                   position - spec_.zipf_digits, tokens[i] - spec_.zipf_base);
    }
    if (i > 0) out[i - 1] = log_prob;
  }
}

}  // namespace isoflop
