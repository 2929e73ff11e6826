// A sweep that chooses its next trials by what they are worth, and stops when the answer is known
// well enough: the policy of `isoflop sweep run GRID --until WIDTH --flops TARGET`. Pure: it is
// handed what there is and says what to do; the caller runs trials and asks again.
//
//   WIDTH   high / low of the interval of N* at the target: 1.3 holds N* to a factor 1.3 from end
//           to end, about +-14 %
//
// The loop, which can be left and entered again at any time (the answer depends on nothing but the
// arguments):
//
//   std::vector<CandidateCell> cells = ...;      // of the planned grid, all kOpen
//   for (AdaptiveStep step;;) {
//     step = next_batch(cells, observations, options, step.held);
//     if (step.stop) break;                      // step.why says why, step.params is N*
//     for (id : step.next) ...run it; set its state to kDone or kLost, add its observation...
//   }
//
// Cells that still run may be passed as kRunning: their cost counts as spent and what they will
// tell is counted as told, so that idle workers can be given more before a batch has ended.
//
// What a cell is worth. With the law linear about its fit, theta = (ln E, ln A, ln B, alpha, beta),
// g(x) = d ln L / d theta at cell x and c = d ln N*(C_target) / d theta, runs at points x_p,
// n_p seeds each, leave
//   V = (P + sum_p g_p g_p^T / (s^2 / n_p + t^2))^-1,       var(ln N*) = c^T V c
// and a cell is worth the fall of var(ln N*) that it brings, averaged over a few of the fit's
// draws, because the law is known roughly only; a cell is taken by its worth over its marginal
// cost, greedily (c-optimal design: Elfving 1952; Pukelsheim 1993). s is the noise of a run, t a
// point's own error, which no seed averages away: the law's form, its learning rate. P is a weak
// prior.
//
// Marginal cost, f FLOPs a token: f (D - b), b the trunk's furthest branch among trials before it;
// nothing is given where that branch is beyond the cell's own, because a trunk keeps its newest
// state only (trainer/checkpoint_folder.h). Within a batch a trunk's trials run in the order of
// their branches, each given the one before it (sweep/cost.h).
//
// Errors: Error(kUsage) for options out of range, cells that are malformed or whose ids repeat;
// Error(kRefused, "no_candidates") when there are no cells, "cannot_determine" when all of them
// together could not determine a law (fit/check_observations.h), so a hopeless grid costs nothing.
#ifndef ISOFLOP_DESIGN_ADAPTIVE_H_
#define ISOFLOP_DESIGN_ADAPTIVE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/observation.h"
#include "fit/bootstrap.h"

namespace isoflop {

// kLost: failed, diverged or cancelled; never proposed again.
enum class CellState { kOpen, kRunning, kDone, kLost };

struct CandidateCell {
  std::int64_t id = 0;         // the caller's own, unique
  double params = 0;           // N
  double tokens = 0;           // D
  double flops_per_token = 0;  // f, under the convention of AdaptiveOptions::flops
  std::int64_t seed = 0;       // cells of the same N and D differ by it
  std::string trunk;           // equal for cells that share one; empty: none
  double branch_tokens = 0;    // of the trunk; 0 without one
  CellState state = CellState::kOpen;
};

struct AdaptiveOptions {
  double target_flops = 0;  // C at which N* is wanted
  double until = 1.3;       // WIDTH, above 1
  double level = 0.9;       // of the interval
  int batch = 4;            // cells a batch has at least: the number of workers is a good choice
  FlopsPerToken flops = FlopsPerToken::six_n();
  double most_flops = 0;  // spend no more than this, 0: all cells
  int draws = 300;
  std::uint64_t seed = 0;  // of the draws
  int threads = 1;
};

enum class AdaptiveStatus {
  kStart,      // no law yet: the batch is cheap cells that together determine one
  kGoOn,       // the interval is too wide, or a guard holds
  kReached,    // stop: as narrow as asked for
  kExhausted,  // stop: no cell is left, or none that `most_flops` allows
  kWait,       // nothing to start now: what runs decides
};

struct AdaptiveStep {
  AdaptiveStatus status = AdaptiveStatus::kStart;
  bool stop = false;
  std::string why;                 // one sentence
  std::vector<std::int64_t> next;  // ids, in the order in which they should start
  double next_flops = 0;           // marginal, of all of them
  double expected_width = 0;       // after them; 0: unknown

  double spent_flops = 0;  // by cells done or running, shared trunks once
  double alone_flops = 0;  // the same without sharing
  int held = 0;            // looks in a row that were narrow enough; hand it to the next call

  bool has_law = false;
  LawFit fit;                       // with draws, when has_law
  Interval params;                  // N* at the target
  double width = 0;                 // high / low of it
  double noise = 0;                 // s
  std::vector<std::string> guards;  // what forbids to stop though the interval is narrow enough
};

// f x tokens of every open cell that would be trained now, given what is done or runs; kLost and
// done cells cost 0. In the order of `cells`.
std::vector<double> marginal_costs(std::span<const CandidateCell> cells);

// FLOPs spent by the cells that are done or running, their trunks shared.
double spent_flops(std::span<const CandidateCell> cells);

// `done`: every usable observation, of these cells and of earlier runs; diverged ones left out.
// `held`: AdaptiveStep::held of the look before, 0 at first or when it is not known.
AdaptiveStep next_batch(std::span<const CandidateCell> cells, std::span<const Observation> done,
                        const AdaptiveOptions& options, int held = 0);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_ADAPTIVE_H_
