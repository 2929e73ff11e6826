#include "forecast/forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/hash.h"
#include "core/interval.h"
#include "forecast/forecast_run.h"

namespace isoflop {
namespace {

constexpr std::size_t kForecastDraws = 2000;

// The lower triangle L of covariance = L L'. A direction without variance gives a column of zeros.
std::array<CurveVector, kCurveParameters> cholesky(
    const std::array<CurveVector, kCurveParameters>& covariance) {
  std::array<CurveVector, kCurveParameters> lower{};
  for (int i = 0; i < kCurveParameters; ++i) {
    for (int j = 0; j <= i; ++j) {
      double rest = covariance[i][j];
      for (int k = 0; k < j; ++k) rest -= lower[i][k] * lower[j][k];
      if (i == j) {
        lower[i][i] = std::sqrt(std::max(rest, 0.0));
      } else {
        lower[i][j] = lower[j][j] > 0 ? rest / lower[j][j] : 0.0;
      }
    }
  }
  return lower;
}

double normal_draw(SplitMix64& random) {
  const double u = 1 - random.uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * random.uniform());
}

// One draw of ln of the final losses. What the run has shown is its level now; from there the drawn
// parameters lead to the end. Laplace's normal holds for the level and the logarithms of the
// parameters, not for the end: a gain that is twice as large as thought and one half as large are
// as likely, but move the end by different amounts.
class EndSampler {
 public:
  explicit EndSampler(const RunFit& run)
      : run_(run), now_(run.data.all[run.data.train - 1]), lower_(cholesky(run.fit.covariance)) {
    level_ = curve_log_loss(run.fit.theta, now_, &gradient_);
  }

  void draw(SplitMix64& random, double& train, double& heldout) const {
    CurveVector normals;
    for (double& normal : normals) normal = normal_draw(random);
    CurveVector theta = run_.fit.theta;
    double level = level_;
    for (int i = 0; i < kCurveParameters; ++i) {
      double step = 0;
      for (int k = 0; k <= i; ++k) step += lower_[i][k] * normals[k];
      theta[i] += step;
      level += gradient_[i] * step;
    }
    theta[kEnd] = 0;
    train = level - curve_log_loss(theta, now_, nullptr) +
            std::sqrt(run_.unseen_drift) * normal_draw(random);
    heldout = train + theta[kShift] + run_.data.heldout_error * normal_draw(random);
  }

 private:
  const RunFit& run_;
  const CurveDatum now_;
  std::array<CurveVector, kCurveParameters> lower_;
  CurveVector gradient_{};
  double level_ = 0;
};

LossInterval loss_interval(double log_loss, const std::vector<double>& draws, double level) {
  return {.value = std::exp(log_loss),
          .low = std::exp(quantile(draws, (1 - level) / 2)),
          .high = std::exp(quantile(draws, (1 + level) / 2))};
}

void fill_intervals(const RunFit& run, double level, Forecast& forecast) {
  const EndSampler sampler(run);
  SplitMix64 random(1);
  std::vector<double> train(kForecastDraws);
  std::vector<double> heldout(kForecastDraws);
  for (std::size_t i = 0; i < kForecastDraws; ++i) sampler.draw(random, train[i], heldout[i]);
  std::erase_if(train, [](double v) { return !std::isfinite(v); });
  std::erase_if(heldout, [](double v) { return !std::isfinite(v); });
  forecast.reliable = 2 * train.size() > kForecastDraws;
  if (!forecast.reliable) {
    forecast.why_not = "the curve does not tell the law's parameters";
    return;
  }
  const double end = run.fit.theta[kEnd];
  forecast.train = loss_interval(end, train, level);
  if (run.data.all.size() == run.data.train) return;
  forecast.heldout = loss_interval(end + run.fit.theta[kShift], heldout, level);
}

}  // namespace

RateSchedule rate_schedule(const Schedule& schedule) {
  return {.steps = schedule.steps,
          .rate = [schedule](std::int64_t step) { return rate_factor(schedule, step); }};
}

Forecast forecast_final_loss(std::span<const CurvePoint> so_far, const RateSchedule& schedule,
                             const ForecastOptions& options) {
  const RunFit run = fit_run(so_far, schedule, options.prior);
  Forecast forecast;
  forecast.seen = run.seen;
  forecast.why_not = run.why_not;
  if (!run.why_not.empty()) return forecast;
  fill_intervals(run, options.level, forecast);
  return forecast;
}

}  // namespace isoflop
