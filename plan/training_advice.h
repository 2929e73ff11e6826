// Peak rate and batch by published laws, each with the range that it was measured in.
//
//   deepseek  rate = 0.3118 C^-0.1250, batch = 0.2920 C^0.3271 tokens
//             (DeepSeek-AI 2024, arXiv:2401.02954, eq. 1; C from 1e17 to 2e19)
//   steplaw   rate = 1.79 N^-0.713 D^0.307, batch = 0.58 D^0.571 tokens
//             (Li et al. 2025, arXiv:2503.04715; N 60M to 1B, D 2B to 100B)
//   porian    rate = 3.7 N^-0.36, batch = 0.00037 N^0.703 sequences of 2,048 tokens
//             (Porian et al. 2024, arXiv:2406.19146; N 5M to 108M near 20 tokens a parameter)
//
// Critical batch, beyond which more sequences a step save little time: 2e8 / L^(1/0.21) tokens
// (Kaplan et al. 2020, arXiv:2001.08361, eq. 5.3), for losses like theirs.
#ifndef ISOFLOP_PLAN_TRAINING_ADVICE_H_
#define ISOFLOP_PLAN_TRAINING_ADVICE_H_

#include "core/plan.h"

namespace isoflop {

// C is pre-training's, N without a sparse model's idle experts, L nats per token.
TrainingAdvice training_advice(double flops, double params, double tokens, double loss);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_TRAINING_ADVICE_H_
