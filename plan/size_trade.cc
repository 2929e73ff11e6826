#include "plan/size_trade.h"

#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "plan/allocation.h"

namespace isoflop {
namespace {

// Tokens as ln D are searched up to here.
constexpr double kLogManyTokens = 138;

struct TradePair {
  const LossSurface& surface;
  double small = 0;
  double large = 0;

  // D2 at which the large model has the loss that the small one has at D1.
  double large_tokens(double small_tokens) const {
    const double loss = surface(small, small_tokens);
    return tokens_for_loss(surface, large, loss).value_or(0);
  }
  double ratio(double small_tokens) const { return small_tokens / large_tokens(small_tokens); }
};

// D1 where D1 / D2 = ratio; the ratio grows with D1.
std::optional<double> small_tokens_at_ratio(const TradePair& pair, double ratio) {
  const auto below = [&](double y) { return !(pair.ratio(std::exp(y)) >= ratio); };
  double low = 0, high = kLogManyTokens;
  // Far out the losses of neighbouring D are equal to the last digit: come back to where they are
  // not.
  while (high > 1 &&
         pair.surface(pair.small, std::exp(high)) == pair.surface(pair.small, std::exp(high - 1))) {
    high -= 1;
  }
  if (below(high)) return std::nullopt;
  if (!below(low)) return std::nullopt;  // always: the claim has no D of its own
  while (0.5 * (low + high) > low && 0.5 * (low + high) < high) {
    const double middle = 0.5 * (low + high);
    (below(middle) ? low : high) = middle;
  }
  return std::exp(high);
}

void fill_chinchilla(const LawParameters& law, SizeTrade& trade) {
  const double gap =
      law.A * (std::pow(trade.small, -law.alpha) - std::pow(trade.large, -law.alpha));
  if (!(gap > 0)) return;
  const double more = std::pow(trade.ratio, law.beta) - 1;
  trade.ratio_at_small = std::pow(law.B * more / gap, 1 / law.beta);
  trade.beyond_small_one = std::pow(law.B / gap, 1 / law.beta);
}

}  // namespace

SizeTrade size_trade(const LossSurface& surface, double small, double large, double ratio,
                     std::optional<double> loss) {
  if (!(small > 0 && large > small) || !std::isfinite(large) || !(ratio > 1)) {
    throw usage_error(fmt::format(
        "two sizes at one loss: {} and {}, ratio {}: give the smaller size first, as in --sizes "
        "100M,1B, and a ratio above 1",
        small, large, ratio));
  }
  SizeTrade trade{.small = small, .large = large, .ratio = ratio};
  if (const LawParameters* law = surface.chinchilla()) {
    fill_chinchilla(*law, trade);
  } else {
    const double best = surface(small, std::exp(kLogManyTokens));
    trade.beyond_small_one = tokens_for_loss(surface, large, best);
    trade.ratio_at_small = small_tokens_at_ratio({surface, small, large}, ratio);
  }
  if (trade.ratio_at_small) {
    trade.ratio_at_large = *trade.ratio_at_small / ratio;
    trade.ratio_at_loss = surface(small, *trade.ratio_at_small);
  }
  if (loss) {
    trade.loss = loss;
    trade.small_tokens = tokens_for_loss(surface, small, *loss);
    trade.large_tokens = tokens_for_loss(surface, large, *loss);
  }
  return trade;
}

}  // namespace isoflop
