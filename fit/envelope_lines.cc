#include "fit/envelope_lines.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "fit/envelope.h"
#include "fit/valley.h"

namespace isoflop {
namespace {

// Points that have a place on a logarithmic axis, ascending.
std::vector<LossPoint> positive_points(const TrainingCurve& curve) {
  std::vector<LossPoint> out;
  for (const LossPoint& p : curve.points) {
    const bool ascending = out.empty() || p.tokens > out.back().tokens;
    if (p.tokens > 0 && p.loss > 0 && std::isfinite(p.loss) && ascending) out.push_back(p);
  }
  return out;
}

bool ends_only(const TrainingCurve& curve) { return curve.schedule == CurveSchedule::kCooldown; }

double log_cost_of(const TrainingCurve& curve) { return std::log(flops_at(curve, 1)); }

// Losses at the grid between the line's first and last point, by `value`.
template <typename Value>
std::vector<double> on_grid(const std::vector<double>& grid, double first, double last,
                            Value value) {
  constexpr double kRounding = 1e-12;
  std::vector<double> out(grid.size(), INFINITY);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (grid[i] < first - kRounding || grid[i] > last + kRounding) continue;
    out[i] = value(std::clamp(grid[i], first, last));
  }
  return out;
}

std::vector<double> linear_on_grid(const std::vector<double>& grid, const std::vector<double>& x,
                                   const std::vector<double>& y) {
  return on_grid(grid, x.front(), x.back(), [&](double at) {
    const auto above = std::upper_bound(x.begin(), x.end(), at) - x.begin();
    const auto i = std::clamp<std::size_t>(static_cast<std::size_t>(above), 1, x.size() - 1);
    return std::lerp(y[i - 1], y[i], (at - x[i - 1]) / (x[i] - x[i - 1]));
  });
}

struct LeftOut {
  int constant = 0;
  int unfinished = 0;
  int shorter = 0;
};

void warn_of_left_out(const LeftOut& out, std::vector<Warning>& warnings) {
  if (out.constant + out.unfinished > 0) {
    warnings.push_back({.code = "not_cooled_down",
                        .message = fmt::format(
                            "{} runs at a constant rate and {} that have not reached the end of "
                            "their cooldown are left out: before it a loss lies above what a "
                            "run of that length reaches",
                            out.constant, out.unfinished)});
  }
  if (out.shorter > 0) {
    warnings.push_back(
        {.code = "too_short",
         .message = fmt::format("{} curves with fewer than 2 points are left out", out.shorter)});
  }
}

}  // namespace

std::vector<LossPoint> smoothed(std::span<const LossPoint> points, double window) {
  std::vector<LossPoint> out(points.begin(), points.end());
  const double sigma = window / 4;
  if (static_cast<double>(points.size()) < 2 * window || !(sigma > 0)) return out;
  const auto reach = static_cast<std::size_t>(std::ceil(3 * sigma));
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t first = i > reach ? i - reach : 0;
    const std::size_t last = std::min(i + reach + 1, points.size());
    double w0 = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (std::size_t j = first; j < last; ++j) {
      const double steps = (static_cast<double>(j) - static_cast<double>(i)) / sigma;
      const double w = std::exp(-0.5 * steps * steps);
      const double x = std::log(points[j].tokens / points[i].tokens);
      const double y = std::log(points[j].loss);
      w0 += w, wx += w * x, wy += w * y, wxx += w * x * x, wxy += w * x * y;
    }
    out[i].loss = std::exp((wxx * wy - wx * wxy) / (w0 * wxx - wx * wx));
  }
  return out;
}

EnvelopeCurves::EnvelopeCurves(std::span<const TrainingCurve> curves, int grid, double window,
                               std::vector<Warning>& warnings) {
  LeftOut left;
  for (const TrainingCurve& curve : curves) {
    std::vector<LossPoint> points = positive_points(curve);
    const bool ended = !points.empty() && is_cooled_down(curve, points.back());
    if (curve.schedule == CurveSchedule::kConstant) {
      ++left.constant;
    } else if (ends_only(curve) && !ended) {
      ++left.unfinished;
    } else if (!ends_only(curve) && points.size() < 2) {
      ++left.shorter;
    } else {
      runs_.push_back(&curve);
      points_.push_back(ends_only(curve) ? std::vector{points.back()} : smoothed(points, window));
    }
  }
  warn_of_left_out(left, warnings);
  set_grid(grid);
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    EnvelopeLine& line = whole_.emplace_back();
    line = {.params = runs_[i]->params,
            .log_cost = log_cost_of(*runs_[i]),
            .runs = runs_[i]->run,
            .log_loss = {},
            .run = i};
    if (ends_only(*runs_[i])) continue;
    std::vector<double> x, y;
    for (const LossPoint& p : points_[i]) {
      x.push_back(line.log_cost + std::log(p.tokens));
      y.push_back(std::log(p.loss));
    }
    line.log_loss = std::make_shared<const std::vector<double>>(linear_on_grid(grid_, x, y));
  }
  rank_lines();
}

void EnvelopeCurves::rank_lines() {
  lowest_.resize(grid_.size());
  for (std::size_t point = 0; point < grid_.size(); ++point) {
    std::vector<std::pair<double, std::size_t>> here;
    for (const EnvelopeLine& line : whole_) {
      if (line.log_loss && std::isfinite(line.at(point)))
        here.emplace_back(line.at(point), line.run);
    }
    const std::size_t count = std::min(here.size(), kRanked);
    std::partial_sort(here.begin(), here.begin() + static_cast<std::ptrdiff_t>(count), here.end());
    for (std::size_t i = 0; i < count; ++i) lowest_[point].push_back(here[i].second);
  }
}

void EnvelopeCurves::set_grid(int points) {
  double low = INFINITY;
  double high = -INFINITY;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    low = std::min(low, std::log(flops_at(*runs_[i], points_[i].front().tokens)));
    high = std::max(high, std::log(flops_at(*runs_[i], points_[i].back().tokens)));
  }
  if (!(high > low) || points < 2) return;
  for (int i = 0; i < points; ++i) grid_.push_back(std::lerp(low, high, i / (points - 1.0)));
}

EnvelopeLine EnvelopeCurves::line_of_ends(const std::vector<std::size_t>& members) const {
  std::map<double, std::pair<double, int>> ends;  // ln C: sum of ln L, how many
  EnvelopeLine line{.params = runs_[members.front()]->params};
  for (const std::size_t i : members) {
    const double log_cost = whole_[i].log_cost;
    line.log_cost += log_cost / static_cast<double>(members.size());
    line.runs += (line.runs.empty() ? "" : ", ") + runs_[i]->run;
    auto& [sum, count] = ends[log_cost + std::log(points_[i].back().tokens)];
    sum += std::log(points_[i].back().loss), ++count;
  }
  std::vector<double> x, y;
  for (const auto& [at, end] : ends) x.push_back(at), y.push_back(end.first / end.second);
  if (x.size() < 2) {
    line.log_loss = std::make_shared<const std::vector<double>>(grid_.size(), INFINITY);
    return line;
  }
  const std::vector<double> slopes = akima_slopes(x, y);
  line.log_loss = std::make_shared<const std::vector<double>>(on_grid(
      grid_, x.front(), x.back(), [&](double at) { return akima_value(x, y, slopes, at); }));
  return line;
}

std::vector<EnvelopeLine> EnvelopeCurves::lines(const std::vector<bool>& kept) const {
  std::vector<EnvelopeLine> out;
  std::map<double, std::vector<std::size_t>> ends;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (!kept[i]) continue;
    if (ends_only(*runs_[i])) {
      ends[runs_[i]->params].push_back(i);
    } else {
      out.push_back(whole_[i]);
    }
  }
  for (const auto& [params, members] : ends) out.push_back(line_of_ends(members));
  return out;
}

}  // namespace isoflop
