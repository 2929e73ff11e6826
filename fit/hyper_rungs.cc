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

// A point of a slice: the mean over its seeds, or the least loss of a slice across.
struct SlicePoint {
  double value = 0;
  double loss = 0;     // infinity: diverged
  double weight = 0;   // the variance of one loss over that of this one: of a mean its seeds
  double squares = 0;  // sum of squared differences between its seeds
};
using Slice = std::vector<SlicePoint>;  // ascending values

struct Cell {
  double params = 0;
  double tokens = 0;
  std::vector<TunedRun> runs;
};

// A rung and what its least loss weighs beside one loss.
struct SliceRung {
  HyperRung rung;
  double weight = 0;
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
    SlicePoint point{.value = value, .weight = static_cast<double>(list.size())};
    for (const double loss : list) point.loss += loss / point.weight;
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
    normal += slice[i].weight * row * row.transpose();
    right += slice[i].weight * slice[i].loss * row;
    used.emplace_back(row, &slice[i]);
  }
  Parabola out;
  out.inverse = normal.inverse();
  out.terms = out.inverse * right;
  out.points = static_cast<int>(used.size());
  for (const auto& [row, point] : used) {
    const double off = point->loss - row.dot(out.terms);
    out.residual += point->weight * off * off;
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

void lay_parabola(const Slice& slice, std::size_t best, double sigma, SliceRung& out) {
  HyperRung& rung = out.rung;
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
  // Derivatives of the vertex's place and of its loss by the parabola's terms.
  const Eigen::Vector3d by(0, -1 / (2 * c), b / (2 * c * c));
  const Eigen::Vector3d loss_by(1, vertex, vertex * vertex);
  rung.best = slice[best].value * std::exp(vertex);
  rung.curvature = 2 * c;
  rung.least_loss = p.terms[0] - b * b / (4 * c);
  rung.log_error = sigma * std::sqrt(by.dot(p.inverse * by));
  out.weight = 1 / loss_by.dot(p.inverse * loss_by);
}

SliceRung rung_of(const Cell& cell, double beside, const Slice& slice, double sigma) {
  SliceRung out{.rung = {.params = cell.params, .tokens = cell.tokens, .beside = beside}};
  HyperRung& rung = out.rung;
  for (const SlicePoint& point : slice) {
    rung.values.push_back(point.value);
    rung.losses.push_back(point.loss);
  }
  const std::size_t best = best_of(slice);
  rung.best = slice[best].value;
  rung.least_loss = slice[best].loss;
  rung.state = place_of_best(slice, best);
  out.weight = slice[best].weight;
  if (rung.bracketed()) lay_parabola(slice, best, sigma, out);
  return out;
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
      seed_freedom += point.weight - 1;
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

std::vector<SliceRung> rungs_along(const Cell& cell, double TunedRun::*along,
                                   double TunedRun::*beside, double sigma, int& diverged) {
  std::vector<SliceRung> rungs;
  const auto slices = slices_of(cell, along, beside);
  for (const auto& [at, slice] : slices) {
    if (any_finite(slice)) rungs.push_back(rung_of(cell, at, slice, sigma));
  }
  diverged += !slices.empty() && rungs.empty();
  return rungs;
}

double least_tried(const HyperRung& rung) {
  return *std::min_element(rung.losses.begin(), rung.losses.end());
}

// Where the least of all losses was measured, whether or not it is a bracket: another would be of
// settings that are known to be worse. Of brackets it is the one with the least vertex.
const SliceRung& lowest(const std::vector<SliceRung>& rungs) {
  const auto tried =
      std::min_element(rungs.begin(), rungs.end(), [](const SliceRung& a, const SliceRung& b) {
        return least_tried(a.rung) < least_tried(b.rung);
      });
  if (!tried->rung.bracketed()) return *tried;
  return *std::min_element(rungs.begin(), rungs.end(), [](const SliceRung& a, const SliceRung& b) {
    return std::pair(!a.rung.bracketed(), a.rung.least_loss) <
           std::pair(!b.rung.bracketed(), b.rung.least_loss);
  });
}

// The best rate where the batch is the best one: between the slices on either side of it.
HyperRung at_best_batch(const std::vector<SliceRung>& slices, const HyperRung& batch) {
  const auto above = std::find_if(slices.begin(), slices.end(), [&](const SliceRung& slice) {
    return slice.rung.beside >= batch.best;
  });
  if (above == slices.begin() || above == slices.end()) return lowest(slices).rung;
  const HyperRung& low = (above - 1)->rung;
  const HyperRung& high = above->rung;
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

std::vector<SliceRung> brackets_of(std::vector<SliceRung> slices) {
  std::erase_if(slices, [](const SliceRung& slice) { return !slice.rung.bracketed(); });
  return slices;
}

// The least losses of slices across.
Slice slice_across(const std::vector<SliceRung>& slices) {
  Slice least;
  for (const SliceRung& slice : slices) {
    least.push_back(
        {.value = slice.rung.beside, .loss = slice.rung.least_loss, .weight = slice.weight});
  }
  return least;
}

// Whether a batch whose rates are no bracket is, or could be, the best: it has the least loss, or
// lies beyond the end that the brackets fall towards.
bool may_be_open(const std::vector<SliceRung>& slices, const HyperRung& batch) {
  const double first = slices.front().rung.beside, last = slices.back().rung.beside;
  return !lowest(slices).rung.bracketed() ||
         (batch.state == RungState::kAtLowEdge && first < batch.values.front()) ||
         (batch.state == RungState::kAtHighEdge && last > batch.values.back());
}

void add_joint_rungs(const Cell& cell, const std::vector<SliceRung>& slices, double sigma,
                     HyperRungs& out) {
  const std::vector<SliceRung> good = brackets_of(slices);
  HyperRung batch = rung_of(cell, 0, slice_across(good), sigma).rung;
  if (may_be_open(slices, batch)) {
    batch = rung_of(cell, 0, slice_across(slices), sigma).rung;
    batch.state = RungState::kBesideOpen;
    batch.best = lowest(slices).rung.beside;
  }
  out.batches.push_back(batch);
  out.rates.push_back(batch.bracketed() ? at_best_batch(good, batch) : lowest(slices).rung);
}

// Of several rates with batches beside them, the one with the most batches.
void add_star_rungs(const Cell& cell, const std::vector<SliceRung>& rates, double sigma,
                    HyperRungs& out) {
  if (!rates.empty()) out.rates.push_back(lowest(rates).rung);
  const auto batches = rungs_along(cell, &TunedRun::batch, &TunedRun::rate, sigma, out.diverged);
  if (batches.empty()) return;
  const auto order = [](const SliceRung& slice) {
    return std::pair(-static_cast<double>(slice.rung.values.size()), slice.rung.least_loss);
  };
  const auto most =
      std::min_element(batches.begin(), batches.end(),
                       [&](const SliceRung& a, const SliceRung& b) { return order(a) < order(b); });
  out.batches.push_back(most->rung);
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
    constexpr int kSteps = 400;
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
    const auto slices = rungs_along(cell, &TunedRun::rate, &TunedRun::batch, sigma, out.diverged);
    brackets_of(slices).size() >= 3 ? add_joint_rungs(cell, slices, sigma, out)
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
