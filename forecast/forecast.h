// Where a run will end, while it trains: the final training loss with its interval, from the curve
// so far and the whole learning-rate schedule.
//
// The law is the Multi-Power Law of Luo et al. 2025 (arXiv:2503.12811), written so that its
// parameters carry over from run to run:
//
//   L(t) = L_end [1 + pace (s(t)^-alpha - 1) / alpha + gain (D_end - D(t))]
//   s(t) = sum of the rates up to t / their sum over the schedule (warm-up included)
//   D(t) = sum over k <= t of (r_{k-1} - r_k) G(x),  G(x) = 1 - (1 + c x)^-0.59,
//          x = r_k^-0.64 (r_k + ... + r_t),  r = rate / its peak, after the warm-up
//
// alpha, pace (how fast ln L falls with ln s at the end, decay aside) and gain (what a decay from
// the peak to zero removes) have log-normal priors: before the rate falls nothing in a run tells
// the gain, and its first part tells alpha and pace only together. Residuals are in ln L under a
// Cauchy loss; their size and autocorrelation come from the run. The law is not exact: the curve
// may drift away from it, the more the more the loss falls (forecast/forecast_fit.h). The interval
// comes from 2000 draws with a fixed seed around the optimum, drift included.
//
// Held-out losses seen on the way are part of the same fit, shifted by a constant factor.
//
// Cost: some milliseconds for 200 points; longer curves are thinned to at most 400. Threads: pure
// functions, the same result for the same input. Errors: none are thrown; a forecast that cannot be
// made says why. Measured accuracy: bench/results/*-forecast.md.
#ifndef ISOFLOP_FORECAST_FORECAST_H_
#define ISOFLOP_FORECAST_FORECAST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/schedule.h"
#include "core/trial_runner.h"

namespace isoflop {

// A run's learning rates, past and future. rate(step) is called for 0 <= step < steps (for long
// schedules not at every step) and only its ratios matter.
struct RateSchedule {
  std::int64_t steps = 0;
  std::function<double(std::int64_t step)> rate = {};
};

RateSchedule rate_schedule(const Schedule& schedule);

// A log-normal parameter: ln x ~ Normal(center, sd).
struct LogNormal {
  double center = 0;
  double sd = 1;
};

// What is known of a run's curve before it began. Runs of one sweep share it: learn_prior.
struct ForecastPrior {
  LogNormal alpha;  // exponent of the sum of rates
  LogNormal pace;   // -d ln L / d ln s at the schedule's end, decay aside
  LogNormal gain;   // (loss that a decay from the peak to zero removes) / L_end
};

// From curves of the literature and of this program's own demo.
ForecastPrior default_forecast_prior();

struct ForecastOptions {
  double level = 0.8;  // of the intervals
  ForecastPrior prior = default_forecast_prior();
};

struct LossInterval {
  double value = 0, low = 0, high = 0;
};

struct Forecast {
  bool reliable = false;
  std::string why_not = {};  // empty when reliable; the numbers below mean nothing without
  LossInterval train = {};   // smoothed training loss at the schedule's end, nats per token
  std::optional<LossInterval> heldout = {};  // where held-out losses were seen
  double seen = 0;                           // part of the schedule's steps, from 0 to 1
};

// `so_far` in order of steps; points without a finite, positive loss are left out.
Forecast forecast_final_loss(std::span<const CurvePoint> so_far, const RateSchedule& schedule,
                             const ForecastOptions& options = {});

// A finished run: its whole curve and schedule.
struct FinishedCurve {
  std::vector<CurvePoint> points;
  RateSchedule schedule;
};

// The prior for the next run of the same family: each parameter's mean over the finished curves
// and their spread, starting from `base` as if it were one more curve. Curves that cannot be fitted
// are left out; without any the answer is `base`.
ForecastPrior learn_prior(std::span<const FinishedCurve> family,
                          const ForecastPrior& base = default_forecast_prior());

}  // namespace isoflop

#endif  // ISOFLOP_FORECAST_FORECAST_H_
