// Memory and latency as caps on N, and what a model weighs.
//
//   memory    weights of all parameters <= bytes; no cache of keys and values, no activations
//   latency   a token of one sequence reads every active weight once: N <= seconds x bandwidth /
//             bytes a weight; the memory's full bandwidth, no batch, no other wait
//   training  16 bytes a parameter: weights and gradients of 2 bytes, a master copy and AdamW's two
//             moments of 4 each (Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1); no
//             activations
//
// Errors: Error(kUsage) for limits that are not positive and finite.
#ifndef ISOFLOP_PLAN_SIZE_CAP_H_
#define ISOFLOP_PLAN_SIZE_CAP_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/device_peak.h"
#include "core/plan.h"
#include "plan/loss_surface.h"

namespace isoflop {

// N at most `params` (active ones), and why: max_params, memory or latency.
struct SizeCap {
  double params = 0;
  std::string reason = "max_params";
};

SizeCap cap_of_params(double params);
SizeCap cap_of_memory(double bytes, std::string_view precision, const SurfaceSettings& settings);
// `count` devices share the weights.
SizeCap cap_of_latency(double seconds, const Device& device, double count,
                       std::string_view precision);

// The tighter of two.
void tighten(std::optional<SizeCap>& cap, const SizeCap& other);

MemoryNeed memory_need(double total_params, std::string_view precision,
                       std::optional<double> bytes_per_device);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_SIZE_CAP_H_
