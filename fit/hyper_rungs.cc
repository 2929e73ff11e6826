#include "fit/hyper_rungs.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>

namespace isoflop {
namespace {

constexpr double kSameTokens = 0.03;  // in ln D
constexpr double kWindow = 1.4;       // in ln(value): a factor 4
constexpr double kLeastFreedom = 3;

// A point of a slice: the mean over its seeds.
struct SlicePoint {
  double value = 0;
  double loss = 0;  // infinity: diverged
  int seeds = 0;
  double squares = 0;  // sum of squared differences between its seeds
};
using Slice = std::vector<SlicePoint>;  // ascending values

struct Cell {
  double params = 0;
  double tokens = 0;
  std::vector<TunedRun> runs;
};

// Runs of one group, N and nearly one D.
std::vector<Cell> cells_of_runs(std::span<const TunedRun> runs, int& groups) {
  std::map<std::pair<std::string, double>, std::vector<TunedRun>> sizes;
  for (const TunedRun& run : runs) sizes[{run.group, run.params}].push_back(run);
  std::map<std::string, int> names;
  std::vector<Cell> cells;
  for (auto& [key, list] : sizes) {
    ++names[key.first];
    std::stable_sort(list.begin(), list.end(),
                     [](const TunedRun& a, const TunedRun& b) { return a.tokens < b.tokens; });
    double first = 0;
    for (const TunedRun& run : list) {
      if (first == 0 || std::log(run.tokens / first) > kSameTokens) {
        cells.push_back({.params = run.params, .tokens = run.tokens});
        first = run.tokens;
      }
      cells.back().runs.push_back(run);
    }
  }
  std::stable_sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) {
    return std::pair(a.params, a.tokens) < std::pair(b.params, b.tokens);
  });
  groups = static_cast<int>(names.size());
  return cells;
}

Slice slice_of(const std::map<double, std::vector<double>>& losses) {
  Slice slice;
  for (const auto& [value, list] : losses) {
    SlicePoint point{.value = value, .seeds = static_cast<int>(list.size())};
    for (const double loss : list) point.loss += loss / point.seeds;
    if (std::isfinite(point.loss)) {
      for (const double loss : list) point.squares += (loss - point.loss) * (loss - point.loss);
    }
    slice.push_back(point);
  }
  return slice;
}

// By batch, the losses at each rate; or the other way round.
std::map<double, Slice> slices_of(const Cell& cell, double TunedRun::*along,
                                  double TunedRun::*beside) {
  std::map<double, std::map<double, std::vector<double>>> losses;
  for (const TunedRun& run : cell.runs) losses[run.*beside][run.*along].push_back(run.loss);
  std::map<double, Slice> slices;
  for (const auto& [key, by_value] : losses) {
    if (by_value.size() >= 3) slices[key] = slice_of(by_value);
  }
  return slices;
}

struct Parabola {
  Eigen::Vector3d terms = Eigen::Vector3d::Zero();  // y = a + b u + c u^2, u = x - x of the best
  Eigen::Matrix3d inverse = Eigen::Matrix3d::Zero();
  double residual = 0;  // weighted sum of squares
  int points = 0;
};

Parabola parabola_near(const Slice& slice, std::size_t best) {
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  std::vector<std::pair<Eigen::Vector3d, const SlicePoint*>> used;
  for (std::size_t i = 0; i < slice.size(); ++i) {
    const double u = std::log(slice[i].value / slice[best].value);
    const bool neighbour = i + 1 >= best && i <= best + 1;
    if (!std::isfinite(slice[i].loss) || (!neighbour && std::abs(u) > kWindow)) continue;
    const Eigen::Vector3d row(1, u, u * u);
    normal += slice[i].seeds * row * row.transpose();
    right += slice[i].seeds * slice[i].loss * row;
    used.emplace_back(row, &slice[i]);
  }
  Parabola out;
  out.inverse = normal.inverse();
  out.terms = out.inverse * right;
  out.points = static_cast<int>(used.size());
  for (const auto& [row, point] : used) {
    const double off = point->loss - row.dot(out.terms);
    out.residual += point->seeds * off * off;
  }
  return out;
}

std::size_t best_of(const Slice& slice) {
  const auto lowest =
      std::min_element(slice.begin(), slice.end(),
                       [](const SlicePoint& a, const SlicePoint& b) { return a.loss < b.loss; });
  return static_cast<std::size_t>(lowest - slice.begin());
}

// Whether a parabola can be laid through the best point and both its neighbours.
RungState place_of_best(const Slice& slice, std::size_t best) {
  if (best == 0) return RungState::kAtLowEdge;
  if (best + 1 == slice.size()) return RungState::kAtHighEdge;
  const bool open = !std::isfinite(slice[best - 1].loss) || !std::isfinite(slice[best + 1].loss);
  return open ? RungState::kBesideDiverged : RungState::kBracketed;
}

bool any_finite(const Slice& slice) {
  return std::any_of(slice.begin(), slice.end(),
                     [](const SlicePoint& point) { return std::isfinite(point.loss); });
}

void lay_parabola(const Slice& slice, std::size_t best, double sigma, HyperRung& rung) {
  const Parabola p = parabola_near(slice, best);
  const double b = p.terms[1], c = p.terms[2];
  const double error_of_c = sigma * std::sqrt(p.inverse(2, 2));
  const double vertex = -b / (2 * c);
  const double low = std::log(slice.front().value / slice[best].value);
  const double high = std::log(slice.back().value / slice[best].value);
  if (!(c > 2 * error_of_c) || !(vertex > low && vertex < high)) {
    rung.state = RungState::kFlat;
    return;
  }
  const Eigen::Vector3d by(0, -1 / (2 * c), b / (2 * c * c));
  rung.best = slice[best].value * std::exp(vertex);
  rung.curvature = 2 * c;
  rung.least_loss = p.terms[0] - b * b / (4 * c);
  rung.log_error = sigma * std::sqrt(by.dot(p.inverse * by));
}

HyperRung rung_of(const Cell& cell, double beside, const Slice& slice, double sigma) {
  HyperRung rung{.params = cell.params, .tokens = cell.tokens, .beside = beside};
  for (const SlicePoint& point : slice) {
    rung.values.push_back(point.value);
    rung.losses.push_back(point.loss);
  }
  const std::size_t best = best_of(slice);
  rung.best = slice[best].value;
  rung.least_loss = slice[best].loss;
  rung.state = place_of_best(slice, best);
  if (rung.bracketed()) lay_parabola(slice, best, sigma, rung);
  return rung;
}

// --- The noise of one loss.

LossNoise noise_of(const std::vector<Cell>& cells) {
  double seeds = 0, seed_freedom = 0, rest = 0, rest_freedom = 0;
  for (const Cell& cell : cells) {
    std::map<std::pair<double, double>, std::vector<double>> same;
    for (const TunedRun& run : cell.runs) {
      if (std::isfinite(run.loss)) same[{run.rate, run.batch}].push_back(run.loss);
    }
    for (const auto& [key, losses] : same) {
      const SlicePoint point = slice_of({{1.0, losses}})[0];
      seeds += point.squares;
      seed_freedom += point.seeds - 1;
    }
    for (const auto& [batch, slice] : slices_of(cell, &TunedRun::rate, &TunedRun::batch)) {
      const std::size_t best = best_of(slice);
      if (!any_finite(slice) || place_of_best(slice, best) != RungState::kBracketed) continue;
      const Parabola p = parabola_near(slice, best);
      rest += p.residual;
      rest_freedom += p.points - 3;
    }
  }
  if (seed_freedom >= kLeastFreedom) {
    return {std::sqrt(seeds / seed_freedom), seed_freedom, "seeds"};
  }
  if (rest_freedom >= kLeastFreedom) {
    return {std::sqrt(rest / rest_freedom), rest_freedom, "residuals"};
  }
  return {};
}

// --- A cell's rungs.

std::vector<HyperRung> rungs_along(const Cell& cell, double TunedRun::*along,
                                   double TunedRun::*beside, double sigma) {
  std::vector<HyperRung> rungs;
  for (const auto& [at, slice] : slices_of(cell, along, beside)) {
    if (any_finite(slice)) rungs.push_back(rung_of(cell, at, slice, sigma));
  }
  return rungs;
}

// The bracketed rung of the least loss; failing that, any rung of the least.
const HyperRung& lowest(const std::vector<HyperRung>& rungs) {
  return *std::min_element(rungs.begin(), rungs.end(), [](const HyperRung& a, const HyperRung& b) {
    return std::pair(!a.bracketed(), a.least_loss) < std::pair(!b.bracketed(), b.least_loss);
  });
}

// The best rate where the batch is the best one: between the slices on either side of it.
HyperRung at_best_batch(const std::vector<HyperRung>& slices, const HyperRung& batch) {
  const auto above = std::find_if(slices.begin(), slices.end(),
                                  [&](const HyperRung& r) { return r.beside >= batch.best; });
  if (above == slices.begin() || above == slices.end()) return lowest(slices);
  const HyperRung& low = *(above - 1);
  const HyperRung& high = *above;
  const double width = std::log(high.beside / low.beside);
  const double share = std::log(batch.best / low.beside) / width;
  const double slope = std::log(high.best / low.best) / width;
  HyperRung out = share < 0.5 ? low : high;
  out.beside = batch.best;
  out.best = std::exp((1 - share) * std::log(low.best) + share * std::log(high.best));
  out.log_error =
      std::hypot((1 - share) * low.log_error, share * high.log_error, slope * batch.log_error);
  out.curvature = (1 - share) * low.curvature + share * high.curvature;
  out.least_loss = batch.least_loss;
  return out;
}

void add_joint_rungs(const Cell& cell, std::vector<HyperRung> slices, double sigma,
                     HyperRungs& out) {
  std::erase_if(slices, [](const HyperRung& rung) { return !rung.bracketed(); });
  Slice least;
  for (const HyperRung& rung : slices) least.push_back({rung.beside, rung.least_loss, 1, 0});
  const HyperRung batch = rung_of(cell, 0, least, sigma);
  out.batches.push_back(batch);
  out.rates.push_back(batch.bracketed() ? at_best_batch(slices, batch) : lowest(slices));
}

// Of several rates with batches beside them, the one with the most batches.
void add_star_rungs(const Cell& cell, const std::vector<HyperRung>& rates, double sigma,
                    HyperRungs& out) {
  if (!rates.empty()) out.rates.push_back(lowest(rates));
  const auto batches = rungs_along(cell, &TunedRun::batch, &TunedRun::rate, sigma);
  if (batches.empty()) return;
  out.batches.push_back(
      *std::min_element(batches.begin(), batches.end(), [](const HyperRung& a, const HyperRung& b) {
        return std::pair(-static_cast<double>(a.values.size()), a.least_loss) <
               std::pair(-static_cast<double>(b.values.size()), b.least_loss);
      }));
}

// A cell's runs have nearly one D, and so one rule.
void set_rule(const Cell& cell, std::optional<double> TunedRun::*rule, HyperRung& rung) {
  const std::optional<double>& value = cell.runs.front().*rule;
  if (!value) return;
  rung.rule = value;
  rung.rule_loss = rung_loss(rung, *value);
}

void set_interval(double quantile, HyperRung& rung) {
  if (!rung.bracketed() || !(rung.log_error > 0)) return;
  const double far = quantile * rung.log_error;
  rung.low = rung.best * std::exp(-far);
  rung.high = rung.best * std::exp(far);
}

}  // namespace

double student_quantile_of(double p, double freedom) {
  // With t = sqrt(freedom) tan(phi) the density is cos(phi)^(freedom - 1): Simpson's rule, then
  // bisection.
  const auto area = [&](double end) {
    constexpr int kSteps = 2000;
    double sum = 0;
    for (int i = 0; i <= kSteps; ++i) {
      const double weight = i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * std::pow(std::max(0.0, std::cos(end * i / kSteps)), freedom - 1);
    }
    return sum * end / kSteps / 3;
  };
  if (p < 0.5) return -student_quantile_of(1 - p, freedom);
  const double half_pi = std::acos(0.0);
  const double wanted = 2 * (p - 0.5) * area(half_pi);
  double low = 0, high = half_pi;
  for (int k = 0; k < 60; ++k) {
    const double middle = 0.5 * (low + high);
    (area(middle) < wanted ? low : high) = middle;
  }
  return std::sqrt(freedom) * std::tan(0.5 * (low + high));
}

std::optional<double> rung_loss(const HyperRung& rung, double value) {
  if (!rung.bracketed() || value < rung.values.front() / 2 || value > rung.values.back() * 2) {
    return std::nullopt;
  }
  const double off = std::log(value / rung.best);
  return 0.5 * rung.curvature * off * off;
}

HyperRungs find_hyper_rungs(std::span<const TunedRun> runs, double level) {
  HyperRungs out;
  const std::vector<Cell> cells = cells_of_runs(runs, out.groups);
  out.noise = noise_of(cells);
  const double sigma = out.noise.sigma;
  const double quantile = sigma > 0 ? student_quantile_of(0.5 + level / 2, out.noise.freedom) : 0;
  for (const Cell& cell : cells) {
    const std::size_t rates = out.rates.size(), batches = out.batches.size();
    auto slices = rungs_along(cell, &TunedRun::rate, &TunedRun::batch, sigma);
    const auto good = std::count_if(slices.begin(), slices.end(),
                                    [](const HyperRung& rung) { return rung.bracketed(); });
    good >= 3 ? add_joint_rungs(cell, std::move(slices), sigma, out)
              : add_star_rungs(cell, slices, sigma, out);
    for (std::size_t i = rates; i < out.rates.size(); ++i) {
      set_interval(quantile, out.rates[i]);
      set_rule(cell, &TunedRun::rule_rate, out.rates[i]);
    }
    for (std::size_t i = batches; i < out.batches.size(); ++i) {
      set_interval(quantile, out.batches[i]);
      set_rule(cell, &TunedRun::rule_batch, out.batches[i]);
    }
  }
  return out;
}

}  // namespace isoflop
