// Published laws at full precision, as fits without draws: never plan with two-decimal constants
// (rounding Hoffmann's moves N* at Gopher's budget from 40 B to 32 B).
//
//   hoffmann2022           Hoffmann et al. 2022, approach 3, unrounded (the paper's TeX source)
//   hoffmann2022-rounded   the same as printed in eq. 10
//   epoch2024              Besiroglu et al. 2024, as published
//   epoch2024-unrounded    the same, from their notebook
//   chinchilla-huber       the optimum of Hoffmann's own objective on Besiroglu's 240 clean points
//   muennighoff2023-c4     Muennighoff et al. 2023, base law on C4, alpha = beta
//
// All under C = 6 N D, N with embeddings, nats per token.
#ifndef ISOFLOP_LAW_PRESETS_H_
#define ISOFLOP_LAW_PRESETS_H_

#include <span>
#include <string_view>

#include "core/law_fit.h"

namespace isoflop {

std::span<const LawFit> preset_laws();

// Throws Error(kUsage) listing the names.
const LawFit& preset_law(std::string_view name);

}  // namespace isoflop

#endif  // ISOFLOP_LAW_PRESETS_H_
