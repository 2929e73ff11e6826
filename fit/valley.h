// One budget's losses against size, and where they are lowest.
//
// Two estimators look at one valley (a third, fit/valley_joint.h, at all of them):
//   Akima     Akima's piecewise cubic (1970) of ln L in ln N through every point; its lowest point,
//             exactly, from the roots of each cubic's derivative. It assumes no shape, so distant
//             points of a lopsided valley do not move it; the price is that it takes the noise of
//             the points beside the minimum as it is.
//   parabola  least squares of L in ln N over a window: the points within a factor kParabolaReach
//             of the lowest one, and at least kFewestInWindow where there are as many. A cubic term
//             moves the parabola's vertex by (alpha - beta) / 10 x (ln reach)^2 in ln N: 0.6 % for
//             a reach of 3 and |alpha - beta| = 0.05; over Porian's whole sweeps, whose losses rise
//             by a third, it is 0.02 to 0.07 in the exponent.
//
// Pure functions, no state.
#ifndef ISOFLOP_FIT_VALLEY_H_
#define ISOFLOP_FIT_VALLEY_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

inline constexpr double kParabolaReach = 3;
inline constexpr std::size_t kFewestInWindow = 5;

// Points by ascending size; rows of one size are averaged.
struct Valley {
  double budget = 0;               // FLOP
  std::vector<double> log_params;  // ln N, ascending, distinct
  std::vector<double> log_tokens;  // ln D
  std::vector<double> log_loss;    // mean ln L
  std::vector<double> rows;        // how many were averaged

  std::size_t size() const { return log_params.size(); }
};

struct ValleyMinimum {
  double log_params = 0;
  double loss = 0;
  double curvature = 0;  // d2L / d(ln N)^2
};

struct ValleyWindow {
  std::size_t first = 0;
  std::size_t last = 0;  // one past

  std::size_t size() const { return last - first; }
};

// Contiguous points around the lowest: those within a factor `reach` in N whose ln L lies at most
// `rise` above the lowest, and then the nearest ones until there are kFewestInWindow.
ValleyWindow window_around_lowest(std::span<const double> log_params,
                                  std::span<const double> log_loss, double reach, double rise);

// Slopes of Akima's interpolant at its points; at least 2 points, x ascending. At both ends the
// secants are continued by his rule m_-1 = 2 m_0 - m_1.
std::vector<double> akima_slopes(std::span<const double> x, std::span<const double> y);
double akima_value(std::span<const double> x, std::span<const double> y,
                   std::span<const double> slopes, double at);

// Empty where the lowest point is an end of the range or there are fewer than 3 points.
std::optional<ValleyMinimum> akima_minimum(std::span<const double> log_params,
                                           std::span<const double> log_loss);

// The parabola over the window; curvature also where there is no minimum.
struct ValleyParabola {
  ValleyWindow window;
  double centre = 0;  // L = c0 + c1 u + c2 u^2, u = ln N - centre
  double c0 = 0, c1 = 0, c2 = 0;

  double at(double log_params) const;
};

// At least 3 points.
ValleyParabola windowed_parabola(std::span<const double> log_params,
                                 std::span<const double> log_loss);
// Empty where it is not convex or its vertex is not inside the range of all points.
std::optional<ValleyMinimum> parabola_minimum(const ValleyParabola& parabola,
                                              std::span<const double> log_params);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_VALLEY_H_
