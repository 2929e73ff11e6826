#include "imports/run_curve.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

// What the log says of a step replaces what it said before, field by field.
bool merge_point(ImportedPoint& into, const ImportedPoint& later) {
  bool again = false;
  const auto take = [&](std::optional<double> ImportedPoint::*field) {
    if (!(later.*field)) return;
    again = again || (into.*field).has_value();
    into.*field = later.*field;
  };
  take(&ImportedPoint::train_loss);
  take(&ImportedPoint::heldout_loss);
  take(&ImportedPoint::rate);
  take(&ImportedPoint::grad_norm);
  // Every line may have its time.
  if (later.seconds) into.seconds = later.seconds;
  if (later.tokens > 0) into.tokens = later.tokens;
  return again;
}

}  // namespace

ImportedPoint& RunCurve::at(std::int64_t step) {
  if (points_.empty() || points_.back().step != step) points_.push_back({.step = step});
  return points_.back();
}

std::vector<ImportedPoint> RunCurve::take() {
  const auto by_step = [](const ImportedPoint& a, const ImportedPoint& b) {
    return a.step < b.step;
  };
  if (!std::is_sorted(points_.begin(), points_.end(), by_step)) {
    std::stable_sort(points_.begin(), points_.end(), by_step);
  }
  std::vector<ImportedPoint> out;
  for (const ImportedPoint& point : points_) {
    if (out.empty() || out.back().step != point.step) {
      out.push_back(point);
    } else {
      repeated_ += merge_point(out.back(), point);
    }
  }
  points_.clear();
  return out;
}

void fill_tokens(std::vector<ImportedPoint>& points) {
  double step_before = 0, tokens_before = 0, per_step = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].tokens <= 0) continue;
    const double step = static_cast<double>(points[i].step);
    if (step > step_before) per_step = (points[i].tokens - tokens_before) / (step - step_before);
    for (std::size_t j = i; j-- > 0 && points[j].tokens <= 0;) {
      const double tokens =
          tokens_before + per_step * (static_cast<double>(points[j].step) - step_before);
      if (tokens <= 0) break;
      points[j].tokens = tokens;
    }
    step_before = step;
    tokens_before = points[i].tokens;
  }
  if (tokens_before <= 0) return;
  for (std::size_t j = points.size(); j-- > 0 && points[j].tokens <= 0;) {
    points[j].tokens =
        tokens_before + per_step * (static_cast<double>(points[j].step) - step_before);
  }
}

void set_tokens(std::vector<ImportedPoint>& points, double batch_tokens) {
  for (ImportedPoint& point : points) {
    point.tokens = static_cast<double>(std::max<std::int64_t>(point.step, 0)) * batch_tokens;
  }
}

bool has_tokens(const std::vector<ImportedPoint>& points) {
  return std::any_of(points.begin(), points.end(),
                     [](const ImportedPoint& point) { return point.tokens > 0; });
}

void sum_seconds(std::vector<ImportedPoint>& points) {
  double sum = 0;
  std::int64_t step = 0;
  for (ImportedPoint& point : points) {
    if (!point.seconds) continue;
    sum += *point.seconds * static_cast<double>(point.step - step);
    step = point.step;
    point.seconds = sum;
  }
}

void remove_non_finite(std::vector<ImportedPoint>& points) {
  for (ImportedPoint& point : points) {
    for (const auto field :
         {&ImportedPoint::train_loss, &ImportedPoint::heldout_loss, &ImportedPoint::rate,
          &ImportedPoint::grad_norm, &ImportedPoint::seconds}) {
      if (point.*field && !std::isfinite(*(point.*field))) point.*field = std::nullopt;
    }
    if (!std::isfinite(point.tokens)) point.tokens = 0;
  }
}

}  // namespace isoflop
