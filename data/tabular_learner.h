// A learner that needs no training: its expected loss is known exactly for every N and D, in
// milliseconds. It lets a whole sweep, fit and prediction be tested against the truth.
//
// The world is Zipf facts (data/zipf_facts.h): ranks p_r ~ r^-(1 + alpha), L digits and M values a
// record. The learner knows the digits' law. It keeps fact r when r is among the
//   R = bits N / (M log2 V)
// most frequent ones (the capacity of N parameters) and occurred at least n0 times among the
// n = D / (L + M) training records (binomial). A kept fact costs H_eps at each value, any other ln
// V:
//   L(N, D) = E + M Delta / (L + M) x sum_r p_r (1 - [r <= R] P(Binomial(n, p_r) >= n0))
//   Delta = ln V - H_eps,   E = (H(r) + M H_eps) / (L + M)         nats per token
// Repeated data (data.unique_tokens = U below D) bring nothing new: a fact counts where it occurs
// among distinct records, so that the loss is L(N, min(D, U)). A repetition worth something, as a
// network's is, is not this learner's.
// A fractional R keeps the next fact with that probability, and n need not be whole, so that L is
// continuous.
//
// Known limits: D -> infinity gives excess ~ N^-alpha, N -> infinity gives D^-(alpha / (1 +
// alpha)), both until K is exhausted: keep K M log2 V well above bits N. The loss is on purpose not
// A N^-a + B D^-b: where both limits are equal it is 0.55 to 0.62 of their sum, because a fact that
// is missing for two reasons costs once. A fit that assumes the sum is misspecified there.
//
// A and B are this learner's own, E and the exponents are what a trained network would share.
// Sources: Michaud et al. 2023 (quantization model), Hutter 2021; 2 bits a parameter: Allen-Zhu and
// Li 2024.
#ifndef ISOFLOP_DATA_TABULAR_LEARNER_H_
#define ISOFLOP_DATA_TABULAR_LEARNER_H_

#include <cstdint>

#include "core/trial.h"
#include "data/zipf_facts.h"

namespace isoflop {

struct TabularOptions {
  int min_seen = 1;           // n0: how often a fact must occur before it is known
  double bits_per_param = 2;  // capacity
};

class TabularLearner {
 public:
  // Uses the zipf_* fields. Throws Error(kUsage) as ZipfFacts does, and when there are no values.
  explicit TabularLearner(const DataSpec& data, const TabularOptions& options = {});

  double entropy_rate() const { return facts_.stream_entropy_rate(); }  // E, nats per token
  // L and L - E at N parameters and D tokens, both > 0 (D may be infinite), of which the data's
  // unique_tokens are distinct.
  double loss(double params, double tokens) const {
    return entropy_rate() + excess(params, tokens);
  }
  double excess(double params, double tokens) const;
  // Distinct ones among `tokens`.
  double distinct_tokens(double tokens) const;
  // R, at most K.
  double capacity(double params) const;

  double params_exponent() const;  // alpha
  double tokens_exponent() const;  // alpha / (1 + alpha)

  const ZipfFacts& facts() const { return facts_; }

 private:
  double unseen(double rank, double records) const;  // P(Binomial(records, p_rank) < n0)

  ZipfFacts facts_;
  TabularOptions options_;
};

// `loss` x exp(noise x z) with z standard normal drawn from `seed`: what training noise does to a
// loss, `noise` being its standard deviation in ln L.
double with_noise(double loss, double noise, std::uint64_t seed);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TABULAR_LEARNER_H_
