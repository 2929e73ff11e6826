#include "fit/form_profile.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <optional>

#include "core/units.h"
#include "fit/form_newton.h"
#include "fit/form_problem.h"
#include "fit/form_spread.h"
#include "fit/parallel.h"

namespace isoflop {
namespace {

constexpr double kWiden = 1.5;    // each further step of the grid
constexpr int kEndSections = 12;  // halvings of the last step, for the interval's end
constexpr double kBetter = 1e-6;  // relative: lower by more was not the same optimum

// Quantile of the standard normal, p in (0, 1), by Newton on erfc; good to 1e-12.
double normal_quantile(double p) {
  double x = 0;
  for (int k = 0; k < 100; ++k) {
    const double error = 0.5 * std::erfc(-x / std::sqrt(2.0)) - p;
    const double density = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    const double step = std::clamp(error / density, -0.5, 0.5);
    x -= step;
    if (std::abs(step) < 1e-13) break;
  }
  return x;
}

// Student's t by its expansion around the normal (Abramowitz and Stegun 26.7.5): to 1 % from 4
// degrees of freedom on.
double student_quantile(double p, double freedom) {
  const double z = normal_quantile(p);
  const double z3 = z * z * z, z5 = z3 * z * z;
  return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom);
}

struct Refit {
  double at = 0;  // the coordinate held
  std::vector<double> u;
  double objective = 0;
};

// All that the refits of one fit share.
struct Profiler {
  FormProblem problem;
  std::vector<double> optimum;
  std::vector<std::vector<double>> rivals;
  std::vector<double> errors;  // standard errors, or a guess
  std::vector<double> thresholds;
  double objective = 0;  // at the optimum
  ProfileOptions options;
};

// The best of what the starts lead to with coordinate k held.
Refit refit_at(const Profiler& profiler, std::size_t k, double at,
               std::vector<std::vector<double>> starts) {
  FormProblem held = profiler.problem;
  held.coordinates[k].low = held.coordinates[k].high = at;
  Refit best{.at = at, .u = starts.front(), .objective = std::numeric_limits<double>::infinity()};
  for (std::vector<double>& start : starts) {
    start[k] = at;
    FormDescent end = form_newton(held, start);
    if (!(end.objective < best.objective)) continue;
    best.objective = end.objective;
    best.u = std::move(end.u);
  }
  return best;
}

// The place between `in` (below the threshold) and `out` (above) where the rise reaches it.
double crossing(const Profiler& profiler, std::size_t k, Refit in, Refit out) {
  for (int section = 0; section < kEndSections; ++section) {
    const Refit middle = refit_at(profiler, k, (in.at + out.at) / 2, {in.u, out.u});
    const bool below = middle.objective - profiler.objective <= profiler.thresholds[k];
    (below ? in : out) = middle;
  }
  return (in.at + out.at) / 2;
}

struct Side {
  std::vector<Refit> points;  // outwards
  double end = 0;             // in the fitted coordinate
  bool open = false;
};

// Outwards from the optimum, downwards or upwards (sign -1 or 1).
Side walk(const Profiler& profiler, std::size_t k, double sign) {
  const FormCoordinate& c = profiler.problem.coordinates[k];
  const double bound = sign < 0 ? c.low : c.high;
  Side side{.points = {}, .end = bound, .open = true};
  Refit last{.at = profiler.optimum[k], .u = profiler.optimum, .objective = profiler.objective};
  double step = profiler.errors[k] / 2;
  for (int count = 0; count < profiler.options.most_points; ++count) {
    if (last.at == bound) return side;
    double at = last.at + sign * step;
    if (sign * (bound - at) < 0) at = bound;
    std::vector<std::vector<double>> starts = profiler.rivals;
    starts.insert(starts.begin(), last.u);
    Refit next = refit_at(profiler, k, at, std::move(starts));
    side.points.push_back(next);
    if (next.objective - profiler.objective > profiler.thresholds[k]) {
      side.end = crossing(profiler, k, last, next);
      side.open = false;
      return side;
    }
    last = std::move(next);
    step *= kWiden;
  }
  side.end = last.at;
  return side;
}

double from_coordinate(const FormCoordinate& c, double u) {
  return c.logarithmic ? std::exp(u) : u;
}

void judge(const FormParameter& parameter, double ratio, ParameterProfile& out) {
  if (out.low_open || out.high_open) {
    out.flat = true;
    out.why_flat =
        fmt::format("{} runs to the {} of the search, {:.4g}", out.name,
                    out.high_open ? "upper end" : "lower end", out.high_open ? out.high : out.low);
    return;
  }
  const bool positive = parameter.logarithmic || parameter.low >= 0;
  if (!positive || !(out.low > 0) || out.high <= ratio * out.low) return;
  out.flat = true;
  out.why_flat = fmt::format("{} may be anything from {:.4g} to {:.4g}, a factor of {:.3g}",
                             out.name, out.low, out.high, out.high / out.low);
}

void add_points(const FormCoordinate& c, const Side& side, ParameterProfile& out) {
  for (const Refit& point : side.points) {
    out.points.push_back({from_coordinate(c, point.at), point.objective});
  }
}

ParameterProfile joined_sides(const Profiler& profiler, std::size_t k, const Side& down,
                              const Side& up) {
  const FormCoordinate& c = profiler.problem.coordinates[k];
  const FormParameter& parameter = profiler.problem.form->parameters[c.parameter];
  ParameterProfile out{.name = std::string(parameter.name),
                       .value = from_coordinate(c, profiler.optimum[k]),
                       .low = from_coordinate(c, down.end),
                       .high = from_coordinate(c, up.end),
                       .threshold = profiler.thresholds[k],
                       .low_open = down.open,
                       .high_open = up.open};
  add_points(c, down, out);
  out.points.push_back({out.value, profiler.objective});
  add_points(c, up, out);
  std::sort(out.points.begin(), out.points.end(),
            [](const ProfilePoint& a, const ProfilePoint& b) { return a.value < b.value; });
  judge(parameter, profiler.options.flat_ratio, out);
  return out;
}

Profiler make_profiler(FormProblem problem, const FormFit& fit, const ProfileOptions& options) {
  Profiler profiler{.problem = std::move(problem), .options = options};
  if (!profiler.problem.priors.empty()) profiler.problem.prior_scale = fit.noise_scale;
  profiler.optimum = form_coordinates(profiler.problem, fit.values);
  profiler.objective = form_objective(profiler.problem, profiler.optimum);
  for (const auto& other : fit.other_optima) {
    profiler.rivals.push_back(form_coordinates(profiler.problem, other));
  }
  const double freedom =
      static_cast<double>(profiler.problem.size()) - static_cast<double>(profiler.problem.free());
  const double q = student_quantile(0.5 + options.level / 2, std::max(freedom, 1.0));
  const FormSpread spread = form_spread(profiler.problem, profiler.optimum);
  for (std::size_t k = 0; k < profiler.problem.free(); ++k) {
    const FormCoordinate& c = profiler.problem.coordinates[k];
    const double range = c.start_high - c.start_low;
    const double scale = std::isinf(spread.scale[k]) ? 0 : spread.scale[k];
    profiler.thresholds.push_back(q * q / 2 * std::max(scale, fit.noise_scale));
    profiler.errors.push_back(std::clamp(spread.error[k], 1e-6 * range, 0.1 * range));
  }
  return profiler;
}

void note_better(const Profiler& profiler, const std::vector<Side>& sides, FormProfile& out) {
  out.better_objective = profiler.objective;
  for (const Side& side : sides) {
    for (const Refit& point : side.points) {
      const double lower = profiler.objective - point.objective;
      if (lower <= kBetter * profiler.objective || point.objective >= out.better_objective)
        continue;
      out.better_objective = point.objective;
      out.better_values = form_values(profiler.problem, point.u);
    }
  }
  if (out.better_values.empty()) return;
  out.warnings.push_back(
      {.code = "better_optimum",
       .message =
           fmt::format("a refit reached {} where the fit has {}: fit again with more starts",
                       exact_number(out.better_objective), exact_number(profiler.objective))});
}

}  // namespace

FormProfile profile_form(const LawForm& form, std::span<const Observation> observations,
                         const FormFit& fit, const FormFitOptions& options,
                         const ProfileOptions& profile) {
  const Profiler profiler =
      make_profiler(make_form_problem(form, observations, options), fit, profile);
  const std::size_t q = profiler.problem.free();
  std::vector<Side> sides(2 * q);
  parallel_for(static_cast<int>(sides.size()), options.threads, [&](int i) {
    const auto side = static_cast<std::size_t>(i);
    sides[side] = walk(profiler, side / 2, side % 2 == 0 ? -1 : 1);
  });
  FormProfile out;
  for (std::size_t k = 0; k < q; ++k) {
    out.parameters.push_back(joined_sides(profiler, k, sides[2 * k], sides[2 * k + 1]));
    const ParameterProfile& last = out.parameters.back();
    if (last.flat) {
      out.warnings.push_back(
          {.code = "parameter_flat",
           .message = last.why_flat + ": the data do not determine it; fix it or add runs"});
    }
  }
  note_better(profiler, sides, out);
  return out;
}

}  // namespace isoflop
