// A budget shared out by a law of sparse models: the best dense model, the best one of each number
// of experts, and which of them wins.
//
//   at equal FLOPs    min over N, D of L(N, D, E) such that f(N) D = C, N what a token passes
//                     through; f is 6 N, or that of the fit's own runs
//   at equal memory   the same with at most M parameters in all: N r(E) <= M, r of sparse_shape
//                     (plan/loss_surface.h)
//
// Without a memory M is what the best dense model weighs: then every model costs as much to train
// and as much to hold (Ludziejewski et al. 2025, arXiv:2502.05172, where sparse models win so too).
//
// The dense model is E = 1, or the fewest experts of the fitted runs all of whose parameters are
// active. Krajewski et al.'s law is of 64 experts only; the dense one
// beside it is their Table 1's. Intervals are quantiles over the fit's draws, differences to the
// dense model taken draw by draw.
//
// Warnings: experts_outside (the law was fitted to fewer or more), extrapolation, no_uncertainty,
// no_dense (the law has no dense model), runaway (an optimum at an end of the search).
//
// Errors: Error(kUsage) for numbers that are not positive and finite, experts below 1, a law that
// is not of sparse models; Error(kRefused): "no_trade_off" for a law at one D (Clark et al.),
// "budget_too_small".
#ifndef ISOFLOP_PLAN_SPARSE_PLAN_H_
#define ISOFLOP_PLAN_SPARSE_PLAN_H_

#include <optional>
#include <vector>

#include "core/law_fit.h"
#include "core/sparse_plan.h"
#include "plan/loss_surface.h"

namespace isoflop {

struct SparseRequest {
  double flops = 0;
  std::vector<double> experts;  // empty: the fit's range, or 1, 2, 4, ... 64
  std::optional<double> granularity;
  std::optional<double> unique_tokens;
  double repeat_decay = kRepeatDecay;
  double extra_tokens = 0;  // K of plan/allocation.h
  std::optional<double> memory_bytes;
  double bytes_per_param = 2;
};

// Whether the fit's law knows experts, sparsity or granularity.
bool is_sparse_law(const LawFit& fit);

SparsePlan make_sparse_plan(const LawFit& fit, const SparseRequest& request);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_SPARSE_PLAN_H_
