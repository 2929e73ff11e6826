#include "design/law_belief.h"

#include <cmath>

#include "law/optimum.h"

namespace isoflop {
namespace {

constexpr LawVector kPriorSpread = {0.5, 5, 5, 0.2, 0.2};
constexpr double kStep = 1e-4;  // of c's differences, in units of theta

double product(const LawVector& a, const LawVector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < kLawSize; ++i) sum += a[i] * b[i];
  return sum;
}

LawVector product(const std::array<LawVector, kLawSize>& m, const LawVector& v) {
  LawVector out{};
  for (std::size_t i = 0; i < kLawSize; ++i) out[i] = product(m[i], v);
  return out;
}

double log_size(const LawVector& theta, const FlopsPerToken& flops, double target) {
  return std::log(compute_optimum(from_vector(theta), flops, target).params);
}

LawVector answer_gradient(const LawVector& theta, const FlopsPerToken& flops, double target) {
  LawVector c{};
  for (std::size_t i = 0; i < kLawSize; ++i) {
    LawVector up = theta;
    LawVector down = theta;
    up[i] += kStep;
    down[i] -= kStep;
    c[i] = (log_size(up, flops, target) - log_size(down, flops, target)) / (2 * kStep);
  }
  return c;
}

}  // namespace

LawBelief::LawBelief(const LawParameters& guess, const FlopsPerToken& flops, double target_flops,
                     double noise)
    : guess_(to_vector(guess)), answer_(answer_gradient(guess_, flops, target_flops)) {
  const double s2 = noise * noise;
  for (std::size_t i = 0; i < kLawSize; ++i) {
    const double prior = kPriorSpread[i] * kPriorSpread[i];
    scatter_[i][i] = prior / s2;
    noise_[i][i] = s2 * s2 / prior;
  }
  to_answer_ = product(scatter_, answer_);
}

LawVector LawBelief::gradient(double params, double tokens) const {
  LawVector g{};
  log_loss(guess_, std::log(params), std::log(tokens), g);
  return g;
}

double LawBelief::variance() const { return product(to_answer_, product(noise_, to_answer_)); }

double LawBelief::variance_of(const LawVector& g) const {
  const LawVector moved = product(scatter_, g);
  return product(moved, product(noise_, moved));
}

double LawBelief::variance_with(const Row& row) const {
  const LawVector moved = product(scatter_, row.gradient);
  const double share = weight(row.gradient) / (1 + product(row.gradient, moved));
  LawVector after = to_answer_;  // V c once the row is known
  for (std::size_t i = 0; i < kLawSize; ++i) after[i] -= share * moved[i];
  const double w = product(row.gradient, after);
  return product(after, product(noise_, after)) + row.variance * w * w +
         2 * w * product(row.shared, after);
}

double LawBelief::volume_gain(const LawVector& g) const {
  return std::log1p(product(g, product(scatter_, g)));
}

void LawBelief::learn(const Row& row) {
  const LawVector& g = row.gradient;
  const LawVector moved = product(scatter_, g);
  const double total = 1 + product(g, moved);
  for (std::size_t i = 0; i < kLawSize; ++i) {
    for (std::size_t j = 0; j < kLawSize; ++j) {
      scatter_[i][j] -= moved[i] * moved[j] / total;
      noise_[i][j] += row.variance * g[i] * g[j] + g[i] * row.shared[j] + row.shared[i] * g[j];
    }
  }
  to_answer_ = product(scatter_, answer_);
}

double LawBelief::weight(const LawVector& g) const { return product(g, to_answer_); }

double LawBelief::leverage(const LawVector& g, const LawVector& h) const {
  return product(g, product(scatter_, h));
}

}  // namespace isoflop
