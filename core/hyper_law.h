// Laws of the peak learning rate and the batch: powers of what a run is.
//
//   y = c N^n D^d C^e       y: AdamW's peak rate, or a batch in tokens
//
// Published ones, each with its way of counting N and the range that it was measured in:
//
//   steplaw    rate 1.79 N^-0.713 D^0.307, batch 0.58 D^0.571; N without embeddings and head
//              (Li et al. 2025, arXiv:2503.04715; N 60M to 1.1B, D 2B to 100B)
//   deepseek   rate 0.3118 C^-0.1250, batch 0.2920 C^0.3271; C = M D with M = 72 L d^2 + 12 L d S
//              FLOPs a token, no embeddings, no head (DeepSeek-AI 2024, arXiv:2401.02954, eq. 1; C
//              1e17 to 2e19)
//   porian     rate 3.7 N^-0.36, batch 0.00037 N^0.703 sequences of 2,048 tokens; N of all matrix
//              products, the head with them; beta2 0.99 to 220M, 0.95 beyond (Porian et al. 2024,
//              arXiv:2406.19146; N 5M to 108M near 20 tokens a parameter)
//   nanochat   batch 2^19 (D / 1.32e9)^0.383, for Muon (nanochat, scripts/base_train.py at 00255c1:
//              measured at 1.32B tokens; exponent of Bergsma et al. 2025, arXiv:2505.13738)
//
// MiniCPM (Hu et al. 2024, arXiv:2404.06395) has no law of the rate: under its width transfer 0.01
// is best at every size; its batch is a power of the loss. The program's own rule, which has ends
// where powers have none, is core/rate_rule.h.
//
// A law that was fitted has draws, each a whole law, because coefficient and exponents are almost
// perfectly correlated: an interval at any N, D is the quantiles of the draws' values there.
//
// Pure functions; safe from any thread.
#ifndef ISOFLOP_CORE_HYPER_LAW_H_
#define ISOFLOP_CORE_HYPER_LAW_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/law_parameters.h"
#include "core/model_config.h"

namespace isoflop {

// What a law's N counts; of a sparse model what a token passes through.
enum class CountedParams {
  kAll,
  kNonEmbedding,  // blocks and norms alone
  kLinear,        // blocks and the head's product, not the embedding
};
std::string_view name_of(CountedParams counted);  // "all", "non-embedding", "linear"
// Throws Error(kUsage) listing the names.
CountedParams parse_counted_params(std::string_view name);

struct HyperPower {
  double coefficient = 0;
  double params = 0;  // exponents
  double tokens = 0;
  double flops = 0;

  bool operator==(const HyperPower&) const = default;
};

struct HyperTerm {
  HyperPower power;
  std::vector<HyperPower> draws = {};  // empty: how sure it is, is not known

  bool operator==(const HyperTerm&) const = default;
};

// Where a law was measured; 0: not said.
struct HyperRange {
  double low = 0;
  double high = 0;

  bool operator==(const HyperRange&) const = default;
};

struct HyperLaw {
  std::string name;
  std::string citation = {};
  CountedParams counted = CountedParams::kAll;
  std::optional<HyperTerm> rate = {};
  std::optional<HyperTerm> batch = {};  // tokens
  HyperRange params = {}, tokens = {}, flops = {}, tokens_per_param = {};
  double warmup_per_param = 0;  // warm-up, tokens for each parameter; 0: the law does not say
  double level = 0.9;           // of intervals

  bool operator==(const HyperLaw&) const = default;
};

// A run as such laws see it.
struct HyperPoint {
  double params = 0;  // all that a token passes through
  double nonembedding_params = 0;
  double linear_params = 0;
  double tokens = 0;
  double flops = 0;  // M D
};
// Of a shape: every way of counting is known. Of N alone: all of them are N, and C is 6 N D.
HyperPoint hyper_point(const ModelConfig& model, double tokens);
HyperPoint hyper_point(double params, double tokens);

double params_as(CountedParams counted, const HyperPoint& point);
double value_at(const HyperPower& power, CountedParams counted, const HyperPoint& point);
// With the draws' interval at the law's level, absent where its end is no number; all absent where
// the law does not say it.
std::optional<Interval> rate_at(const HyperLaw& law, const HyperPoint& point);
std::optional<Interval> batch_at(const HyperLaw& law, const HyperPoint& point);  // tokens

// How the point lies outside of what the law was measured at, a phrase each: "N 7.00B is 6.4x above
// 1.10B". Empty: inside.
std::vector<std::string> outside_of(const HyperLaw& law, const HyperPoint& point);

// "1.79 N^-0.713 D^0.307"
std::string power_text(const HyperPower& power);
// "N 60.0M to 1.10B, D 2.00B to 100B"; empty: not said.
std::string range_text(const HyperLaw& law);

std::span<const HyperLaw> published_hyper_laws();
// Throws Error(kUsage) listing the names.
const HyperLaw& published_hyper_law(std::string_view name);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_HYPER_LAW_H_
