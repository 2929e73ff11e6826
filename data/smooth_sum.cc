#include "data/smooth_sum.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

constexpr double kExactTo = 4096;

// Gauss-Legendre on [-1, 1], 16 points (Abramowitz and Stegun, table 25.4); symmetric.
constexpr double kNodes[8] = {0.0950125098376374402, 0.2816035507792589132, 0.4580167776572273863,
                              0.6178762444026437484, 0.7554044083550030339, 0.8656312023878317439,
                              0.9445750230732325761, 0.9894009349916499326};
constexpr double kWeights[8] = {0.1894506104550684963, 0.1826034150449235889, 0.1691565193950025382,
                                0.1495959888165767321, 0.1246289712555338720, 0.0951585116824927848,
                                0.0622535239386478929, 0.0271524594117540949};

// int g dx from exp(low) to exp(high), in t = ln x.
double panel(const std::function<double(double)>& g, double low, double high) {
  const double middle = 0.5 * (low + high);
  const double half = 0.5 * (high - low);
  double sum = 0;
  for (int i = 0; i < 8; ++i) {
    for (const double t : {middle - half * kNodes[i], middle + half * kNodes[i]}) {
      const double x = std::exp(t);
      sum += kWeights[i] * x * g(x);
    }
  }
  return half * sum;
}

double integral(const std::function<double(double)>& g, double from, double to) {
  const double length = std::log(to / from);
  const int panels = std::max(1, static_cast<int>(std::ceil(length / std::log(2.0))));
  const double start = std::log(from);
  double sum = 0;
  for (int i = 0; i < panels; ++i) {
    sum += panel(g, start + length * i / panels, start + length * (i + 1) / panels);
  }
  return sum;
}

double slope(const std::function<double(double)>& g, double x) {
  const double h = 1e-3 * x;
  return (g(x + h) - g(x - h)) / (2 * h);
}

}  // namespace

double smooth_sum(const std::function<double(double)>& g, double first, double last) {
  double exact = 0;
  const double exact_last = std::min(last, kExactTo);
  // The small terms first, so that they are not lost beside the large ones.
  for (double r = exact_last; r >= first; --r) exact += g(r);
  if (last <= kExactTo) return exact;

  const double from = std::max(first, kExactTo + 1) - 0.5;
  const double to = last + 0.5;
  return exact + integral(g, from, to) - (slope(g, to) - slope(g, from)) / 24;
}

}  // namespace isoflop
