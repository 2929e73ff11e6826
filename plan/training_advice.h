// Peak rate and batch by published laws (core/hyper_law.h), each with the range that it was
// measured in.
//
// Critical batch, beyond which more sequences a step save little time: 2e8 / L^(1/0.21) tokens
// (Kaplan et al. 2020, arXiv:2001.08361, eq. 5.3), for losses like theirs.
#ifndef ISOFLOP_PLAN_TRAINING_ADVICE_H_
#define ISOFLOP_PLAN_TRAINING_ADVICE_H_

#include "core/hyper_law.h"
#include "core/plan.h"

namespace isoflop {

// L nats per token.
TrainingAdvice training_advice(const HyperPoint& point, double loss);

// Where nothing is known of the shape: C is pre-training's, N without a sparse model's idle
// experts, L nats per token.
TrainingAdvice training_advice(double flops, double params, double tokens, double loss);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_TRAINING_ADVICE_H_
