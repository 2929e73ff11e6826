// The rule for peak rate, batch and warm-up where a sweep does not set them.
//
//   batch = sqrt(D / 2e5) sequences of 128 tokens, rounded, within [2, 16]; 1 below 2e5 tokens,
//           where two would want twice the rate (in tokens: as many for other contexts)
//   rate  = N^-0.45, within [3e-4, 0.03]; one rate for all parameters
//
// Under schedule `cooldown` trials of one N share their trunk whatever D is (core/schedule.h), so
// that nothing here may depend on D:
//
//   batch    as above for D = 30 N, the middle of what a sweep usually covers
//   rate     0.7 of the above: measured at 10k to 115k parameters and 15 to 60 tokens a parameter
//            (docs/decisions/schedule.md); Haegele et al. 2024 (arXiv:2405.18392) find about half
//            of the best cosine's peak for larger models
//   warm-up  N tokens (Porian et al. 2024)
//
// The forms are those of published laws: rate a power of N (Porian et al. 2024: 3.7 N^-0.36), batch
// a power of D (Step Law, Li et al. 2025: 0.58 D^0.571 tokens; here D^0.5). The constants were
// measured on byte-level decoders, 3k to 330k parameters and 70k to 5M tokens, with AdamW (0.9,
// 0.99) and decay 0.03, and checked to 3M parameters, where the best rate is within a factor 2 of
// the rule's at every rung: docs/decisions/rate_rule.md has the brackets.
#ifndef ISOFLOP_CORE_RATE_RULE_H_
#define ISOFLOP_CORE_RATE_RULE_H_

#include <cstdint>
#include <string_view>

namespace isoflop {

struct RateAndBatch {
  double rate = 0;           // AdamW's peak
  std::int64_t batch = 0;    // sequences a step
  double warmup_tokens = 0;  // 0: a fraction of the steps, as train.warmup says
};

// For a model of N = `params` trained on D = `tokens` in sequences of `context` tokens. `schedule`
// is TrainSpec's.
RateAndBatch rate_rule(double params, double tokens, std::int64_t context,
                       std::string_view schedule = "cosine");

}  // namespace isoflop

#endif  // ISOFLOP_CORE_RATE_RULE_H_
