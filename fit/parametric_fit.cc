#include "fit/parametric_fit.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"
#include "fit/parallel.h"
#include "fit/points.h"
#include "fit/robust_descent.h"
#include "fit/start_screen.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr double kSameObjective = 1e-6;  // relative
constexpr std::size_t kKeptOptima = 4;
constexpr std::size_t kPolishedStarts = 100;  // up to here every start is finished by itself
constexpr int kSteps = 300;
constexpr int kHopelessSteps = 12;
constexpr double kFarAbove = 1.5;
constexpr double kNear = 0.5;  // levenberg_marquardt's tolerance, where not
// Exponents beyond these, or a term below this share of every loss, say that the data do not hold
// the parameter: published exponents lie between 0.05 and 0.8.
constexpr double kSmallExponent = 0.01;
constexpr double kLargeExponent = 3;
constexpr double kSmallShare = 1e-3;

// Rounding's share of an objective: exact data end near zero, where no relative test can hold.
double noise_floor(const Points& points, double delta) {
  return 1e-12 * delta * delta * static_cast<double>(points.size());
}

bool same(double objective, double best, double floor) {
  return objective <= best * (1 + kSameObjective) + floor;
}

// Best first; a converged end before an equal one that is not.
void sort_ends(std::vector<Descent>& ends, double floor) {
  std::erase_if(ends, [](const Descent& end) { return !std::isfinite(end.objective); });
  std::stable_sort(ends.begin(), ends.end(),
                   [](const Descent& a, const Descent& b) { return a.objective < b.objective; });
  const auto first_converged = std::find_if(ends.begin(), ends.end(), [&](const Descent& end) {
    return end.converged && same(end.objective, ends.front().objective, floor);
  });
  if (first_converged != ends.end())
    std::rotate(ends.begin(), first_converged, first_converged + 1);
}

double residual_rms(const Points& points, const LawVector& theta) {
  double sum = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double r = log_loss(theta, points.x[i], points.y[i]) - points.log_loss[i];
    sum += r * r;
  }
  return std::sqrt(sum / static_cast<double>(points.size()));
}

// Whether the end is one by the definition too, with the C library's functions (see law_sums.h).
bool stands(const Descent& end, const Points& points, double delta) {
  LawVector sum{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    LawVector gradient;
    const double r = log_loss(end.theta, points.x[i], points.y[i], gradient) - points.log_loss[i];
    for (std::size_t k = 0; k < kLawSize; ++k) sum[k] += std::clamp(r, -delta, delta) * gradient[k];
  }
  sum[3] -= points.x_mean * sum[1];
  sum[4] -= points.y_mean * sum[2];
  double largest = 0;
  for (const double g : sum) largest = std::max(largest, std::abs(g));
  return largest <= 2e-9 * delta * static_cast<double>(points.size());
}

void count_ends(const std::vector<Descent>& ends, const Points& points, double floor,
                ParametricFit& fit) {
  double last = fit.objective;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (same(ends[i].objective, fit.objective, floor)) {
      ++fit.starts_agreeing;
    } else if (ends[i].converged && !same(ends[i].objective, last, floor)) {
      if (fit.second_best == 0) fit.second_best = ends[i].objective;
      last = ends[i].objective;
      if (fit.other_optima.size() < kKeptOptima) {
        fit.other_optima.push_back(from_vector(uncentred(ends[i].theta, points)));
      }
    }
  }
}

void warn(ParametricFit& fit, std::string code, std::string message) {
  fit.warnings.push_back({.code = std::move(code), .message = std::move(message)});
}

void warn_of_convergence(ParametricFit& fit) {
  if (fit.status != FitStatus::kConverged) {
    warn(fit, "not_converged",
         fmt::format("the fit did not converge: gradient {:.2e} at the best of {} starts; the "
                     "numbers are where it stopped",
                     fit.gradient_norm, fit.starts_tried));
  }
  const bool rival = fit.second_best > 0 && fit.second_best < 1.01 * fit.objective;
  if (rival || (fit.starts_agreeing < 2 && fit.starts_tried > 1)) {
    warn(fit, "starts_disagree",
         fmt::format("{} of {} starts reached the best objective {}{}", fit.starts_agreeing,
                     fit.starts_tried, exact_number(fit.objective),
                     rival ? fmt::format("; another optimum has {}", exact_number(fit.second_best))
                           : std::string("; fit again with the paper's grid of starts")));
  }
}

void warn_of_exponent(ParametricFit& fit, const char* name, double value) {
  if (value > kSmallExponent && value < kLargeExponent) return;
  warn(fit, "parameter_at_bound",
       fmt::format("{} = {:.4g}: the data do not determine it; more spread in {} would", name,
                   value, name[0] == 'a' ? "model sizes" : "token counts"));
}

// The largest share a term has in any predicted loss.
void warn_of_shares(ParametricFit& fit, const Points& points, const LawVector& theta) {
  LawVector largest{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    LawVector gradient;
    log_loss(theta, points.x[i], points.y[i], gradient);
    for (std::size_t k = 0; k < 3; ++k) largest[k] = std::max(largest[k], gradient[k]);
  }
  constexpr const char* kParameterNames[] = {"E", "A / N^alpha", "B / D^beta"};
  for (std::size_t k = 0; k < 3; ++k) {
    if (largest[k] >= kSmallShare) continue;
    warn(fit, "parameter_at_bound",
         fmt::format("{} is at most {:.1e} of any loss: the fit has thrown the term away",
                     kParameterNames[k], largest[k]));
  }
}

ParametricFit summarise(std::vector<Descent> ends, const Points& points,
                        const ParametricOptions& options) {
  const double floor = noise_floor(points, options.huber_delta);
  ParametricFit fit;
  fit.starts_tried = static_cast<int>(ends.size());
  sort_ends(ends, floor);
  if (ends.empty()) {
    fit.status = FitStatus::kNotConverged;
    warn(fit, "not_converged", "no start led to a finite objective");
    return fit;
  }
  const Descent& best = ends.front();
  const bool converged = best.converged && stands(best, points, options.huber_delta);
  fit.status = converged ? FitStatus::kConverged : FitStatus::kNotConverged;
  fit.parameters = from_vector(uncentred(best.theta, points));
  fit.objective = best.objective;
  fit.gradient_norm = best.gradient_norm;
  fit.residual_rms = residual_rms(points, best.theta);
  count_ends(ends, points, floor, fit);
  warn_of_convergence(fit);
  warn_of_exponent(fit, "alpha", fit.parameters.alpha);
  warn_of_exponent(fit, "beta", fit.parameters.beta);
  warn_of_shares(fit, points, best.theta);
  return fit;
}

void check_delta(double delta) {
  if (delta > 0 && std::isfinite(delta)) return;
  throw usage_error(fmt::format("huber delta: {}: must be positive; the paper uses 1e-3", delta));
}

std::vector<LawVector> given_starts(const std::vector<LawParameters>& laws, const Points& points) {
  std::vector<LawVector> starts;
  for (const LawParameters& law : laws) {
    const LawVector theta = to_vector(law);
    if (!std::all_of(theta.begin(), theta.end(), [](double v) { return std::isfinite(v); })) {
      throw usage_error("starts: a given start is not finite: E, A and B must be positive");
    }
    starts.push_back(centred(theta, points));
  }
  if (starts.empty()) throw usage_error("starts: none is given; name a law to start from");
  return starts;
}

std::vector<LawVector> starts_of(const Points& points, const ParametricOptions& options) {
  switch (options.starts) {
    case Starts::kPaperGrid:
      return paper_grid_starts(points);
    case Starts::kGiven:
      return given_starts(options.given, points);
    case Starts::kScreened:
      break;
  }
  return screened_starts(points, options.huber_delta, options.refined);
}

std::vector<Descent> descend_each(const Points& points, const std::vector<LawVector>& starts,
                                  const ParametricOptions& options) {
  std::vector<Descent> ends(starts.size());
  parallel_for(static_cast<int>(starts.size()), options.threads, [&](int i) {
    const auto k = static_cast<std::size_t>(i);
    ends[k] = robust_descent(points, starts[k], options.huber_delta);
  });
  return ends;
}

// Thousands of starts mostly meet in one valley: Ceres brings each near it, the lowest is finished,
// and those from which the objective falls all the way to that end are counted as ending there. The
// others are finished too; a start that Ceres leaves on a plateau far above gets few more steps.
std::vector<Descent> descend_many(const Points& points, const std::vector<LawVector>& starts,
                                  const ParametricOptions& options) {
  const double delta = options.huber_delta;
  const auto finished = [&](const Descent& from, int max_steps) {
    return newton_descent(points, from.theta, {.huber_delta = delta, .max_steps = max_steps});
  };
  std::vector<Descent> ends(starts.size());
  const auto each = [&](auto work) {
    parallel_for(static_cast<int>(ends.size()), options.threads,
                 [&](int i) { work(static_cast<std::size_t>(i)); });
  };
  each([&](std::size_t k) {
    ends[k].theta = levenberg_marquardt(points, starts[k], delta, kNear);
    ends[k].objective = huber_sum(points, ends[k].theta, delta);
  });
  const auto lower = [](const Descent& a, const Descent& b) {
    return std::isfinite(a.objective) && !(b.objective <= a.objective);
  };
  const Descent lowest = finished(*std::min_element(ends.begin(), ends.end(), lower), kSteps);
  each([&](std::size_t k) {
    const bool same_end =
        lowest.converged && falls_towards(points, ends[k].theta, lowest.theta, delta);
    const bool far = ends[k].objective > kFarAbove * lowest.objective;
    ends[k] = same_end ? lowest : finished(ends[k], far ? kHopelessSteps : kSteps);
  });
  return ends;
}

}  // namespace

ParametricFit fit_parametric(std::span<const Observation> observations,
                             const ParametricOptions& options) {
  check_delta(options.huber_delta);
  const Points points = make_points(observations);
  const std::vector<LawVector> starts = starts_of(points, options);
  std::vector<Descent> ends = starts.size() > kPolishedStarts
                                  ? descend_many(points, starts, options)
                                  : descend_each(points, starts, options);
  return summarise(std::move(ends), points, options);
}

double huber_objective(const LawParameters& law, std::span<const Observation> observations,
                       double huber_delta) {
  check_delta(huber_delta);
  const Points points = make_points(observations);
  return huber_sum(points, centred(to_vector(law), points), huber_delta);
}

}  // namespace isoflop
