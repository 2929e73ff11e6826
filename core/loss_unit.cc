#include "core/loss_unit.h"

#include <algorithm>

namespace isoflop {

const char* loss_unit_of(Objective objective) {
  return objective == Objective::kMasked ? kNatsPerMaskedToken : kNatsPerToken;
}

std::string loss_unit_words(std::string_view unit) {
  std::string words(unit);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

std::string short_loss_unit(std::string_view unit) {
  return unit.starts_with("nats") ? "nats" : loss_unit_words(unit);
}

}  // namespace isoflop
