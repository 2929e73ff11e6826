// Laws of rate and batch fitted to own runs, as plain data: what fit/hyper_fit.h makes, io/ writes,
// report/ says.
#ifndef ISOFLOP_CORE_HYPER_FIT_H_
#define ISOFLOP_CORE_HYPER_FIT_H_

#include <optional>
#include <string>
#include <vector>

#include "core/hyper_law.h"
#include "core/law_parameters.h"

namespace isoflop {

// A run whose rate or batch may have been varied.
struct TunedRun {
  double params = 0;  // N, what a token passes through
  double tokens = 0;  // D
  double rate = 0;    // AdamW's peak
  double batch = 0;   // tokens a step; 0: not said, and then the same for all
  double loss = 0;    // infinity: diverged
  // Runs of one text differ in N, D, rate, batch and seed only.
  std::string group = {};
  std::optional<double> rule_rate = {};   // what the rule in use says for it,
  std::optional<double> rule_batch = {};  // tokens
};

enum class RungState {
  kBracketed,
  kAtLowEdge,       // the lowest value tried was the best: the best is there or below
  kAtHighEdge,      // there or above
  kBesideDiverged,  // next to the best value training diverged: no parabola
  kFlat,            // the noise hides the curvature
  kBesideOpen,      // of batches: the least loss may lie at one whose rates are no bracket
};

// One size and D at several rates, or at several batches.
struct HyperRung {
  double params = 0;
  double tokens = 0;
  double beside = 0;           // of a rung of rates its batch in tokens, of batches its rate
  std::vector<double> values;  // ascending: rates, or batches in tokens
  std::vector<double> losses;  // means over seeds; infinity: diverged
  RungState state = RungState::kBracketed;
  double best = 0;                  // the vertex; where there is none, the best value tried
  double log_error = 0;             // standard error of ln best; 0: the noise is not known
  std::optional<double> low, high;  // interval of best
  double curvature = 0;             // d2 L / d (ln value)2
  double least_loss = 0;            // at the vertex
  std::optional<double> rule;       // what the rule in use says, and
  std::optional<double> rule_loss;  // what it loses, nats (absent far outside of what was tried)
  std::optional<double> law;        // what the fitted law says, and
  std::optional<double> law_loss;

  bool bracketed() const { return state == RungState::kBracketed; }
};

// y = c N^n D^d with its standing.
struct HyperTermFit {
  std::string of;                 // "rate" or "batch"
  std::vector<HyperRung> rungs;   // by N, then D
  std::optional<HyperTerm> term;  // absent: refused, and why
  std::string refused;            // "too_few_rungs", "one_size", "law_runs_away"
  std::string why;
  int bracketed = 0;
  int lost_draws = 0;                                        // that no number can hold; left out
  std::optional<Interval> params_exponent, tokens_exponent;  // of those that were fitted
  double scatter = 0;  // of ln best between rungs beyond their own errors
  int freedom = 0;
  std::vector<Warning> warnings;
};

struct HyperFit {
  HyperLaw law;  // with the terms that could be fitted
  HyperTermFit rate;
  HyperTermFit batch;
  double noise = 0;          // standard deviation of one loss, nats; 0: unknown
  std::string noise_source;  // "seeds", "residuals"; empty: unknown
  int runs = 0;
  int diverged = 0;  // sizes and Ds at three values or more, of which no run ended
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_HYPER_FIT_H_
