// What the N of a law counts: one run has several counts, and a law speaks of one of them.
//
//   total          all parameters with embeddings, of a sparse model all experts too: the default
//   active         those that a token passes through; of a dense model all
//   nonembedding   Kaplan's N: without embedding, positions and head, with all experts
//
// Laws of sparse models (law/) say themselves which they take: clark and ludziejewski the active
// ones, krajewski and abnar all. They read the former from the run's active_params whatever is
// counted here. Pure functions; safe from any thread.
#ifndef ISOFLOP_CORE_PARAMS_COUNTED_H_
#define ISOFLOP_CORE_PARAMS_COUNTED_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/model_config.h"
#include "core/observation.h"

namespace isoflop {

enum class ParamsCounted { kTotal, kActive, kNonembedding };

std::string_view name_of(ParamsCounted counted);
// Throws Error(kUsage) listing the known names.
ParamsCounted parse_params_counted(std::string_view name);

// "N counts the parameters that a token passes through"; empty for total.
std::string words_of(ParamsCounted counted);

double counted_params(const ModelConfig& config, ParamsCounted counted);
// Of a run whose `params` are all of them: from active_params (all, where the run says nothing of
// experts: a dense model) or nonembedding_params. Empty: the run does not say it.
std::optional<double> counted_params(const Observation& run, ParamsCounted counted);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_PARAMS_COUNTED_H_
