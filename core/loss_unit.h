// What a loss is counted in, as fits, plans and imports name it.
//
// Losses of two units are never fitted or compared together. Published laws are nats per token.
#ifndef ISOFLOP_CORE_LOSS_UNIT_H_
#define ISOFLOP_CORE_LOSS_UNIT_H_

#include <string>
#include <string_view>

#include "core/model_config.h"

namespace isoflop {

inline constexpr const char* kNatsPerToken = "nats_per_token";
// Of masked models: nats for each token that was hidden and predicted.
inline constexpr const char* kNatsPerMaskedToken = "nats_per_masked_token";
// Of next-sentence prediction, the held-out set of that name: nats for each pair of segments.
inline constexpr const char* kNatsPerPair = "nats_per_pair";
inline constexpr const char* kNextSentenceSet = "next_sentence";
inline constexpr const char* kBitsPerByte = "bits_per_byte";

// What the losses of models of that objective are counted in.
const char* loss_unit_of(Objective objective);

// "nats per token".
std::string loss_unit_words(std::string_view unit);

// Where the words around it say what is counted: "nats" or "bits per byte".
std::string short_loss_unit(std::string_view unit);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_LOSS_UNIT_H_
