// Published laws at full precision, as fits without draws: never plan with two-decimal constants
// (rounding Hoffmann's moves N* at Gopher's budget from 40 B to 32 B).
//
// Chinchilla's form, in LawFit::parameters; C = 6 N D, N with embeddings unless said:
//   hoffmann2022           Hoffmann et al. 2022, approach 3, unrounded (the paper's TeX source)
//   hoffmann2022-rounded   the same as printed in eq. 10
//   hoffmann2022-tableA3   with the exponents that give its Table A3
//   epoch2024              Besiroglu et al. 2024, as published
//   epoch2024-unrounded    the same, from their notebook
//   chinchilla-huber       the optimum of Hoffmann's own objective on Besiroglu's 240 clean points
//   kyo-takano             README of the Python package chinchilla
//   muennighoff2023-c4     Muennighoff et al. 2023, base law on C4, alpha = beta
//   krajewski2024-dense    Krajewski et al. 2024, dense models; N without embeddings
//
// Other forms (law_form.h), in LawFit::form:
//   kaplan2020             joint L(N, D); N without embeddings
//   muennighoff2023        repeated data
//   gadre2024-c4, gadre2024-redpajama, gadre2024-refinedweb    over-training
//   clark2022-sbase, clark2022-rlr, clark2022-hash             routed experts
//   krajewski2024          fine-grained experts
//   ludziejewski2025       active parameters, tokens and experts
//   abnar2025              sparsity
//   kumar2024              precision
//
// The citation says which N and C a law counts. Losses in nats per token.
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
