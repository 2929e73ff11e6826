#include "fit/valley.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

// A cubic y0 + s u + p u^2 + q u^3 over [0, h], one piece of the interpolant.
struct AkimaPiece {
  double start = 0, h = 0, y0 = 0, s = 0, p = 0, q = 0;

  double at(double u) const { return y0 + u * (s + u * (p + u * q)); }
};

AkimaPiece akima_piece(std::span<const double> x, std::span<const double> y,
                       std::span<const double> slopes, std::size_t i) {
  const double h = x[i + 1] - x[i];
  const double m = (y[i + 1] - y[i]) / h;
  return {.start = x[i],
          .h = h,
          .y0 = y[i],
          .s = slopes[i],
          .p = (3 * m - 2 * slopes[i] - slopes[i + 1]) / h,
          .q = (slopes[i] + slopes[i + 1] - 2 * m) / (h * h)};
}

// Where the piece's derivative s + 2 p u + 3 q u^2 rises through zero inside (0, h).
std::optional<double> lowest_inside(const AkimaPiece& c) {
  const double discriminant = c.p * c.p - 3 * c.q * c.s;
  if (!(discriminant > 0)) return std::nullopt;
  const double root = std::sqrt(discriminant);
  // The root at which the second derivative 2 p + 6 q u = 2 root is positive, without cancellation.
  const double u = c.p > 0 ? -c.s / (c.p + root) : (root - c.p) / (3 * c.q);
  if (!std::isfinite(u) || u <= 0 || u >= c.h) return std::nullopt;
  return u;
}

}  // namespace

ValleyWindow window_around_lowest(std::span<const double> x, std::span<const double> y,
                                  double reach, double rise) {
  const auto lowest = static_cast<std::size_t>(std::min_element(y.begin(), y.end()) - y.begin());
  const double width = std::log(reach);
  const auto inside = [&](std::size_t i) {
    return std::abs(x[i] - x[lowest]) <= width && y[i] - y[lowest] <= rise;
  };
  ValleyWindow window{.first = lowest, .last = lowest + 1};
  while (window.first > 0 && inside(window.first - 1)) --window.first;
  while (window.last < x.size() && inside(window.last)) ++window.last;
  while (window.size() < std::min(kFewestInWindow, x.size())) {
    const bool at_start = window.first == 0;
    const bool at_end = window.last == x.size();
    const bool left =
        at_end || (!at_start && x[lowest] - x[window.first - 1] <= x[window.last] - x[lowest]);
    left ? --window.first : ++window.last;
  }
  return window;
}

std::vector<double> akima_slopes(std::span<const double> x, std::span<const double> y) {
  const std::size_t n = x.size();
  std::vector<double> m(n + 3);  // secants, two more on each side
  for (std::size_t i = 0; i + 1 < n; ++i) m[i + 2] = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
  const std::size_t last = n;  // of the real secants 2 .. n
  if (n == 2) return {m[2], m[2]};
  m[1] = 2 * m[2] - m[3];
  m[0] = 2 * m[1] - m[2];
  m[last + 1] = 2 * m[last] - m[last - 1];
  m[last + 2] = 2 * m[last + 1] - m[last];
  std::vector<double> slopes(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double right = std::abs(m[i + 3] - m[i + 2]);
    const double left = std::abs(m[i + 1] - m[i]);
    // On a parabola with equal steps the weights are equal; where both vanish the mean is meant.
    slopes[i] = right + left > 0 ? (right * m[i + 1] + left * m[i + 2]) / (right + left)
                                 : 0.5 * (m[i + 1] + m[i + 2]);
  }
  return slopes;
}

double akima_value(std::span<const double> x, std::span<const double> y,
                   std::span<const double> slopes, double at) {
  const auto above = static_cast<std::size_t>(std::upper_bound(x.begin(), x.end(), at) - x.begin());
  const std::size_t i = std::clamp<std::size_t>(above, 1, x.size() - 1) - 1;
  return akima_piece(x, y, slopes, i).at(at - x[i]);
}

std::optional<ValleyMinimum> akima_minimum(std::span<const double> x, std::span<const double> y) {
  if (x.size() < 3) return std::nullopt;
  const std::vector<double> slopes = akima_slopes(x, y);
  const auto lowest = static_cast<std::size_t>(std::min_element(y.begin(), y.end()) - y.begin());
  double best = y[lowest];
  double where = x[lowest];
  double second = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const AkimaPiece piece = akima_piece(x, y, slopes, i);
    const auto u = lowest_inside(piece);
    if (!u || piece.at(*u) > best) continue;
    best = piece.at(*u);
    where = x[i] + *u;
    second = 2 * piece.p + 6 * piece.q * *u;
  }
  if (!(where > x.front() && where < x.back())) return std::nullopt;
  const double loss = std::exp(best);
  return ValleyMinimum{.log_params = where, .loss = loss, .curvature = loss * second};
}

double ValleyParabola::at(double log_params) const {
  const double u = log_params - centre;
  return c0 + u * (c1 + u * c2);
}

ValleyParabola windowed_parabola(std::span<const double> x, std::span<const double> y) {
  ValleyParabola out;
  out.window = window_around_lowest(x, y, kParabolaReach, INFINITY);
  for (std::size_t i = out.window.first; i < out.window.last; ++i) out.centre += x[i];
  out.centre /= static_cast<double>(out.window.size());
  // Normal equations: u is centred and of order 1, so squaring the condition number costs no digit
  // that the losses have.
  Eigen::Matrix3d matrix = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (std::size_t i = out.window.first; i < out.window.last; ++i) {
    const double u = x[i] - out.centre;
    const Eigen::Vector3d row(1, u, u * u);
    matrix += row * row.transpose();
    right += row * std::exp(y[i]);
  }
  const Eigen::Vector3d c = matrix.ldlt().solve(right);
  out.c0 = c[0], out.c1 = c[1], out.c2 = c[2];
  return out;
}

std::optional<ValleyMinimum> parabola_minimum(const ValleyParabola& parabola,
                                              std::span<const double> x) {
  // A second derivative of rounding errors is no valley.
  if (!(2 * parabola.c2 > 1e-12 * std::abs(parabola.c0))) return std::nullopt;
  const double u = -parabola.c1 / (2 * parabola.c2);
  const double where = parabola.centre + u;
  if (!(where > x.front() && where < x.back())) return std::nullopt;
  return ValleyMinimum{.log_params = where,
                       .loss = parabola.c0 + 0.5 * parabola.c1 * u,
                       .curvature = 2 * parabola.c2};
}

}  // namespace isoflop
