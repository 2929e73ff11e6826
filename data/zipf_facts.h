// "Zipf facts": a source of tokens whose entropy is known exactly and on which losses fall as
// powers of N and D.
//
// A stream of independent records. A record is
//   L digits in base b of r - 1, most significant first; rank r is drawn from p_r = r^-s / Z,
//     s = 1 + alpha, r = 1..K, K = b^L
//   M value tokens: v(r, j) = hash(zipf_seed, r, j) mod V, each replaced by a uniform one with
//     probability eps
// Digits are ids 0..b-1, values b..b+V-1; the vocabulary is b + V. No table is stored: K may be
// 10^12.
//
// Entropies, nats:
//   H(r) = -sum p_r ln p_r
//   H_eps = -(1 - eps + eps/V) ln(1 - eps + eps/V) - (V - 1) (eps/V) ln(eps/V)   of a value given r
//   rate = (H(r) + M H_eps) / (L + M)   per token of the endless stream
// A window that starts on a record has no prediction for its first token, and may end inside a
// record: entropy_rate(context) is the mean of the exact conditional entropies of the `context`
// tokens that are predicted, and this, not the stream's rate, is what a loss on windows must be
// compared with.
//
// A digit given the ones before it is a ratio of sums of r^-s over an interval, O(1) each (a table
// to 2,048 and Euler-Maclaurin beyond), so ln p is known for every token of a sample.
//
// Why losses are powers: a fact seen often and fitting in the weights saves Delta = ln V - H_eps at
// each of its values; see data/tabular_learner.h.
//
// Threads: const calls are safe from any number. Errors: Error(kUsage) naming the key. Samples use
// libm's exp and log, so two C libraries may differ in one sample in about 10^13.
// Sources: the quantization model of Michaud et al. 2023 and Hutter 2021 (why facts), Debowski's
// Santa Fe process (records of a Zipf key and a fixed table); sampling by rejection-inversion,
// Hoermann and Derflinger 1996.
#ifndef ISOFLOP_DATA_ZIPF_FACTS_H_
#define ISOFLOP_DATA_ZIPF_FACTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/hash.h"
#include "core/trial.h"

namespace isoflop {

class ZipfFacts {
 public:
  // Needs alpha > 0, base >= 2, digits >= 1, values >= 0, alphabet >= 2 and noise in [0, 1]; K <=
  // 2^50.
  explicit ZipfFacts(const DataSpec& data);

  std::int64_t vocab() const { return spec_.zipf_base + spec_.zipf_alphabet; }
  std::int64_t record_tokens() const { return spec_.zipf_digits + spec_.zipf_values; }
  std::int64_t facts() const { return facts_; }  // K
  const DataSpec& spec() const { return spec_; }

  // p_r, and the sum of p over first..last (1 <= first <= last <= K).
  double probability(double rank) const;
  double mass(double first, double last) const;
  // v(r, j) in [0, V).
  std::int64_t true_value(std::int64_t rank, std::int64_t j) const;

  double fact_entropy() const { return prefix_entropy_.back(); }  // H(r)
  double value_entropy() const { return value_entropy_; }         // H_eps
  // Of the token at `position` in its record given the record so far.
  double position_entropy(std::int64_t position) const;
  double stream_entropy_rate() const;
  double entropy_rate(std::int64_t context) const;

  std::int64_t sample_rank(SplitMix64& random) const;
  // Fills `tokens` with records from the first token on, the last one cut where `tokens` ends.
  void sample(std::uint64_t seed, std::span<std::int32_t> tokens) const;
  // ln p of tokens[1..] given the earlier ones; `tokens` starts on a record and `out` is one
  // shorter.
  void log_probs(std::span<const std::int32_t> tokens, std::span<double> out) const;

 private:
  double power_sum(double first, double last) const;  // sum of r^-s
  double mass_of_prefix(double prefix, std::int64_t digits) const;
  double entropy_of_prefixes(std::int64_t digits) const;
  double log_prob_of_value(std::int64_t rank, std::int64_t j, std::int64_t value) const;

  DataSpec spec_;
  std::int64_t facts_ = 0;
  double exponent_ = 0;               // s
  std::vector<double> partial_sums_;  // [i] = sum of r^-s over r <= i
  double normaliser_ = 0;             // Z
  double value_entropy_ = 0;
  std::vector<double> prefix_entropy_;  // [k]: of the first k digits
  // Of the sampler: the hat's area at both ends, and the distance below which a rank is always
  // taken.
  double area_low_ = 0;
  double area_high_ = 0;
  double squeeze_ = 0;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_ZIPF_FACTS_H_
