#include "fit/mixed_units.h"

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr double kNoConvention = 700;
constexpr double kFlopsHole = 100;
constexpr double kSweepHole = 1000;
constexpr double kLossHole = 3;
constexpr double kSmallestShift = 1.15;  // well below 1 / ln 2, well above scatter
constexpr double kMadToSigma = 1.4826;
// Of ln L around its surface: losses that scatter more cannot tell bits from bad runs.
constexpr double kTightSurface = 0.015;
constexpr double kOnSurface = 0.09;  // for the worst row of a group; a quadratic is no law
constexpr double kOffSurface = 0.2;  // what asks for an explanation
constexpr std::size_t kFewestForSurface = 12;
constexpr int kReweightings = 30;
constexpr double kTwoSurfaces = 0.04;  // spread around one quadratic that two surfaces leave
constexpr std::size_t kManyLosses = 2000;
constexpr std::size_t kSplits = 8;
constexpr int kAssignments = 10;

// The widest step between neighbours when sorted, and the rows on the side of fewer rows.
struct WidestHole {
  double factor = 1;
  std::vector<std::size_t> fewer;
};

WidestHole widest_hole(const std::vector<double>& logs) {
  std::vector<std::size_t> order(logs.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return logs[a] < logs[b]; });
  std::size_t at = 0;
  double widest = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    const double step = logs[order[i]] - logs[order[i - 1]];
    if (step > widest) {
      widest = step;
      at = i;
    }
  }
  const bool low = 2 * at <= order.size();
  const auto cut = order.begin() + static_cast<std::ptrdiff_t>(at);
  WidestHole hole{.factor = std::exp(widest), .fewer = {}};
  hole.fewer.assign(low ? order.begin() : cut, low ? cut : order.end());
  std::sort(hole.fewer.begin(), hole.fewer.end());
  return hole;
}

std::string name_of_row(const Observation& row) {
  return fmt::format("data row {}{}", row.row,
                     row.trial.empty() ? "" : fmt::format(" ({})", row.trial));
}

[[noreturn]] void refuse_units(std::string_view source, const Observation& row, std::size_t more,
                               const std::string& what, const std::string& why) {
  const std::string others = more == 0 ? "" : fmt::format(" (and {} rows more)", more);
  throw usage_error(fmt::format("{}: {}{}: {}: {}; bring every row to the same units", source,
                                name_of_row(row), others, what, why));
}

bool has_every_flops(std::span<const Observation> rows) {
  return std::all_of(rows.begin(), rows.end(), [](const auto& row) { return row.flops > 0; });
}

void refuse_foreign_flops(std::span<const Observation> rows, std::string_view source,
                          const FlopsPerToken& flops) {
  if (!has_every_flops(rows)) return;
  std::vector<double> logs;      // of C over the convention's
  std::vector<double> six_logs;  // and over 6 N D: a convention may have been read off the table
  for (const Observation& row : rows) {
    logs.push_back(std::log(row.flops / (flops(row.params) * row.tokens)));
    six_logs.push_back(std::log(row.flops / (6 * row.params * row.tokens)));
  }
  const auto far = [](double log) { return std::abs(log) > std::log(kNoConvention); };
  const auto first = std::find_if(logs.begin(), logs.end(), far);
  if (first != logs.end()) {
    const Observation& row = rows[static_cast<std::size_t>(first - logs.begin())];
    refuse_units(
        source, row, static_cast<std::size_t>(std::count_if(logs.begin(), logs.end(), far)) - 1,
        fmt::format("flops = {}", exact_number(row.flops)),
        fmt::format(
            "{} N D is {:.3g} there, a factor {:.3g} off: no way of counting FLOPs explains "
            "it; are N, D and C in units, not millions or PF-days?",
            flops.is_six_n() ? "6" : flops.convention(), flops(row.params) * row.tokens,
            std::exp(-*first)));
  }
  const WidestHole hole = widest_hole(six_logs);
  if (hole.factor < kFlopsHole) return;
  const Observation& row = rows[hole.fewer.front()];
  refuse_units(source, row, hole.fewer.size() - 1,
               fmt::format("flops = {}", exact_number(row.flops)),
               fmt::format("its ratio to N x D is a factor {:.3g} or more from the other rows'",
                           hole.factor));
}

template <class Value>
void refuse_hole(std::span<const Observation> rows, std::string_view source, const char* name,
                 double widest, const std::string& why, const Value& value) {
  std::vector<double> logs;
  for (const Observation& row : rows) logs.push_back(std::log(value(row)));
  const WidestHole hole = widest_hole(logs);
  if (hole.factor < widest) return;
  const Observation& row = rows[hole.fewer.front()];
  refuse_units(source, row, hole.fewer.size() - 1,
               fmt::format("{} = {}", name, exact_number(value(row))),
               fmt::format("a factor {:.3g} lies empty between it and the other rows: {}",
                           hole.factor, why));
}

using SurfaceColumns = Eigen::Matrix<double, Eigen::Dynamic, 6>;

// 1, x, y and their squares and product, x and y of mean 0 and variance 1.
SurfaceColumns surface_columns(std::span<const Observation> rows) {
  const auto n = static_cast<Eigen::Index>(rows.size());
  Eigen::VectorXd x(n), y(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    x[i] = std::log(rows[static_cast<std::size_t>(i)].params);
    y[i] = std::log(rows[static_cast<std::size_t>(i)].tokens);
  }
  for (Eigen::VectorXd* v : {&x, &y}) {
    v->array() -= v->mean();
    *v /= std::max(v->norm() / std::sqrt(static_cast<double>(n)), 1e-9);
  }
  SurfaceColumns columns(n, 6);
  columns << Eigen::VectorXd::Ones(n), x, y, x.cwiseProduct(x), x.cwiseProduct(y),
      y.cwiseProduct(y);
  return columns;
}

// Residuals of z = quadratic in (ln N, ln D), by least absolute deviations (reweighting).
std::vector<double> surface_residuals(const SurfaceColumns& columns, const std::vector<double>& z) {
  const Eigen::Map<const Eigen::VectorXd> target(z.data(), columns.rows());
  Eigen::VectorXd weight = Eigen::VectorXd::Ones(columns.rows());
  Eigen::VectorXd r;
  for (int k = 0; k < kReweightings; ++k) {
    const SurfaceColumns weighted = weight.asDiagonal() * columns;
    const Eigen::Matrix<double, 6, 6> normal = weighted.transpose() * columns;
    const Eigen::Matrix<double, 6, 1> right = weighted.transpose() * target;
    const Eigen::Matrix<double, 6, 1> c = normal.completeOrthogonalDecomposition().solve(right);
    r = target - columns * c;
    weight = r.cwiseAbs().cwiseMax(1e-4).cwiseInverse();
  }
  return {r.data(), r.data() + r.size()};
}

double median_size(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<double> sizes_of(const std::vector<double>& residuals,
                             const std::vector<std::size_t>& rows) {
  std::vector<double> sizes;
  for (const std::size_t i : rows) sizes.push_back(std::abs(residuals[i]));
  return sizes;
}

struct LossUnits {
  const char* what;
  double (*to_others)(double);
  std::size_t fewest;  // rows: one row alone below the others is a good run or a typing error
};

constexpr LossUnits kLossUnits[] = {
    {"in bits where the others are in nats", [](double loss) { return loss * std::log(2.0); }, 1},
    {"in nats where the others are in bits", [](double loss) { return loss / std::log(2.0); }, 2},
    {"perplexities where the others are in nats", [](double loss) { return std::log(loss); }, 1},
    {"in nats where the others are perplexities", [](double loss) { return std::exp(loss); }, 2},
};

struct LossRows {
  std::span<const Observation> rows;
  SurfaceColumns columns;
  std::vector<double> z;          // ln L
  std::vector<double> residuals;  // of z
};

// ln L of the row in the others' units; not finite where it cannot be.
double converted(const LossRows& losses, std::size_t i, const LossUnits& units) {
  return std::log(units.to_others(losses.rows[i].loss));
}

// Whether the conversion brings the rows of the group onto one surface with the rest.
bool explains(const LossRows& losses, const std::vector<std::size_t>& group,
              const LossUnits& units) {
  if (group.size() < units.fewest) return false;
  std::vector<double> z = losses.z;
  for (const std::size_t i : group) {
    z[i] = converted(losses, i, units);
    if (!std::isfinite(z[i])) return false;
  }
  const std::vector<double> residuals = surface_residuals(losses.columns, z);
  const double spread = kMadToSigma * median_size(residuals);
  const std::vector<double> sizes = sizes_of(residuals, group);
  return spread < kTightSurface && median_size(sizes) < std::max(0.01, 2.5 * spread) &&
         *std::max_element(sizes.begin(), sizes.end()) < kOnSurface;
}

// Each row goes to the units in which it lies nearer the surface, until nothing changes.
std::vector<std::size_t> nearest_units(const LossRows& losses, std::vector<bool> other,
                                       const LossUnits& units) {
  const std::size_t n = losses.z.size();
  for (int k = 0; k < kAssignments; ++k) {
    std::vector<double> z = losses.z;
    for (std::size_t i = 0; i < n; ++i) {
      if (other[i]) z[i] = converted(losses, i, units);
    }
    const std::vector<double> residuals = surface_residuals(losses.columns, z);
    std::vector<bool> next(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double surface = z[i] - residuals[i];
      const double there = converted(losses, i, units);
      next[i] = std::isfinite(there) && std::abs(there - surface) < std::abs(losses.z[i] - surface);
    }
    if (next == other) break;
    other = next;
  }
  std::vector<std::size_t> group;
  for (std::size_t i = 0; i < n; ++i) {
    if (other[i]) group.push_back(i);
  }
  return group;
}

// Ways of halving the rows to begin with: above the common surface, and the highest losses.
std::vector<std::vector<bool>> first_halves(const LossRows& losses) {
  std::vector<double> sorted = losses.z;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::vector<bool>> halves(kSplits, std::vector<bool>(sorted.size()));
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    halves[0][i] = losses.residuals[i] > 0;
    for (std::size_t k = 1; k < kSplits; ++k) {
      halves[k][i] = losses.z[i] > 0 && losses.z[i] >= sorted[k * sorted.size() / kSplits];
    }
  }
  return halves;
}

[[noreturn]] void refuse_losses(const LossRows& losses, std::string_view source,
                                const std::vector<std::size_t>& group, const LossUnits& units) {
  const Observation& row = losses.rows[group.front()];
  refuse_units(source, row, group.size() - 1, fmt::format("loss = {}", exact_number(row.loss)),
               fmt::format("the losses there seem to be {}", units.what));
}

// About as many rows in the one as in the other: no surface is the others'.
void refuse_mixed_halves(const LossRows& losses, std::string_view source) {
  const std::size_t n = losses.z.size();
  if (n > kManyLosses) return;
  const std::vector<std::vector<bool>> halves = first_halves(losses);
  for (const LossUnits& units : kLossUnits) {
    if (units.fewest > 1) continue;  // the same halves the other way round
    for (const std::vector<bool>& half : halves) {
      const std::vector<std::size_t> group = nearest_units(losses, half, units);
      if (10 * group.size() < n || 10 * (n - group.size()) < n || group.size() < 3) continue;
      if (explains(losses, group, units)) refuse_losses(losses, source, group, units);
    }
  }
}

void refuse_loss_units(std::span<const Observation> rows, std::string_view source) {
  if (rows.size() < kFewestForSurface) return;
  LossRows losses{.rows = rows, .columns = surface_columns(rows), .z = {}, .residuals = {}};
  for (const Observation& row : rows) losses.z.push_back(std::log(row.loss));
  losses.residuals = surface_residuals(losses.columns, losses.z);
  for (const WidestHole& hole : {widest_hole(losses.residuals), widest_hole(losses.z)}) {
    const std::vector<double> sizes = sizes_of(losses.residuals, hole.fewer);
    if (hole.factor < kSmallestShift ||
        *std::max_element(sizes.begin(), sizes.end()) < kOffSurface) {
      continue;
    }
    for (const LossUnits& units : kLossUnits) {
      if (explains(losses, hole.fewer, units)) {
        refuse_losses(losses, source, hole.fewer, units);
      }
    }
  }
  // One surface as it stands needs no explanation.
  if (kMadToSigma * median_size(losses.residuals) > kTwoSurfaces) {
    refuse_mixed_halves(losses, source);
  }
}

}  // namespace

void refuse_mixed_columns(std::span<const Observation> observations, std::string_view source) {
  if (observations.size() < 2) return;
  const std::string no_sweep = "no sweep has that; millions among units?";
  refuse_hole(observations, source, "params", kSweepHole, no_sweep,
              [](const Observation& row) { return row.params; });
  refuse_hole(observations, source, "tokens / params", kSweepHole, no_sweep,
              [](const Observation& row) { return row.tokens / row.params; });
  refuse_hole(observations, source, "params x tokens", kSweepHole, no_sweep,
              [](const Observation& row) { return row.params * row.tokens; });
  refuse_hole(observations, source, "loss", kLossHole, "perplexities (e^loss) among nats?",
              [](const Observation& row) { return row.loss; });
}

void refuse_mixed_units(std::span<const Observation> observations, std::string_view source,
                        const FlopsPerToken& flops) {
  if (observations.size() < 2) return;
  refuse_foreign_flops(observations, source, flops);
  refuse_mixed_columns(observations, source);
  refuse_loss_units(observations, source);
}

}  // namespace isoflop
