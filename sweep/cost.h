// What a sweep will cost, before it is run.
//
//   steps    D / (batch x context)
//   memory   16 N bytes (fp32 weights, gradients and AdamW's two moments), N with all experts
//            + activations, 4 bytes x batch x S x [L (8 d + 4 h k + m f + 2 h S) + 4 d + 3 p V],
//              m = 2 for GELU, 3 for SwiGLU: what a backward pass without recomputation keeps, with
//              attention's S x S scores and the logits, their softmax and their gradient; p is the
//              share of tokens that are predicted, 1 unless masked. With experts
//              (k + s) (m f / G + 2 d) + 3 E takes the place of m f: each chosen expert's hidden
//              layer, its input and its output, and the router
//            + 300 MB for the program with LibTorch; an upper estimate
//   time     FLOPs (exact, of active parameters) / sustained FLOP/s of one core at the model's
//            width
//   wall     sweep/makespan.h, the dearest trial or trunk first
//
// Trials of one trunk (core/schedule.h) pay for it once: in the order of their branches b_1 <= b_2
// ..., trial i is given b_(i-1) tokens and spends f (D_i - b_(i-1)), f its FLOPs per token. With
// the cooldown c of every D that sums to f (sum c D_i + (1 - c) D_max). That holds where every
// branch is trained by this sweep and none fails; what is evaluated or trained twice after a kill
// comes on top.
//
// Sustained GFLOP/s (exact) of one core, batches of 2 sequences of 128, one single-thread worker on
// each of two cores with a peak of about 115 GFLOP/s (AVX-512), 2026-11-23: 70 at width 16, 75 at
// 32, 80 at 48 and beyond (88 at 64, 74 at 128); linear in ln(width) between, proportional to width
// below
// 16. The tabular learner trains nothing: 10 ms a trial.
#ifndef ISOFLOP_SWEEP_COST_H_
#define ISOFLOP_SWEEP_COST_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/trial.h"
#include "db/rows.h"

namespace isoflop {

struct TrialCost {
  double params = 0;
  double active_params = 0;  // that a token passes through
  double tokens = 0;
  std::int64_t steps = 0;
  double flops_6nd = 0;    // of all its steps: the C of its point
  double flops_exact = 0;  // the same
  double memory_bytes = 0;
  double seconds = 0;  // on one core, were it trained alone
  double given = 0;    // tokens of its trunk that a trial before it has trained
};

struct SweepCost {
  std::vector<TrialCost> trials = {};  // in the order given
  int workers = 1;
  double flops_6nd = 0;  // spent: a shared trunk once
  double flops_exact = 0;
  double flops_6nd_alone = 0;  // were every trial trained by itself
  double flops_exact_alone = 0;
  int trunks = 0;           // that two trials or more share
  double core_seconds = 0;  // spent
  double seconds = 0;       // from start to end with that many workers
  double memory_bytes = 0;  // the `workers` largest trials at once
};

struct CostOptions {
  int workers = 1;
  // This machine's core against the table's; 2 halves every time.
  double speed = 1;
};

// FLOP/s (exact) that one core sustains; see above.
double sustained_flops(std::int64_t width);

double memory_bytes(const Trial& trial);

TrialCost cost_of(const Trial& trial, double speed = 1);
SweepCost cost_of(std::span<const PlannedTrial> trials, const CostOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_COST_H_
