#include "fit/fit_law.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/interval.h"
#include "core/units.h"
#include "fit/backtest.h"
#include "fit/check_observations.h"
#include "fit/isoflop_profiles.h"

namespace isoflop {
namespace {

void append(std::vector<Warning>& all, std::vector<Warning> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void check_options(const FitOptions& options) {
  if (!(options.level > 0 && options.level < 1)) {
    throw usage_error(
        fmt::format("interval level: {}: must lie between 0 and 1; 0.9 is usual", options.level));
  }
  if (options.draws < 0) {
    throw usage_error(fmt::format("bootstrap draws: {}: must not be negative", options.draws));
  }
}

std::vector<Observation> with_flops(std::span<const Observation> rows, const FlopsPerToken& flops) {
  std::vector<Observation> out(rows.begin(), rows.end());
  for (Observation& row : out) {
    if (row.flops == 0) row.flops = flops(row.params) * row.tokens;
  }
  return out;
}

void fill_ranges(std::span<const Observation> rows, LawFit& fit) {
  const auto range = [&](auto value, double& low, double& high) {
    low = high = value(rows.front());
    for (const Observation& row : rows) {
      low = std::min(low, value(row));
      high = std::max(high, value(row));
    }
  };
  range([](const Observation& o) { return o.params; }, fit.params_low, fit.params_high);
  range([](const Observation& o) { return o.tokens; }, fit.tokens_low, fit.tokens_high);
  range([](const Observation& o) { return o.flops; }, fit.flops_low, fit.flops_high);
  range([](const Observation& o) { return o.tokens / o.params; }, fit.tokens_per_param_low,
        fit.tokens_per_param_high);
}

void fill_parametric(const ParametricFit& best, LawFit& fit) {
  fit.parameters = best.parameters;
  fit.objective = best.objective;
  fit.gradient_norm = best.gradient_norm;
  fit.starts_tried = best.starts_tried;
  fit.starts_agreeing = best.starts_agreeing;
  fit.second_best = best.second_best;
  fit.residual_rms = best.residual_rms;
  append(fit.warnings, best.warnings);
}

void fill_draws(std::span<const Observation> rows, const ParametricFit& best,
                const FitOptions& options, LawFit& fit) {
  fit.interval_level = options.level;
  if (options.draws == 0) return;
  Bootstrap drawn = bootstrap(rows, best,
                              {.kind = options.bootstrap,
                               .draws = options.draws,
                               .seed = options.seed,
                               .threads = options.threads,
                               .huber_delta = options.huber_delta});
  fit.draws = std::move(drawn.draws);
  fit.interval_method = drawn.method;
  if (20 * drawn.not_converged <= options.draws) return;
  fit.warnings.push_back(
      {.code = "draws_not_converged",
       .message = fmt::format("{} of {} bootstrap refits stopped early: the intervals are rough",
                              drawn.not_converged, options.draws)});
}

// E trades off against the exponents: where the losses do not yet bend towards it, they cannot tell
// it.
void warn_of_asymptote(std::span<const Observation> rows, LawFit& fit) {
  constexpr double kUnsure = 0.05;  // of the lowest loss
  if (fit.draws.empty()) return;
  double lowest = rows.front().loss;
  for (const Observation& row : rows) lowest = std::min(lowest, row.loss);
  const Interval E = asymptote(fit);
  if (*E.high - *E.low <= kUnsure * lowest) return;
  fit.warnings.push_back(
      {.code = "asymptote_unsure",
       .message =
           fmt::format("E lies anywhere in {:.3g} to {:.3g}: the losses do not bend enough to "
                       "tell it; do not read it as the entropy of the data",
                       *E.low, *E.high)});
}

}  // namespace

std::string hash_of(std::span<const Observation> observations) {
  Sha256 hash;
  for (const Observation& row : observations) {
    hash.update(fmt::format("{},{},{},{},{},{}\n", exact_number(row.params),
                            exact_number(row.tokens), exact_number(row.flops),
                            exact_number(row.loss), row.budget ? exact_number(*row.budget) : "",
                            row.seed));
  }
  return hash.hex();
}

LawFit fit_law(std::span<const Observation> observations, const std::string& source,
               const FitOptions& options) {
  check_options(options);
  LawFit fit;
  fit.source = source;
  fit.flops = options.flops;
  fit.huber_delta = options.huber_delta;
  append(fit.warnings, check_observations(observations, source, options.flops));
  fit.observations = static_cast<int>(observations.size());
  fit.data_sha256 = hash_of(observations);

  const std::vector<Observation> rows = with_flops(observations, options.flops);
  const ParametricOptions parametric = {
      .huber_delta = options.huber_delta, .starts = options.starts, .threads = options.threads};
  fill_ranges(rows, fit);
  const ParametricFit best = fit_parametric(rows, parametric);
  fill_parametric(best, fit);
  fill_draws(rows, best, options, fit);
  warn_of_asymptote(rows, fit);
  if (options.isoflop) {
    fit.isoflop =
        fit_isoflop(rows, {.level = options.level, .seed = options.seed, .flops = options.flops});
  }
  if (options.backtest) fit.backtest = backtest(rows, parametric);
  return fit;
}

}  // namespace isoflop
