// Which rate, batch and warm-up: every published law (core/hyper_law.h), the program's own rule
// (core/rate_rule.h) and, where there is one, a law fitted to own sweeps, for one model.
//
// The laws count N and C in their own ways; the shape rule's model of that size says what they are.
// The answer is the fitted law's or the one asked for; else that of the first published law of both
// rate and batch whose range the model lies in; else the program's rule up to 30M parameters
// (measured to 3M) and Step Law's beyond (measured from 60M).
//
// Where the shape rule has no model, all laws see N alone, and the assumptions say so.
//
// Errors: Error(kUsage) for N or D that are not positive and finite, a context or vocabulary below
// 1 or above 2^31, an unknown law, a law whose rate or batch at that point is no number above 0.
#ifndef ISOFLOP_PLAN_TUNE_H_
#define ISOFLOP_PLAN_TUNE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/hyper_law.h"
#include "core/model_config.h"
#include "core/tune_answer.h"

namespace isoflop {

// Between the 3M that the rate rule was measured at and Step Law's 60M, at the middle in ln N or
// so.
inline constexpr double kStepLawFrom = 30e6;

struct TuneRequest {
  double params = 0;  // all that a token passes through
  double tokens = 0;
  std::string schedule = "cosine";
  // What the shape rule does not choose.
  ModelConfig base = {.vocab = 32000, .context = 2048};
  std::optional<HyperLaw> own = {};  // fitted, or read from a file
  std::string law = {};              // only this one: a published law's name, or "isoflop"
};

TuneAnswer tune(const TuneRequest& request);

// The shape rule's model of `params`, scaled to them; absent where the rule has none, or N alone.
std::optional<HyperPoint> shaped_point_near(double params, double tokens, const ModelConfig& base);
HyperPoint hyper_point_near(double params, double tokens, const ModelConfig& base);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_TUNE_H_
