// From what a sweep's file says to the trials it means.
//
// A cell of the grid is one size, one budget (or token count, or tokens per parameter) and one
// value of every axis; all of them multiply. For a cell:
//
//   shape    shape_rule.h's for the size. model.width, fixed or an axis, takes the size's place;
//            other model.* keys replace what the rule says. trainer = tabular: N = size, no shape.
//            A size is that of the dense model: experts multiply its feed-forward and leave the
//            rest, and what a token passes through, as it is
//   rate, batch   rate_rule.h's for the active parameters, or a law's (sweep/grid_rates.h), unless
//   fixed or an axis; so is the
//            warm-up in tokens of schedule cooldown, whose trials of one size then share a trunk
//            (core/schedule.h)
//   D        isoflop: C / (FLOPs per token under the grid's convention); tokens: as given;
//            tokens per parameter: ratio x active N; then rounded to whole batches of batch x
//            context (tabular: to whole tokens), with a bracket of batches to what all of them
//            divide
//   epochs   axis kEpochsAxis, e: data.unique_tokens = U = D / e, rounded up to whole windows
//            (tabular: tokens), and data.epochs = e, or D / U rounded up where that is another
//            number by more than 2 %. At e = 1 there is no cap: it is the trial that a grid without
//            the axis has
//
// Where model.experts or model.objective is an axis, what the grid says of experts or masks holds
// for the sparse or masked trials, and the others keep the defaults: one run is one trial.
//
// Trials that are equal after rounding are one trial, with a note; a D or a number of passes that
// rounding changes by more than 2 % has one too, and a law of rates that was not measured at some
// of the trials. A D beyond data.epochs passes over the corpus' training tokens, or over
// data.unique_tokens of them, is refused; with the default of 1 no trial sees a token twice.
//
// A bracket (sweep/bracket.h) adds its trials behind the grid's.
//
// Errors: Error(kUsage) says which cell, why, and what to change.
#ifndef ISOFLOP_SWEEP_GRID_H_
#define ISOFLOP_SWEEP_GRID_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/grid_spec.h"
#include "db/rows.h"

namespace isoflop {

// What the grid needs to know about its data.
struct GridContext {
  std::string corpus_hash;   // CorpusManifest::identity(); empty for synthetic data
  double unique_tokens = 0;  // for training; 0: no end to them
  // The same in whole windows of a context, where that is known.
  std::function<double(std::int64_t context)> in_windows = {};
  // With special_tokens (core/model_config.h) it becomes model.vocab; 0: as the grid says.
  std::int64_t vocab = 0;

  double tokens_for(std::int64_t context) const {
    return in_windows ? in_windows(context) : unique_tokens;
  }
};

struct Grid {
  // In the grid's order, budgets, then sizes, then axes; then the bracket's.
  std::vector<PlannedTrial> trials;
  std::vector<std::string> notes;  // what was merged, or rounded by more than 2 %
};

Grid expand(const GridSpec& spec, const GridContext& context);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_GRID_H_
