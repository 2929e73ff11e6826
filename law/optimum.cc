#include "law/optimum.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <vector>

#include "core/error.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

// A stretch of ln N on which ln f = log_f + slope (x - anchor).
struct Piece {
  double low = 0;
  double high = 0;
  double anchor = 0;
  double log_f = 0;
  double slope = 1;
};

void check_flops(double flops) {
  if (flops > 0 && std::isfinite(flops)) return;
  throw usage_error(
      fmt::format("budget: {} FLOP: must be positive and finite; write it like 5.76e23", flops));
}

// f/N is constant outside the nodes (core/flops.h): slope 1 there.
std::vector<Piece> pieces_of(const FlopsPerToken& flops_per_token) {
  const double infinity = std::numeric_limits<double>::infinity();
  if (flops_per_token.is_six_n()) return {{-infinity, infinity, 0, std::log(6.0), 1}};
  std::vector<std::pair<double, double>> logs;
  for (const auto& [params, f] : flops_per_token.nodes()) {
    logs.emplace_back(std::log(params), std::log(f));
  }
  std::vector<Piece> pieces;
  pieces.push_back({-infinity, logs.front().first, logs.front().first, logs.front().second, 1});
  for (std::size_t i = 1; i < logs.size(); ++i) {
    const auto [x0, f0] = logs[i - 1];
    const auto [x1, f1] = logs[i];
    pieces.push_back({x0, x1, x0, f0, (f1 - f0) / (x1 - x0)});
  }
  pieces.push_back({logs.back().first, infinity, logs.back().first, logs.back().second, 1});
  return pieces;
}

// The largest ln N at which the budget pays for a token: f(N) <= C.
double log_largest(const std::vector<Piece>& pieces, double log_flops) {
  double largest = 0;
  for (const Piece& piece : pieces) {
    if (!(piece.slope > 0)) continue;
    const double x = piece.anchor + (log_flops - piece.log_f) / piece.slope;
    if (x >= piece.low) largest = std::max(largest, std::min(x, piece.high));
  }
  return largest;
}

// Where the loss is lowest on the piece, its two ends aside.
double stationary(const LawParameters& law, const Piece& piece, double log_flops) {
  const double beta = piece.slope * law.beta;
  const double log_ratio = std::log(law.alpha * law.A) - std::log(beta * law.B);
  const double log_d = log_flops - piece.log_f + piece.slope * piece.anchor;  // ln D at x = 0
  return (log_ratio + law.beta * log_d) / (law.alpha + beta);
}

bool has_valley(const LawParameters& law) {
  return law.alpha > 0 && law.beta > 0 && law.A > 0 && law.B > 0;
}

Optimum at(const LawParameters& law, const FlopsPerToken& f, double flops, double x) {
  const double params = std::exp(x);
  const double tokens = flops / f(params);
  return {.params = params, .tokens = tokens, .loss = predict_loss(law, params, tokens)};
}

}  // namespace

double loss_at_size(const LawParameters& law, const FlopsPerToken& flops_per_token, double flops,
                    double params) {
  return predict_loss(law, params, flops / flops_per_token(params));
}

Optimum compute_optimum(const LawParameters& law, const FlopsPerToken& flops_per_token,
                        double flops) {
  check_flops(flops);
  const std::vector<Piece> pieces = pieces_of(flops_per_token);
  const double log_flops = std::log(flops);
  const double last = log_largest(pieces, log_flops);
  Optimum best = at(law, flops_per_token, flops, 0);
  best.place = OptimumPlace::kSmallestModel;
  const auto consider = [&](double x, OptimumPlace place) {
    Optimum candidate = at(law, flops_per_token, flops, x);
    candidate.place = place;
    if (candidate.loss < best.loss) best = candidate;
  };
  for (const Piece& piece : pieces) {
    const double low = std::max(piece.low, 0.0);
    const double high = std::min(piece.high, last);
    if (!has_valley(law) || !(low < high)) continue;
    const double x = piece.slope > 0 ? stationary(law, piece, log_flops) : high;
    if (x > 0 && x < last) consider(std::clamp(x, low, high), OptimumPlace::kInterior);
  }
  consider(last, OptimumPlace::kFewestTokens);
  return best;
}

}  // namespace isoflop
