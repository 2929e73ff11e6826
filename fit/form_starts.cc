#include "fit/form_starts.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "core/hash.h"
#include "fit/parallel.h"
#include "fit/row_sample.h"

namespace isoflop {
namespace {

constexpr double kApart = 0.06;  // of the unit cube, in some coordinate

struct FormNode {
  std::vector<double> place;  // in the unit cube of the nonlinear coordinates
  std::vector<double> u;
  double score = 0;
};

// The form in its linear parameters at one point: columns by coordinate, and the weighted system.
struct LinearSystem {
  std::vector<std::size_t> coordinates;
  Eigen::MatrixXd columns;  // rows x coordinates, over the row's scale
  Eigen::VectorXd right;    // measured less what is not linear, over the scale
};

// phi of the recurrence, by fixed-point iteration.
double recurrence_base(std::size_t dimensions) {
  double x = 1.5;
  for (int k = 0; k < 60; ++k) x = std::pow(1 + x, 1.0 / (static_cast<double>(dimensions) + 1));
  return x;
}

double fraction(double x) { return x - std::floor(x); }

std::vector<std::size_t> coordinates_where(const FormProblem& problem, bool linear) {
  std::vector<std::size_t> out;
  for (std::size_t c = 0; c < problem.free(); ++c) {
    if (problem.coordinates[c].linear == linear) out.push_back(c);
  }
  return out;
}

double value_of(const FormCoordinate& c, double u) { return c.logarithmic ? std::exp(u) : u; }

// Linear in what the parameters are linear in: the prediction, or its logarithm. A row is divided
// by what makes its residual one of the fit's space.
bool fill_system(const FormProblem& problem, const std::vector<double>& u, LinearSystem& out) {
  const std::vector<double> values = form_values(problem, u);
  std::vector<double> gradient(problem.slots.size());
  for (std::size_t i = 0; i < problem.size(); ++i) {
    const double predicted = problem.form->predict(values, problem.points[i], gradient.data());
    if (!std::isfinite(predicted)) return false;
    const bool log_of = problem.form->linear_in_log;
    if (log_of && !(predicted > 0)) return false;
    const double target = problem.targets[i];
    const double slope = log_of ? 1 / predicted : 1;
    const double scale = log_of || problem.space == FitSpace::kPlain ? 1 : 1 / target;
    const auto row = static_cast<Eigen::Index>(i);
    double right = log_of ? std::log(target / predicted) : target - predicted;
    out.columns.row(row).setZero();
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      const auto found =
          std::find(out.coordinates.begin(), out.coordinates.end(),
                    static_cast<std::size_t>(std::max(problem.slots[k].coordinate, 0)));
      if (problem.slots[k].coordinate < 0 || found == out.coordinates.end()) continue;
      out.columns(row, found - out.coordinates.begin()) += slope * gradient[k];
      right += slope * gradient[k] * values[k];
    }
    out.columns.row(row) *= scale;
    out.right[row] = right * scale;
  }
  return out.columns.allFinite() && out.right.allFinite();
}

// The system as normal equations, columns scaled to 1.
struct ScaledNormal {
  Eigen::MatrixXd matrix;
  Eigen::VectorXd right;
  Eigen::VectorXd scale;
};

ScaledNormal scaled_normal(const LinearSystem& system) {
  ScaledNormal n{.matrix = system.columns.transpose() * system.columns,
                 .right = system.columns.transpose() * system.right,
                 .scale = {}};
  n.scale = n.matrix.diagonal().cwiseSqrt().cwiseMax(1e-300);
  n.matrix = n.scale.cwiseInverse().asDiagonal() * n.matrix * n.scale.cwiseInverse().asDiagonal();
  n.matrix.diagonal().array() += 1e-12;
  n.right = n.right.cwiseQuotient(n.scale);
  return n;
}

// The least-squares solution with some of x held.
Eigen::VectorXd solve_others(const ScaledNormal& n, const Eigen::VectorXd& x,
                             const std::vector<bool>& held) {
  Eigen::MatrixXd matrix = n.matrix;
  Eigen::VectorXd right = n.right;
  for (Eigen::Index k = 0; k < x.size(); ++k) {
    if (!held[static_cast<std::size_t>(k)]) continue;
    right -= n.matrix.col(k) * x[k];
    matrix.row(k).setZero();
    matrix.col(k).setZero();
    matrix(k, k) = 1;
  }
  for (Eigen::Index k = 0; k < x.size(); ++k) {
    if (held[static_cast<std::size_t>(k)]) right[k] = x[k];
  }
  return matrix.ldlt().solve(right);
}

// x (scaled) within the bounds of a coordinate. A term below a thousandth of the target has no
// gradient in its logarithm.
double scaled_within(const FormCoordinate& c, double x, double scale) {
  const double low = c.logarithmic ? std::max(value_of(c, c.low), 1e-3 / scale) : c.low;
  const double high = std::max(low, value_of(c, c.high));
  return std::clamp(x / scale, low, high) * scale;
}

// Least squares within bounds: whatever falls outside is held at its bound and the others are
// solved again.
Eigen::VectorXd solve_within(const FormProblem& problem, const LinearSystem& system) {
  const ScaledNormal n = scaled_normal(system);
  const auto q = static_cast<std::size_t>(n.right.size());
  Eigen::VectorXd x = Eigen::VectorXd::Zero(n.right.size());
  std::vector<bool> held(q, false);
  for (std::size_t pass = 0; pass <= q; ++pass) {
    x = solve_others(n, x, held);
    bool inside = true;
    for (std::size_t k = 0; k < q; ++k) {
      const auto i = static_cast<Eigen::Index>(k);
      const double within =
          scaled_within(problem.coordinates[system.coordinates[k]], x[i], n.scale[i]);
      if (std::abs(within - x[i]) <= 1e-12 * std::abs(x[i])) continue;
      x[i] = within;
      held[k] = true;
      inside = false;
    }
    if (inside) break;
  }
  return x.cwiseQuotient(n.scale);
}

// Two passes: parameters that are only nearly linear are so at the first one's end.
void solve_linear(const FormProblem& problem, std::vector<double>& u) {
  LinearSystem system;
  system.coordinates = coordinates_where(problem, true);
  if (system.coordinates.empty()) return;
  const auto rows = static_cast<Eigen::Index>(problem.size());
  system.columns.resize(rows, static_cast<Eigen::Index>(system.coordinates.size()));
  system.right.resize(rows);
  for (int pass = 0; pass < 2; ++pass) {
    if (!fill_system(problem, u, system)) return;
    const Eigen::VectorXd x = solve_within(problem, system);
    if (!x.allFinite()) return;
    for (std::size_t k = 0; k < system.coordinates.size(); ++k) {
      const FormCoordinate& c = problem.coordinates[system.coordinates[k]];
      const double value = x[static_cast<Eigen::Index>(k)];
      u[system.coordinates[k]] = std::clamp(c.logarithmic ? std::log(value) : value, c.low, c.high);
    }
  }
}

FormNode make_node(const FormProblem& problem, const std::vector<std::size_t>& nonlinear, int index,
                   std::uint64_t seed) {
  const double base = recurrence_base(nonlinear.size());
  FormNode node;
  for (const FormCoordinate& c : problem.coordinates) {
    node.u.push_back((c.start_low + c.start_high) / 2);
  }
  double step = 1;
  for (std::size_t k = 0; k < nonlinear.size(); ++k) {
    step /= base;
    const double shift = static_cast<double>(splitmix64(seed + k) >> 11) * 0x1.0p-53;
    node.place.push_back(fraction(shift + (index + 1) * step));
    const FormCoordinate& c = problem.coordinates[nonlinear[k]];
    node.u[nonlinear[k]] = c.start_low + node.place.back() * (c.start_high - c.start_low);
  }
  solve_linear(problem, node.u);
  node.score = form_objective(problem, node.u);
  return node;
}

bool near(const FormNode& a, const FormNode& b) {
  for (std::size_t k = 0; k < a.place.size(); ++k) {
    if (std::abs(a.place[k] - b.place[k]) > kApart) return false;
  }
  return true;
}

}  // namespace

FormProblem sampled_problem(const FormProblem& problem) {
  FormProblem out = problem;
  const std::vector<std::size_t> rows = row_sample(problem.size());
  out.points.resize(rows.size());
  out.targets.resize(rows.size());
  out.goals.resize(rows.size());
  out.weights.resize(rows.size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    out.points[k] = problem.points[rows[k]];
    out.targets[k] = problem.targets[rows[k]];
    out.goals[k] = problem.goals[rows[k]];
    out.weights[k] = problem.weights[rows[k]];
  }
  return out;
}

std::vector<std::vector<double>> form_starts(const FormProblem& problem, int screened, int count,
                                             std::uint64_t seed, int threads) {
  const std::vector<std::size_t> nonlinear = coordinates_where(problem, false);
  const int nodes_wanted =
      nonlinear.empty() ? 1 : std::min(screened, 128 * static_cast<int>(nonlinear.size()));
  std::vector<FormNode> nodes(static_cast<std::size_t>(nodes_wanted));
  const FormProblem sample = sampled_problem(problem);
  parallel_for(nodes_wanted, threads, [&](int i) {
    nodes[static_cast<std::size_t>(i)] = make_node(sample, nonlinear, i, seed);
  });
  std::erase_if(nodes, [](const FormNode& node) { return !std::isfinite(node.score); });
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const FormNode& a, const FormNode& b) { return a.score < b.score; });
  std::vector<FormNode> chosen;
  for (const FormNode& node : nodes) {
    if (static_cast<int>(chosen.size()) >= count) break;
    const bool apart = std::none_of(chosen.begin(), chosen.end(),
                                    [&](const FormNode& other) { return near(node, other); });
    if (apart) chosen.push_back(node);
  }
  std::vector<std::vector<double>> starts;
  for (FormNode& node : chosen) starts.push_back(std::move(node.u));
  return starts;
}

}  // namespace isoflop
