// law_sums.h for one instruction set: compiled once for each (CMakeLists.txt), in a namespace of
// its own, without inline functions of the standard library, so that none compiled for AVX-512 is
// ever linked into the path of another processor.
#include "fit/law_sums.h"

#ifndef ISOFLOP_ISA
#define ISOFLOP_ISA baseline
#endif

namespace isoflop::ISOFLOP_ISA {
namespace {

constexpr std::size_t kLanes = 4;
typedef double Lanes __attribute__((vector_size(kLanes * sizeof(double))));
typedef unsigned long long Bits __attribute__((vector_size(kLanes * sizeof(double))));

#define ISOFLOP_INLINE inline __attribute__((always_inline))

constexpr double kLn2High = 0x1.62e42feep-1;  // 32 trailing zeros: a multiple below 2^21 is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

ISOFLOP_INLINE Lanes all(double value) { return value - Lanes{}; }

ISOFLOP_INLINE Lanes load_lanes(const double* at) {
  Lanes out;
  __builtin_memcpy(&out, at, sizeof(out));
  return out;
}

ISOFLOP_INLINE void store_lanes(double* at, Lanes value) {
  __builtin_memcpy(at, &value, sizeof(value));
}

ISOFLOP_INLINE double sum_lanes(Lanes v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// e^x = 2^n e^r with |r| <= ln 2 / 2, and e^r = 1 + 2 r / (R - r), where R = r coth(r / 2) is even:
// 2 + sum of 2 B_2k r^2k / (2k)!, B the Bernoulli numbers. What is cut off is below 1e-17. Summed
// in pairs: a chain of products would wait for itself.
ISOFLOP_INLINE Lanes exponential(Lanes x) {
  constexpr double kRound = 0x1.8p52;  // adding it leaves a whole number in the low bits
  x = x > 700.0 ? all(700.0) : x;
  x = x < -700.0 ? all(-700.0) : x;
  const Lanes shifted = x * 0x1.71547652b82fep+0 + kRound;
  const Lanes n = shifted - kRound;
  const Lanes r = (x - n * kLn2High) - n * kLn2Low;
  const Lanes q = r * r;
  const Lanes q2 = q * q;
  const Lanes low = (q * (1.0 / 6.0) + 2.0) + q2 * (q * (1.0 / 15120.0) - 1.0 / 360.0);
  const Lanes high = (q * (1.0 / 23950080.0) - 1.0 / 604800.0) + q2 * (-691.0 / 653837184000.0);
  const Lanes even = low + (q2 * q2) * high;
  const Lanes fraction = 1.0 + (r + r) / (even - r);
  return (Lanes)((Bits)fraction + ((Bits)shifted << 52));
}

// ln v of a positive normal v = 2^k m, m in [sqrt(1/2), sqrt 2): ln m = 2 atanh((m - 1) / (m + 1)).
ISOFLOP_INLINE Lanes logarithm(Lanes v) {
  constexpr unsigned long long kRootHalf = 0x3fe6a09e667f3bcdULL;
  constexpr unsigned long long kOne = 0x3ff0000000000000ULL;
  const Bits moved = (Bits)v + (kOne - kRootHalf);
  const Bits biased = moved >> 52;
  const Lanes m = (Lanes)((moved & 0xfffffffffffffULL) + kRootHalf);
  const Lanes k = (Lanes)(biased | 0x4330000000000000ULL) - (0x1p52 + 1023.0);
  const Lanes s = (m - 1.0) / (m + 1.0);
  const Lanes q = s * s;
  const Lanes q2 = q * q;
  const Lanes q4 = q2 * q2;
  const Lanes low = (q * (2.0 / 5.0) + 2.0 / 3.0) + q2 * (q * (2.0 / 9.0) + 2.0 / 7.0);
  const Lanes middle = (q * (2.0 / 13.0) + 2.0 / 11.0) + q2 * (q * (2.0 / 17.0) + 2.0 / 15.0);
  const Lanes high = q * (2.0 / 21.0) + 2.0 / 19.0;
  const Lanes series = low + q4 * (middle + q4 * high);
  return k * kLn2High + (2.0 * s + (s * q * series + k * kLn2Low));
}

struct Law {
  Lanes E;  // not its logarithm
  double ln_A, ln_B, alpha, beta;
};

ISOFLOP_INLINE Law law_of(const double* theta) {
  return {exponential(all(theta[0])), theta[1], theta[2], theta[3], theta[4]};
}

struct Block {
  Lanes x, y, log_loss, weight;
};

ISOFLOP_INLINE Block block_at(const PointArrays& points, std::size_t i) {
  return {load_lanes(points.x + i), load_lanes(points.y + i), load_lanes(points.log_loss + i),
          load_lanes(points.weight + i)};
}

// The last points, filled up with points of weight 0.
ISOFLOP_INLINE Block last_block(const PointArrays& points, std::size_t i) {
  Block b{};
  for (std::size_t lane = 0; i + lane < points.size; ++lane) {
    b.x[lane] = points.x[i + lane];
    b.y[lane] = points.y[i + lane];
    b.log_loss[lane] = points.log_loss[i + lane];
    b.weight[lane] = points.weight[i + lane];
  }
  return b;
}

struct Terms {
  Lanes e, a, b;  // shares of S
  Lanes r;
};

ISOFLOP_INLINE Lanes residual_of(const Law& law, const Block& p) {
  const Lanes a = exponential(law.ln_A - law.alpha * p.x);
  const Lanes b = exponential(law.ln_B - law.beta * p.y);
  return logarithm(law.E + a + b) - p.log_loss;
}

ISOFLOP_INLINE Terms terms_of(const Law& law, const Block& p) {
  const Lanes a = exponential(law.ln_A - law.alpha * p.x);
  const Lanes b = exponential(law.ln_B - law.beta * p.y);
  const Lanes S = law.E + a + b;
  const Lanes inverse = 1.0 / S;
  return {law.E * inverse, a * inverse, b * inverse, logarithm(S) - p.log_loss};
}

ISOFLOP_INLINE Lanes clamped(Lanes r, double delta) {
  r = r > delta ? all(delta) : r;
  return r < -delta ? all(-delta) : r;
}

// 1 where clamping changed nothing.
ISOFLOP_INLINE Lanes inside(Lanes r, Lanes psi) { return r == psi ? all(1.0) : all(0.0); }

struct LaneSums {
  Lanes value{};
  Lanes g_e{}, g_a{}, g_b{}, g_ax{}, g_by{};
  Lanes ee{}, ea{}, eb{}, eax{}, eby{};
  Lanes aa{}, aax{}, aaxx{}, bb{}, bby{}, bbyy{}, ab{}, abx{}, aby{}, abxy{};
  Lanes s_e{}, s_a{}, s_b{}, s_ax{}, s_by{};
};

ISOFLOP_INLINE void add_terms(const Terms& t, const Block& p, double delta, LaneSums& sum) {
  const Lanes psi = clamped(t.r, delta);
  sum.value += p.weight * (psi * (t.r - 0.5 * psi));
  const Lanes ax = t.a * p.x;
  const Lanes by = t.b * p.y;
  const Lanes wpsi = p.weight * psi;
  const Lanes we = wpsi * t.e, wa = wpsi * t.a, wb = wpsi * t.b;
  const Lanes wax = wpsi * ax, wby = wpsi * by;
  sum.g_e += we;
  sum.g_a += wa;
  sum.g_b += wb;
  sum.g_ax += wax;
  sum.g_by += wby;
  const Lanes c = p.weight * inside(t.r, psi) - wpsi;
  const Lanes ce = c * t.e, ca = c * t.a, cb = c * t.b;
  const Lanes cax = c * ax, cby = c * by;
  sum.ee += ce * t.e + we;
  sum.ea += ce * t.a;
  sum.eb += ce * t.b;
  sum.eax += ce * ax;
  sum.eby += ce * by;
  sum.aa += ca * t.a + wa;
  sum.aax += ca * ax + wax;
  sum.aaxx += cax * ax + wax * p.x;
  sum.bb += cb * t.b + wb;
  sum.bby += cb * by + wby;
  sum.bbyy += cby * by + wby * p.y;
  sum.ab += ca * t.b;
  sum.abx += cax * t.b;
  sum.aby += ca * by;
  sum.abxy += cax * by;
  const Lanes we1 = p.weight * t.e, wa1 = p.weight * t.a, wb1 = p.weight * t.b;
  const Lanes wax1 = p.weight * ax, wby1 = p.weight * by;
  sum.s_e += we1 * t.e;
  sum.s_a += wa1 * t.a;
  sum.s_b += wb1 * t.b;
  sum.s_ax += wax1 * ax;
  sum.s_by += wby1 * by;
}

void sums(const PointArrays& points, const double* theta, double delta, HuberSums& out) {
  const Law law = law_of(theta);
  LaneSums sum;
  std::size_t i = 0;
  // Two blocks at a time: the one's long chain of operations fills the other's waits.
  for (; i + 2 * kLanes <= points.size; i += 2 * kLanes) {
    const Block p = block_at(points, i);
    const Block q = block_at(points, i + kLanes);
    const Terms t = terms_of(law, p);
    const Terms u = terms_of(law, q);
    add_terms(t, p, delta, sum);
    add_terms(u, q, delta, sum);
  }
  for (; i < points.size; i += kLanes) {
    const Block p = i + kLanes <= points.size ? block_at(points, i) : last_block(points, i);
    add_terms(terms_of(law, p), p, delta, sum);
  }
  const Lanes gradient[] = {sum.g_e, sum.g_a, sum.g_b, -sum.g_ax, -sum.g_by};
  const Lanes hessian[] = {sum.ee,   sum.ea,   sum.aa,   sum.eb,   sum.ab,
                           sum.bb,   -sum.eax, -sum.aax, -sum.abx, sum.aaxx,
                           -sum.eby, -sum.aby, -sum.bby, sum.abxy, sum.bbyy};
  const Lanes scale[] = {sum.s_e, sum.s_a, sum.s_b, sum.s_ax, sum.s_by};
  out.value = sum_lanes(sum.value);
  for (int k = 0; k < 5; ++k) out.gradient[k] = sum_lanes(gradient[k]);
  for (int k = 0; k < 15; ++k) out.hessian[k] = sum_lanes(hessian[k]);
  for (int k = 0; k < 5; ++k) out.scale[k] = sum_lanes(scale[k]);
}

ISOFLOP_INLINE Lanes weighted_huber(const Law& law, const Block& p, double delta) {
  const Lanes r = residual_of(law, p);
  const Lanes psi = clamped(r, delta);
  return p.weight * (psi * (r - 0.5 * psi));
}

double value(const PointArrays& points, const double* theta, double delta) {
  const Law law = law_of(theta);
  Lanes sum{};
  std::size_t i = 0;
  for (; i + kLanes <= points.size; i += kLanes) {
    sum += weighted_huber(law, block_at(points, i), delta);
  }
  if (i < points.size) sum += weighted_huber(law, last_block(points, i), delta);
  return sum_lanes(sum);
}

struct Row {
  Lanes residual, e, a, b, x, y;
};

ISOFLOP_INLINE Lanes square_root(Lanes v) {
  Lanes root;
  for (std::size_t k = 0; k < kLanes; ++k) root[k] = __builtin_sqrt(v[k]);
  return root;
}

// Without slopes the Jacobian's columns are left out.
ISOFLOP_INLINE Row row_of(const Law& law, const Block& p, double delta, bool slopes) {
  const Lanes weight = square_root(p.weight);
  if (!slopes) {
    const Lanes r = residual_of(law, p);
    const Lanes psi = clamped(r, delta);
    const Lanes root = square_root(psi * (r + r - psi));
    Row row{};
    row.residual = weight * (psi < 0.0 ? -root : root);
    return row;
  }
  const Terms t = terms_of(law, p);
  const Lanes psi = clamped(t.r, delta);
  const Lanes root = square_root(psi * (t.r + t.r - psi));  // of twice the Huber term
  // ds/dr = |psi| / |s| beyond delta, 1 inside.
  const Lanes size = psi < 0.0 ? -psi : psi;
  const Lanes slope = weight * (inside(t.r, psi) == 1.0 ? all(1.0) : size / root);
  const Lanes s = weight * (psi < 0.0 ? -root : root);
  return {s, slope * t.e, slope * t.a, slope * t.b, -(slope * t.a) * p.x, -(slope * t.b) * p.y};
}

ISOFLOP_INLINE void store_row(const Row& row, std::size_t i, std::size_t size, double* residual,
                              double* jacobian) {
  store_lanes(residual + i, row.residual);
  if (jacobian == nullptr) return;
  store_lanes(jacobian + i, row.e);
  store_lanes(jacobian + size + i, row.a);
  store_lanes(jacobian + 2 * size + i, row.b);
  store_lanes(jacobian + 3 * size + i, row.x);
  store_lanes(jacobian + 4 * size + i, row.y);
}

void store_last(const Row& row, std::size_t i, std::size_t size, double* residual,
                double* jacobian) {
  for (std::size_t k = 0; i + k < size; ++k) {
    residual[i + k] = row.residual[k];
    if (jacobian == nullptr) continue;
    jacobian[i + k] = row.e[k];
    jacobian[size + i + k] = row.a[k];
    jacobian[2 * size + i + k] = row.b[k];
    jacobian[3 * size + i + k] = row.x[k];
    jacobian[4 * size + i + k] = row.y[k];
  }
}

ISOFLOP_INLINE void fill_rows(const PointArrays& points, const double* theta, double delta,
                              double* residual, double* jacobian, bool slopes) {
  const Law law = law_of(theta);
  std::size_t i = 0;
  for (; i + kLanes <= points.size; i += kLanes) {
    store_row(row_of(law, block_at(points, i), delta, slopes), i, points.size, residual, jacobian);
  }
  if (i == points.size) return;
  store_last(row_of(law, last_block(points, i), delta, slopes), i, points.size, residual, jacobian);
}

void residuals(const PointArrays& points, const double* theta, double delta, double* residual,
               double* jacobian) {
  if (jacobian == nullptr) {
    fill_rows(points, theta, delta, residual, nullptr, false);
  } else {
    fill_rows(points, theta, delta, residual, jacobian, true);
  }
}

#undef ISOFLOP_INLINE

#define ISOFLOP_TEXT_(name) #name
#define ISOFLOP_TEXT(name) ISOFLOP_TEXT_(name)

}  // namespace

extern const LawSums kLawSums;
const LawSums kLawSums = {ISOFLOP_TEXT(ISOFLOP_ISA), sums, value, residuals};

#undef ISOFLOP_TEXT
#undef ISOFLOP_TEXT_

}  // namespace isoflop::ISOFLOP_ISA
