// The points as the optimisers see them: logarithms, centred, with weights.
//
// Centring ln N and ln D takes most of the correlation between ln A and alpha (ln B and beta) out
// of the problem: with x = ln N - mean, ln A' = ln A - alpha mean(ln N).
#ifndef ISOFLOP_FIT_POINTS_H_
#define ISOFLOP_FIT_POINTS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/observation.h"
#include "fit/law_sums.h"
#include "law/loss_law.h"

namespace isoflop {

// Fewer distinct sizes leave alpha free, fewer distinct token counts beta.
inline constexpr std::size_t kFewestValues = 3;

struct Points {
  std::vector<double> x;         // ln N - x_mean
  std::vector<double> y;         // ln D - y_mean
  std::vector<double> log_loss;  // ln L
  std::vector<double> weight;    // 1, or how often a resample has the row; 0 is skipped
  double x_mean = 0;
  double y_mean = 0;

  std::size_t size() const { return x.size(); }
};

Points make_points(std::span<const Observation> observations);

inline PointArrays arrays_of(const Points& points) {
  return {points.x.data(), points.y.data(), points.log_loss.data(), points.weight.data(),
          points.size()};
}

// theta of loss_law.h to and from the centred coordinates.
LawVector centred(const LawVector& theta, const Points& points);
LawVector uncentred(const LawVector& theta, const Points& points);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_POINTS_H_
