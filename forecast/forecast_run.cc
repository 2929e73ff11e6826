#include "forecast/forecast_run.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

namespace isoflop {
namespace {

constexpr std::size_t kFewestForecastPoints = 8;
// Fewer than this part of the schedule's rates seen: the power law's end is a guess.
constexpr double kLeastSeen = 0.1;
constexpr double kLeastNoise = 2e-4;
// What the law itself is wrong by: variance of ln L for each fall of ln L by 1 that it ascribes to
// the decay of the rate, and the share of the power law's.
constexpr double kDriftVariance = 0.0012;
constexpr double kPowerDrift = 0.1;

// Noise of one point as if points were independent: what remains around a fit, made larger by how
// alike neighbours are (smoothed curves, slow wandering, a law that is slightly wrong).
double effective_noise(const CurveData& data, const CurveFit& fit) {
  std::vector<double> residuals;
  for (std::size_t i = 0; i < data.train; ++i) {
    residuals.push_back(data.all[i].log_loss - fitted_log_loss(fit, data.all[i]));
  }
  const double sd = std::max(robust_sd(residuals), kLeastNoise);
  for (double& r : residuals) r = std::clamp(r, -3 * sd, 3 * sd);
  double squares = 0;
  double products = 0;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    squares += residuals[i] * residuals[i];
    if (i > 0) products += residuals[i] * residuals[i - 1];
  }
  const double most = 1 - 4.0 / static_cast<double>(residuals.size());
  const double alike = squares > 0 ? std::clamp(products / squares, 0.0, most) : 0.0;
  return std::max(sd, white_noise(data)) * std::sqrt((1 + alike) / (1 - alike));
}

void set_noise(CurveData& data, double sd) {
  for (std::size_t i = 0; i < data.train; ++i) data.all[i].weight = 1 / sd;
}

// The drift's variance from a datum to the end of the schedule.
double drift_to_end(const CurveVector& theta, const CurveDatum& at) {
  const double alpha = std::exp(theta[kLogAlpha]);
  const double power = std::exp(theta[kLogPace]) * (std::exp(-alpha * at.log_spent) - 1) / alpha;
  const double decay = std::exp(theta[kLogGain]) * std::abs(at.to_decay);
  return kDriftVariance * (kPowerDrift * power + decay);
}

void set_clock(CurveData& data, const CurveVector& theta) {
  const double now = drift_to_end(theta, data.all[data.train - 1]);
  for (CurveDatum& datum : data.all) datum.clock = std::abs(drift_to_end(theta, datum) - now);
}

CurveFit fit_in_passes(CurveData& data, const ForecastPrior& prior) {
  std::vector<double> tail;
  for (std::size_t i = data.train - data.train / 8 - 1; i < data.train; ++i) {
    tail.push_back(data.all[i].log_loss);
  }
  const double start = median_of(tail);
  CurveFit fit;
  fit.theta = {start, prior.alpha.center, prior.pace.center, prior.gain.center, 0};
  double noise = std::max(white_noise(data), kLeastNoise);
  for (int pass = 0; pass < 3; ++pass) {
    set_noise(data, noise);
    set_clock(data, fit.theta);
    fit = fit_curve(data.all, prior, start);
    if (!fit.usable) return fit;
    noise = effective_noise(data, fit);
  }
  return fit;
}

std::string too_early(const CurveData& data, const RateTrack& track) {
  if (data.last <= 0) return "no points yet";
  if (data.last <= track.warmup_end()) {
    return fmt::format("the rate still rises, until step {:.0f}", track.warmup_end());
  }
  const double seen = track.spent(data.last) / track.spent(track.end());
  if (seen < kLeastSeen) {
    return fmt::format("{:.0f} % of the schedule's rates are spent; a forecast needs {:.0f} %",
                       100 * seen, 100 * kLeastSeen);
  }
  if (data.train < kFewestForecastPoints) {
    return fmt::format("{} usable points after the first part of the curve; a forecast needs {}",
                       data.train, kFewestForecastPoints);
  }
  return "";
}

// Also what a diverging run looks like; the law can only fall.
std::string rising(const CurveData& data) {
  const std::size_t part = data.train / 8 + 1;
  std::vector<double> first;
  std::vector<double> last;
  for (std::size_t i = 0; i < part; ++i) {
    first.push_back(data.all[i].log_loss);
    last.push_back(data.all[data.train - 1 - i].log_loss);
  }
  const double before = median_of(first);
  const double now = median_of(last);
  if (now < before + 3 * white_noise(data)) return "";
  return fmt::format("the loss rises, from {:.4g} to {:.4g}", std::exp(before), std::exp(now));
}

}  // namespace

RunFit fit_run(std::span<const CurvePoint> points, const RateSchedule& schedule,
               const ForecastPrior& prior) {
  RunFit run;
  if (schedule.steps <= 0 || !schedule.rate) {
    run.why_not = "the schedule has no steps";
    return run;
  }
  const RateTrack track(schedule);
  if (!track.usable()) {
    run.why_not = "the schedule's rates are all zero";
    return run;
  }
  run.data = gather_curve(points, track);
  run.seen = run.data.last / track.end();
  run.why_not = too_early(run.data, track);
  if (run.why_not.empty()) run.why_not = rising(run.data);
  if (!run.why_not.empty()) return run;
  run.fit = fit_in_passes(run.data, prior);
  if (!run.fit.usable) {
    run.why_not = "the law could not be fitted to the curve";
    return run;
  }
  run.unseen_drift = drift_to_end(run.fit.theta, run.data.all[run.data.train - 1]);
  return run;
}

}  // namespace isoflop
