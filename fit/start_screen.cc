#include "fit/start_screen.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "fit/newton.h"
#include "fit/row_sample.h"

namespace isoflop {
namespace {

// Exponents worth a start: published ones lie between 0.05 (Kaplan) and 0.8.
constexpr double kLowestExponent = 0.04;
constexpr double kHighestExponent = 2.0;

struct Node {
  int row = 0, column = 0;
  LawVector start{};
  double score = 0;
};

double exponent(int k, int side) {
  const double ratio = std::log(kHighestExponent / kLowestExponent);
  return kLowestExponent * std::exp(ratio * k / (side - 1));
}

// n x 3 columns 1, e^(-alpha x), e^(-beta y), each over L, as normal equations.
struct Normal {
  Eigen::Matrix3d matrix = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
};

Normal normal_equations(const Points& points, const std::vector<double>& a_column,
                        const std::vector<double>& b_column, const std::vector<double>& inverse) {
  Normal n;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double w = points.weight[i];
    if (w == 0) continue;
    const Eigen::Vector3d v(inverse[i], a_column[i], b_column[i]);
    n.matrix += w * v * v.transpose();
    n.right += w * v;  // the target is L / L = 1
  }
  return n;
}

// Least squares over the terms in `mask`, others zero; false when some term is not positive.
bool solve_subset(const Normal& n, unsigned mask, Eigen::Vector3d& x) {
  Eigen::Matrix3d matrix = n.matrix;
  Eigen::Vector3d right = n.right;
  for (int k = 0; k < 3; ++k) {
    if ((mask >> k & 1u) != 0) continue;
    matrix.row(k).setZero();
    matrix.col(k).setZero();
    matrix(k, k) = 1;
    right[k] = 0;
  }
  x = matrix.ldlt().solve(right);
  for (int k = 0; k < 3; ++k) {
    if ((mask >> k & 1u) != 0 && !(x[k] > 0)) return false;
  }
  return x.allFinite();
}

// Non-negative least squares by trying every set of active terms, the fullest first.
Eigen::Vector3d nonnegative(const Normal& n) {
  Eigen::Vector3d best = Eigen::Vector3d::Zero();
  if (solve_subset(n, 7u, best)) return best;
  double lowest = 0;  // x' M x - 2 x' r; zero at x = 0
  for (unsigned mask = 1; mask < 7; ++mask) {
    Eigen::Vector3d x;
    if (!solve_subset(n, mask, x)) continue;
    const double value = x.dot(n.matrix * x) - 2 * x.dot(n.right);
    if (value < lowest) {
      lowest = value;
      best = x;
    }
  }
  return best;
}

// e^(-exponent * coordinate) / L, per point.
std::vector<double> column_of(const std::vector<double>& coordinate,
                              const std::vector<double>& inverse, double power) {
  std::vector<double> out(coordinate.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = std::exp(-power * coordinate[i]) * inverse[i];
  return out;
}

std::vector<std::vector<double>> columns_of(const std::vector<double>& coordinate,
                                            const std::vector<double>& inverse, int side) {
  std::vector<std::vector<double>> out;
  for (int k = 0; k < side; ++k) out.push_back(column_of(coordinate, inverse, exponent(k, side)));
  return out;
}

Points sampled_points(const Points& points) {
  Points out{.x = {},
             .y = {},
             .log_loss = {},
             .weight = {},
             .x_mean = points.x_mean,
             .y_mean = points.y_mean};
  for (const std::size_t i : row_sample(points.size())) {
    out.x.push_back(points.x[i]);
    out.y.push_back(points.y[i]);
    out.log_loss.push_back(points.log_loss[i]);
    out.weight.push_back(points.weight[i]);
  }
  return out;
}

std::vector<Node> all_nodes(const Points& points, double huber_delta, int side) {
  std::vector<double> inverse(points.size());
  for (std::size_t i = 0; i < inverse.size(); ++i) inverse[i] = std::exp(-points.log_loss[i]);
  const auto a_columns = columns_of(points.x, inverse, side);
  const auto b_columns = columns_of(points.y, inverse, side);
  std::vector<Node> nodes;
  for (int i = 0; i < side; ++i) {
    for (int j = 0; j < side; ++j) {
      const auto a = static_cast<std::size_t>(i);
      const auto b = static_cast<std::size_t>(j);
      Eigen::Vector3d terms =
          nonnegative(normal_equations(points, a_columns[a], b_columns[b], inverse));
      // An absent term has no gradient in its logarithm: let it in with a thousandth.
      terms = terms.cwiseMax(1e-3 * terms.maxCoeff());
      Node node{.row = i, .column = j};
      node.start = {std::log(terms[0]), std::log(terms[1]), std::log(terms[2]), exponent(i, side),
                    exponent(j, side)};
      node.score = huber_sum(points, node.start, huber_delta);
      if (std::isfinite(node.score)) nodes.push_back(node);
    }
  }
  return nodes;
}

bool neighbours(const Node& a, const Node& b) {
  return std::abs(a.row - b.row) <= 1 && std::abs(a.column - b.column) <= 1;
}

bool local_minimum(const Node& node, const std::vector<Node>& nodes) {
  return std::none_of(nodes.begin(), nodes.end(), [&](const Node& other) {
    return neighbours(node, other) && other.score < node.score;
  });
}

}  // namespace

std::vector<LawVector> screened_starts(const Points& points, double huber_delta, int count,
                                       int side) {
  std::vector<Node> nodes = all_nodes(sampled_points(points), huber_delta, side);
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const Node& a, const Node& b) { return a.score < b.score; });
  std::vector<Node> chosen;
  const auto full = [&] { return static_cast<int>(chosen.size()) >= count; };
  for (const Node& node : nodes) {
    if (!full() && local_minimum(node, nodes)) chosen.push_back(node);
  }
  for (const Node& node : nodes) {
    const bool apart = std::none_of(chosen.begin(), chosen.end(),
                                    [&](const Node& other) { return neighbours(node, other); });
    if (!full() && apart) chosen.push_back(node);
  }
  std::vector<LawVector> starts;
  for (const Node& node : chosen) starts.push_back(node.start);
  return starts;
}

std::vector<LawVector> paper_grid_starts(const Points& points) {
  std::vector<LawVector> starts;
  for (int alpha = 0; alpha < 5; ++alpha) {
    for (int beta = 0; beta < 5; ++beta) {
      for (int e = 0; e < 5; ++e) {
        for (int a = 0; a < 6; ++a) {
          for (int b = 0; b < 6; ++b) {
            const LawVector theta = {-1 + 0.5 * e, 5.0 * a, 5.0 * b, 0.5 * alpha, 0.5 * beta};
            starts.push_back(centred(theta, points));
          }
        }
      }
    }
  }
  return starts;
}

}  // namespace isoflop
