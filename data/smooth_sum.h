// The sum of a smooth function over very many integers, in microseconds.
//
//   sum_{r = first}^{last} g(r): term by term to 4,096, then by Euler-Maclaurin at midpoints,
//   sum_{r = a + 1}^{b} g(r) = int_{a + 1/2}^{b + 1/2} g dx - [g'(b + 1/2) - g'(a + 1/2)] / 24 +
//   ...
// with the integral by 16-point Gauss-Legendre on octaves of x. For powers, logarithms and
// exponentials of powers (what data/ sums) the relative error is below 1e-13 for sums
// that begin below 4,096, and 1e-11 for short ranges beyond it.
#ifndef ISOFLOP_DATA_SMOOTH_SUM_H_
#define ISOFLOP_DATA_SMOOTH_SUM_H_

#include <functional>

namespace isoflop {

// `first` and `last` are whole numbers >= 1; empty when first > last. `g` is called at fractional
// points too.
double smooth_sum(const std::function<double(double)>& g, double first, double last);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_SMOOTH_SUM_H_
