// What a sweep will cost, before it is run.
//
//   steps    D / (batch x context)
//   memory   16 N bytes (fp32 weights, gradients and AdamW's two moments)
//            + activations, 4 bytes x batch x S x [L (8 d + 4 h k + m f + 2 h S) + 4 d + 3 V],
//              m = 2 for GELU, 3 for SwiGLU: what a backward pass without recomputation keeps, with
//              attention's S x S scores and the logits, their softmax and their gradient
//            + 300 MB for the program with LibTorch; an upper estimate
//   time     FLOPs (exact) / sustained FLOP/s of one core at the model's width
//   wall     k workers that each take the dearest trial left (longest processing time first; at
//   most
//            4/3 of the best schedule: Graham 1969)
//
// Sustained GFLOP/s (exact) of one core, plain LibTorch with batches of 2 sequences of 128, one
// single-thread worker on each of two cores with a peak of about 105 GFLOP/s, 2026-11-23: 7.5 at
// width 16, 11.5 at 32, 19 at 48, 27 at 64, 41 at 128; linear in ln(width) between, proportional to
// width below 16, and as at 128 above. The tabular learner trains nothing: 10 ms a trial.
#ifndef ISOFLOP_SWEEP_COST_H_
#define ISOFLOP_SWEEP_COST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/trial.h"
#include "db/rows.h"

namespace isoflop {

struct TrialCost {
  double params = 0;
  double tokens = 0;
  std::int64_t steps = 0;
  double flops_6nd = 0;
  double flops_exact = 0;
  double memory_bytes = 0;
  double seconds = 0;  // on one core
};

struct SweepCost {
  std::vector<TrialCost> trials = {};  // in the order given
  int workers = 1;
  double flops_6nd = 0;
  double flops_exact = 0;
  double core_seconds = 0;
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

// Wall-clock seconds when `workers` take jobs in turn, the longest first.
double longest_first_makespan(std::vector<double> seconds, int workers);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_COST_H_
