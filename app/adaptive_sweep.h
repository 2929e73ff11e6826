// `isoflop sweep run --until`: plans a few trials of a grid, looks at the law, plans the next
// (design/adaptive.h decides which), until N* at the target is known as well as was asked for.
#ifndef ISOFLOP_APP_ADAPTIVE_SWEEP_H_
#define ISOFLOP_APP_ADAPTIVE_SWEEP_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/study.h"
#include "design/adaptive.h"

namespace isoflop {

struct UntilOptions {
  double width = 1.3;       // high / low of N*'s 90 % interval
  double target_flops = 0;  // C at which N* is wanted
  int seeds = 3;            // that a cell may be run with, when noise needs them
  int batch = 2;            // trials planned at a time, at least; the number of workers
};

class AdaptiveSweep {
 public:
  // Candidates are the grid's trials, brackets left out, each with `seeds` seeds in a row unless
  // the grid has an axis of seeds. `said` is told every decision in a sentence. Throws
  // Error(kUsage) for a grid with another axis.
  AdaptiveSweep(const LoadedGrid& loaded, const std::string& db, const UntilOptions& options,
                std::function<void(const std::string&)> said);

  // Looks at what has ended in the store, and plans what is worth most next, if anything is. The
  // fit behind the last decision is kept in the store when it is the end.
  void refill();
  // The same, when nothing is planned and another trial has ended since the last look.
  void watch(const SweepStatus& status);

  // Whether the sweep has stopped by itself, and the answer with what it cost, in lines.
  bool ended() const { return step_.stop; }
  std::string answer() const;

 private:
  void take_states(const std::vector<TrialRow>& rows);
  void plan(Store& store, const std::vector<std::int64_t>& chosen);

  std::string study_;
  std::string db_;
  FlopConvention convention_;
  AdaptiveOptions options_;
  std::function<void(const std::string&)> said_;
  std::vector<PlannedTrial> candidates_;      // in the grid's order; a cell's id is its place
  std::map<std::string, std::size_t> place_;  // of an identity
  std::vector<CandidateCell> cells_;
  std::vector<bool> planned_;
  double whole_grid_flops_ = 0;  // with the grid's own seeds, trunks shared
  AdaptiveStep step_;
  std::string said_last_;
  std::int64_t ended_ = 0;    // trials, at the last look
  double largest_flops_ = 0;  // of one observed run
};

}  // namespace isoflop

#endif  // ISOFLOP_APP_ADAPTIVE_SWEEP_H_
