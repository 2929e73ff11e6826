#include "forecast/forecast_schedule.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

constexpr double kMostSamples = 20000;
constexpr double kEvents = 200;
constexpr double kReachExponent = 0.59;  // beta of Luo et al.
constexpr double kRateExponent = 0.64;   // gamma
constexpr double kSpeed = 0.11;          // a step at the peak
// A rate of exactly zero trains nothing, so that nothing can take effect at it.
constexpr double kLeastRate = 1e-4;

}  // namespace

RateTrack::RateTrack(const RateSchedule& schedule) : steps_(static_cast<double>(schedule.steps)) {
  stride_ = std::max(1.0, std::ceil(steps_ / kMostSamples));
  const auto samples = static_cast<std::size_t>(std::ceil(steps_ / stride_));
  rates_.reserve(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    const double rate = schedule.rate(static_cast<std::int64_t>(static_cast<double>(i) * stride_));
    rates_.push_back(std::isfinite(rate) ? std::max(rate, 0.0) : 0.0);
  }
  peak_ = *std::max_element(rates_.begin(), rates_.end());
  if (!usable()) return;
  spent_.assign(1, 0.0);
  for (std::size_t i = 0; i < samples; ++i) {
    rates_[i] /= peak_;
    const double width = std::min(stride_, steps_ - static_cast<double>(i) * stride_);
    spent_.push_back(spent_.back() + rates_[i] * width);
  }
  find_warmup();
  find_events();
}

void RateTrack::find_warmup() {
  std::size_t last_rise = 0;
  for (std::size_t i = 1; i < rates_.size() && rates_[i] >= rates_[i - 1]; ++i) {
    if (rates_[i] > rates_[i - 1]) last_rise = i;
  }
  warmup_end_ = static_cast<double>(last_rise) * stride_;
}

void RateTrack::find_events() {
  const auto first = static_cast<std::size_t>(warmup_end_ / stride_) + 1;
  double total = 0;
  for (std::size_t i = first; i < rates_.size(); ++i) total += std::abs(rates_[i] - rates_[i - 1]);
  double drop = 0;
  double size = 0;
  double moment = 0;  // of the place, weighted by size
  for (std::size_t i = first; i < rates_.size(); ++i) {
    const double fall = rates_[i - 1] - rates_[i];
    drop += fall;
    size += std::abs(fall);
    moment += std::abs(fall) * static_cast<double>(i) * stride_;
    if (size <= 0 || (size < total / kEvents && i + 1 < rates_.size())) continue;
    const double x = moment / size;
    const double speed = kSpeed * std::pow(std::max(rates_[i], kLeastRate), -kRateExponent);
    events_.push_back({.x = x, .spent = spent(x), .drop = drop, .speed = speed});
    drop = size = moment = 0;
  }
}

double RateTrack::spent(double x) const {
  const double place = std::clamp(x, 0.0, steps_) / stride_;
  const auto i = std::min(static_cast<std::size_t>(place), rates_.size() - 1);
  return spent_[i] + (place - static_cast<double>(i)) * stride_ * rates_[i];
}

double RateTrack::decayed(double x) const {
  const double now = spent(x);
  double sum = 0;
  for (const Event& event : events_) {
    if (event.x >= x) break;
    sum += event.drop * (1.0 - std::pow(1.0 + event.speed * (now - event.spent), -kReachExponent));
  }
  return sum;
}

}  // namespace isoflop
