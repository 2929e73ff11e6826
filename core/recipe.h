// What the runs of a fit have in common beside their size: objective and masks, experts, context,
// optimiser, so that a plan's shape and trial are more of the same.
//
// A recipe is trial keys (core/trial.h) with values that all trials share. In it: the vocabulary
// and the context, and whatever is not at its default. Not in it: what a grid or its rules decide
// for each trial (size and shape, tokens, rate, batch, warm-up, seed) and what a corpus says of
// itself (its hash, how often it is seen). Masks are left out of a recipe of decoders, experts'
// fields out of one of dense models: they mean nothing there.
//
// Pure functions; safe from any thread.
#ifndef ISOFLOP_CORE_RECIPE_H_
#define ISOFLOP_CORE_RECIPE_H_

#include <map>
#include <span>
#include <string>

#include "core/model_config.h"
#include "core/trial.h"

namespace isoflop {

using Recipe = std::map<std::string, std::string>;

// Empty for no trials, and for tabular ones, which have no shape.
Recipe recipe_of(std::span<const Trial> trials);

// `base` with the recipe's model keys. Throws Error(kUsage) for a key or value that is none.
ModelConfig model_of(const Recipe& recipe, const ModelConfig& base);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_RECIPE_H_
