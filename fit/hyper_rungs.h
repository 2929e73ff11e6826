// From runs to rungs: what each size and D says of its best rate and its best batch.
//
// A cell is what agrees in group, N and D (to 3 %, since D is rounded to whole batches); seeds are
// averaged. A slice of it is one batch at three rates or more, or one rate at three batches or
// more. Through the points of a slice within a factor 4 of the best (its neighbours at least) runs
// a parabola
//
//   L = m + k/2 (x - x*)^2,  x = ln(rate) or ln(batch)
//
// by least squares, each point weighing as many seeds as it has. With sigma the noise of one loss,
// x* = -b / (2 c) has the standard error of the delta method. A best value at the edge, beside a
// rate at which training diverged, or on a curvature below twice its own error is no bracket:
// HyperRung::state says which.
//
// Where rates were varied at three batches or more, the batch's parabola goes through the least
// losses of those slices, each with the variance of a vertex's height (the delta method again), and
// the cell's best rate is taken at its best batch, linearly in ln batch between the slices beside
// it. Where only a star was trained (rates at one batch, batches at one rate), each has its own
// parabola.
//
// Of several batches that which has the least loss speaks for the cell's rate. Where its rates are
// no bracket, the cell has none, however well worse batches are bracketed; nor has it a batch.
//
// sigma: pooled over repeated seeds, or else over the residuals of parabolas with more than three
// points; needs three degrees of freedom.
#ifndef ISOFLOP_FIT_HYPER_RUNGS_H_
#define ISOFLOP_FIT_HYPER_RUNGS_H_

#include <span>
#include <string>
#include <vector>

#include "core/hyper_fit.h"

namespace isoflop {

struct LossNoise {
  double sigma = 0;    // nats; 0: unknown
  double freedom = 0;  // of its estimate
  std::string source;  // "seeds" or "residuals"
};

struct HyperRungs {
  std::vector<HyperRung> rates;    // a cell one, by N, then D
  std::vector<HyperRung> batches;  // the same
  LossNoise noise;
  int groups = 0;    // recipes
  int diverged = 0;  // cells with a slice, but no run in one that ended
};

HyperRungs find_hyper_rungs(std::span<const TunedRun> runs, double level);

// The loss beyond the rung's least at another value, by its parabola; absent for a rung that is not
// bracketed, and more than a factor 2 beyond what was tried.
std::optional<double> rung_loss(const HyperRung& rung, double value);

// The value that a share p of Student's t with `freedom` degrees lies below.
double student_quantile_of(double p, double freedom);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_HYPER_RUNGS_H_
