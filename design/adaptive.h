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
//     step = next_batch(cells, observations, options, step.memory);
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
// Branches of one trunk share part of their noise (same weights, same order of data): a
// correlation of `trunk_correlation` between D and 2 D, its square between D and 4 D. A further
// branch is worth what it tells beyond the ones before it, and the interval is widened by what
// sharing does to it (design/shared_noise.h).
//
// Time: a look fits `draws` times (10 to 50 ms); a batch costs cells chosen x open cells x 4 us.
//
// Errors: Error(kUsage) for options out of range, cells that are malformed or whose ids repeat;
// Error(kRefused, "no_candidates") when there are no cells, "cannot_determine" when all of them
// together could not determine a law (fit/check_observations.h), so a hopeless grid costs nothing;
// those of fit_law for rows that it refuses.
#ifndef ISOFLOP_DESIGN_ADAPTIVE_H_
#define ISOFLOP_DESIGN_ADAPTIVE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/observation.h"

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
  double most_flops = 0;  // spend no more than this; 0: all cells
  // Of the noise of ln L between branches of one trunk whose D differ by a factor 2. 0.65 was
  // measured (bench/results/2026-11-23-sweep_cost.md).
  double trunk_correlation = 0.65;
  // Who stops when an interval looks narrow stops too early: the interval is widened by this factor
  // on the scale of ln N*, and has to be narrow enough at so many looks in a row. Measured in the
  // same file.
  double caution = 1.15;
  int looks = 1;
  int draws = 300;
  std::uint64_t seed = 0;  // of the draws
  int threads = 1;
};

enum class AdaptiveStatus {
  kStart,      // no law yet: the batch is cheap cells that together determine one
  kGoOn,       // the interval is too wide, or a guard holds
  kReached,    // stop: as narrow as asked for, and no guard holds
  kDoubtful,   // stop: the runs contradict the law, at three looks in a row if the interval is
               // narrow enough, at six if not: more of these cells would not help, and the
               // interval is not to be trusted
  kExhausted,  // stop: no cell is left, or none that `most_flops` allows
  kWait,       // nothing to start now: what runs decides
};

// What one look hands to the next. Lost (a driver that was killed), it costs a batch more, no more.
struct AdaptiveMemory {
  int held = 0;     // looks in a row at which nothing spoke against stopping
  int doubted = 0;  // looks in a row at which the runs contradicted the law
};

struct AdaptiveStep {
  AdaptiveStatus status = AdaptiveStatus::kStart;
  bool stop = false;
  std::string why;                 // one sentence
  std::vector<std::int64_t> next;  // ids, in the order in which they should start
  double next_flops = 0;           // marginal, of all of them
  double expected_width = 0;       // after them; 0: unknown
  AdaptiveMemory memory;

  // By cells done or running, a trunk's trials in the order of their branches: a lower bound, since
  // a batch may have gone back to an earlier branch.
  double spent_flops = 0;
  double alone_flops = 0;  // the same without sharing

  bool has_law = false;
  LawFit fit;          // with draws (residual bootstrap), when has_law
  Interval params;     // N* at the target; the draws' interval, widened for what trunks share
  double width = 0;    // high / low of it
  double widened = 1;  // that factor on ln, with the caution
  double noise = 0;    // s
  // What speaks against stopping now beside the width, in words. Empty: nothing.
  std::vector<std::string> guards;
};

// f x tokens of every open cell that would be trained now, given what is done or runs; kLost and
// done cells cost 0. In the order of `cells`.
std::vector<double> marginal_costs(std::span<const CandidateCell> cells);

// FLOPs spent by the cells that are done or running, their trunks shared.
double spent_flops(std::span<const CandidateCell> cells);

// `done`: every usable observation, of these cells and of earlier runs; diverged ones left out. The
// rows of a trunk name it in Observation::run.
AdaptiveStep next_batch(std::span<const CandidateCell> cells, std::span<const Observation> done,
                        const AdaptiveOptions& options, const AdaptiveMemory& memory = {});

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_ADAPTIVE_H_
