// What `isoflop fit` reads: runs from a store or a table, filtered, without the rows left out by
// hand, one set of observations for each law that is to be fitted.
#ifndef ISOFLOP_APP_FIT_INPUT_H_
#define ISOFLOP_APP_FIT_INPUT_H_

#include <map>
#include <string>
#include <vector>

#include "core/diagnostics.h"
#include "core/flops.h"
#include "core/loss_unit.h"
#include "core/observation.h"
#include "core/params_counted.h"
#include "core/training_curve.h"
#include "fit/fit_law.h"

namespace isoflop {

struct FitInputFlags {
  std::string db;
  std::string csv;
  std::string map;
  std::string study;
  std::vector<std::string> heldout;  // sets of a store; "all": every one; empty: "heldout"
  std::string convention = "6nd";    // of a table's C
  std::string where;                 // SQL condition on the rows
  std::vector<std::string> exclude;  // rows or labels, see Exclusion
  std::vector<std::string> because;  // one a --exclude, or one for all
  // What N counts (core/params_counted.h), and the law that is to be fitted, for what it must know
  // of a store's trials.
  std::string counted = "total";
  std::string law = "chinchilla";
  std::string curves;  // a table of training curves, for approach 1
  // A store is only read, in silence; else an older one is brought up to date.
  bool only_read = false;
};

struct FitInput {
  std::string source;  // for messages
  std::string set;     // the held-out set or loss column
  std::string study;   // of a store
  std::string loss_unit = kNatsPerToken;
  std::vector<Observation> observations;
  std::map<std::string, std::string> recipe;  // LawFit's
  FlopsPerToken flops = FlopsPerToken::six_n();
  ParamsCounted counted = ParamsCounted::kTotal;
  std::vector<ExpertsWeight> experts_weights;  // LawFit's, of laws that know experts
  std::string where;
  std::vector<Exclusion> exclusions;
  std::vector<TrainingCurve> curves;
};

// At least one. `with_curves`: also the training curves of a store's trials. Throws
// Error(kUsage) for flags that contradict each other and for rows that cannot be read;
// Error(kRefused, "no_results") for a study without finished trials.
std::vector<FitInput> read_fit_inputs(const FitInputFlags& flags, bool with_curves);

// The law of an input, which says what it was fitted on. `options` are the caller's but for what
// the input knows: FLOPs per token and curves.
LawFit fit_of(const FitInput& input, FitOptions options);

}  // namespace isoflop

#endif  // ISOFLOP_APP_FIT_INPUT_H_
