// The inner loop of every descent: the summed Huber objective over all points with its gradient and
// Hessian, and the residuals as Levenberg-Marquardt wants them, four points at a time.
//
//   S_i = E + e^(ln A - alpha x_i) + e^(ln B - beta y_i),   r_i = ln S_i - log_loss_i
//   value = sum w_i Huber(r_i),   psi = clamp(r, -delta, delta),   p = terms / S
//   Hessian = sum w ([|r| <= delta] - psi) g g' + w psi sum_k p_k z_k z_k',   g = sum_k p_k z_k
//   z_E = (1, 0, 0, 0, 0),  z_A = (0, 1, 0, -x, 0),  z_B = (0, 0, 1, 0, -y)
//
// law_lanes.cc is compiled once for each instruction set, and the best one for this processor is
// taken. All give the same bits: four lanes always, summed in the same order, products and sums
// never fused, and exponential and logarithm of our own (within 2 units in the last place; a term's
// exponent is clamped to +-700). law/loss_law.h has the same with the C library's functions; a
// fit's end is held to it (parametric_fit.cc).
#ifndef ISOFLOP_FIT_LAW_SUMS_H_
#define ISOFLOP_FIT_LAW_SUMS_H_

#include <cstddef>
#include <span>

namespace isoflop {

// Plain memory, so that files compiled for other instruction sets need no inline function of ours.
struct PointArrays {
  const double* x;
  const double* y;
  const double* log_loss;
  const double* weight;
  std::size_t size;
};

struct HuberSums {
  double value;
  double gradient[5];
  double hessian[15];  // lower triangle, row by row
  double scale[5];     // diagonal of sum w g g'
};

struct LawSums {
  const char* name;  // "avx2"
  // theta is (ln E, ln A, ln B, alpha, beta), in the coordinates of the points.
  void (*sums)(const PointArrays& points, const double* theta, double delta, HuberSums& out);
  double (*value)(const PointArrays& points, const double* theta, double delta);
  // Residuals whose half squares are w Huber(r): s = r inside, sign(r) sqrt(2 delta |r| - delta^2)
  // beyond, times sqrt(w); the Jacobian's five columns one after the other, or null.
  void (*residuals)(const PointArrays& points, const double* theta, double delta, double* residual,
                    double* jacobian);
};

// Those that this processor runs, the best last.
std::span<const LawSums> usable_law_sums();
const LawSums& law_sums();

}  // namespace isoflop

#endif  // ISOFLOP_FIT_LAW_SUMS_H_
