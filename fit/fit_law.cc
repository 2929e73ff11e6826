#include "fit/fit_law.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/interval.h"
#include "core/units.h"
#include "fit/approach_comparison.h"
#include "fit/backtest.h"
#include "fit/check_observations.h"
#include "fit/diagnose.h"
#include "fit/envelope.h"
#include "fit/finite_law.h"
#include "fit/form_determined.h"
#include "fit/form_fit.h"
#include "fit/form_profile.h"
#include "fit/isoflop_profiles.h"
#include "fit/mixed_models.h"
#include "fit/noise.h"
#include "law/law_form.h"
#include "law/law_point.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

constexpr int kBacktestDraws = 300;
constexpr double kFarAhead = 100;  // times the largest C: where answers are compared by default

void append(std::vector<Warning>& all, std::vector<Warning> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

bool is_chinchilla(const FitOptions& options) { return options.law == "chinchilla"; }

// The Chinchilla law as it stands has an optimiser of its own.
bool goes_fast(const FitOptions& options) {
  return is_chinchilla(options) && options.constraints.empty();
}

void check_options(const FitOptions& options) {
  if (!(options.level > 0 && options.level < 1)) {
    throw usage_error(
        fmt::format("interval level: {}: must lie between 0 and 1; 0.9 is usual", options.level));
  }
  if (options.draws < 0) {
    throw usage_error(fmt::format("bootstrap draws: {}: must not be negative", options.draws));
  }
  if (options.at < 0 || !std::isfinite(options.at)) {
    throw usage_error("the budget at which answers are compared must be positive; write it 1e21");
  }
  if (options.approach < 0 || options.approach > 3) {
    throw usage_error(fmt::format("approach: {}: must be 1, 2, 3 or all", options.approach));
  }
  const bool rows_or_runs =
      options.bootstrap == BootstrapKind::kRow || options.bootstrap == BootstrapKind::kRun;
  if (!goes_fast(options) && !rows_or_runs) {
    throw usage_error(
        fmt::format("bootstrap: {}: with constraints, or a law other than "
                    "chinchilla, rows or runs can be drawn; use row or run",
                    name_of(options.bootstrap)));
  }
}

std::vector<Observation> with_flops(std::span<const Observation> rows, const FlopsPerToken& flops) {
  std::vector<Observation> out(rows.begin(), rows.end());
  for (Observation& row : out) {
    if (row.flops == 0) row.flops = flops(row.params) * row.tokens;
  }
  return out;
}

// Whether nothing but N, D and C moves the losses, as far as law and rows say.
bool is_of_size_and_tokens(const LawForm& form, std::span<const Observation> rows) {
  const bool asks_for_more =
      form.target != LawTarget::kLoss ||
      std::any_of(form.needs.begin(), form.needs.end(), [](std::string_view name) {
        return name != "params" && name != "tokens" && name != "flops";
      });
  const auto varies = [&](std::string_view name) {
    return std::any_of(rows.begin(), rows.end(), [&](const Observation& row) {
      return coordinate(row, name) != coordinate(rows.front(), name);
    });
  };
  return !asks_for_more && !rows.empty() &&
         std::none_of(form.parameters.begin(), form.parameters.end(),
                      [](const FormParameter& p) { return !p.only_with.empty(); }) &&
         !varies("experts") && !varies("sparsity") && !varies("granularity");
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
  // A plan's N is what a token passes through, wherever experts are known.
  const bool sparse = knows_experts(law_form(fit.law));
  const auto ratio = [&](const Observation& o) {
    return o.tokens / (sparse ? law_point(o).active_params : o.params);
  };
  range(ratio, fit.tokens_per_param_low, fit.tokens_per_param_high);
  const bool all_say = std::all_of(rows.begin(), rows.end(), [](const Observation& o) {
    return coordinate(o, "experts").has_value();
  });
  if (!all_say) return;
  range([](const Observation& o) { return *coordinate(o, "experts"); }, fit.experts_low,
        fit.experts_high);
}

ParametricOptions parametric_options(const FitOptions& options) {
  return {.huber_delta = options.huber_delta.value_or(1e-3),
          .starts = options.starts,
          .given = options.given_starts,
          .threads = options.threads};
}

// How the search for a law ended, whichever way it went.
template <typename Fit>
void fill_search(const Fit& best, LawFit& fit) {
  fit.objective = best.objective;
  fit.gradient_norm = best.gradient_norm;
  fit.starts_tried = best.starts_tried;
  fit.starts_agreeing = best.starts_agreeing;
  fit.second_best = best.second_best;
  fit.residual_rms = best.residual_rms;
  append(fit.warnings, best.warnings);
}

void warn_of_draws(int not_converged, const FitOptions& options, LawFit& fit) {
  if (20 * not_converged <= options.draws) return;
  fit.warnings.push_back(
      {.code = "draws_not_converged",
       .message = fmt::format("{} of {} bootstrap refits stopped early: the intervals are rough",
                              not_converged, options.draws)});
}

void fill_draws(std::span<const Observation> rows, const ParametricFit& best,
                const FitOptions& options, LawFit& fit) {
  if (options.draws == 0) return;
  Bootstrap drawn = bootstrap(rows, best,
                              {.kind = options.bootstrap,
                               .draws = options.draws,
                               .seed = options.seed,
                               .threads = options.threads,
                               .huber_delta = fit.huber_delta});
  fit.draws = std::move(drawn.draws);
  fit.interval_method = drawn.method;
  append(fit.warnings, std::move(drawn.warnings));
  warn_of_draws(drawn.not_converged, options, fit);
}

// --- The general way.

LawParameters chinchilla_of(const std::vector<double>& values) {
  return {values[0], values[1], values[2], values[3], values[4]};
}

FormFitOptions form_options(const FitOptions& options) {
  return {.huber_delta = options.huber_delta,
          .constraints = options.constraints,
          .seed = options.seed,
          .draws = options.draws,
          .resample =
              options.bootstrap == BootstrapKind::kRun ? FormResample::kRun : FormResample::kRow,
          .threads = options.threads};
}

void fill_form(const FormFit& best, const FitOptions& options, LawFit& fit) {
  if (is_chinchilla(options)) {
    fit.parameters = chinchilla_of(best.values);
    for (const auto& draw : best.draws) fit.draws.push_back(chinchilla_of(draw));
  } else {
    fit.form = form_parameters(best);
    fit.r_squared = best.r_squared;
  }
  fit.huber_delta = best.huber_delta;
  fill_search(best, fit);
  if (options.draws == 0) return;
  fit.interval_method =
      options.bootstrap == BootstrapKind::kRun ? "run bootstrap" : "row bootstrap";
  warn_of_draws(best.draws_not_converged, options, fit);
}

void fill_profiles(std::span<const Observation> rows, const FormFit& best,
                   const FitOptions& options, LawFit& fit) {
  const FormProfile profile = profile_form(law_form(options.law), rows, best, form_options(options),
                                           {.level = options.level});
  for (const ParameterProfile& p : profile.parameters) {
    fit.ranges.push_back({.name = p.name,
                          .value = p.value,
                          .low = p.low,
                          .high = p.high,
                          .low_open = p.low_open,
                          .high_open = p.high_open,
                          .why_flat = p.why_flat});
  }
  append(fit.warnings, profile.warnings);
}

// --- What stands beside the law.

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

void fill_noise(std::span<const Observation> rows, LawFit& fit) {
  fit.noise = estimate_noise(rows, fit.parameters);
  if (auto warning = lack_of_fit(*fit.noise)) fit.warnings.push_back(std::move(*warning));
}

// Approach 3 at a budget.
ApproachAnswer law_answer(const LawFit& fit, double flops) {
  ApproachAnswer answer{.approach = 3, .usable = true};
  const auto at = [&](const LawParameters& law) {
    const Optimum best = compute_optimum(law, fit.flops, flops);
    return std::array{best.params, best.tokens, best.loss};
  };
  std::array<std::vector<double>, 3> draws;
  for (const LawParameters& draw : fit.draws) {
    const auto values = at(draw);
    for (std::size_t k = 0; k < 3; ++k) draws[k].push_back(values[k]);
  }
  const auto best = at(fit.parameters);
  answer.a = exponent_a(fit);
  answer.b = exponent_b(fit);
  answer.params = interval_over(best[0], std::move(draws[0]), fit.interval_level);
  answer.tokens = interval_over(best[1], std::move(draws[1]), fit.interval_level);
  answer.loss = interval_over(best[2], std::move(draws[2]), fit.interval_level);
  return answer;
}

void fill_comparison(double at, LawFit& fit) {
  std::vector<ApproachAnswer> answers;
  if (fit.envelope) answers.push_back(envelope_answer(*fit.envelope, at, fit.interval_level));
  if (fit.isoflop) answers.push_back(isoflop_answer(*fit.isoflop, at, fit.interval_level));
  answers.push_back(law_answer(fit, at));
  fit.approaches = compare_approaches(std::move(answers), at, fit.interval_level);
  append(fit.warnings, fit.approaches->warnings);
}

void fill_isoflop(std::span<const Observation> rows, const FitOptions& options, LawFit& fit) {
  fit.isoflop =
      fit_isoflop(rows, {.level = options.level, .seed = options.seed, .flops = options.flops});
  // As a mere check of the law it keeps its warnings to itself.
  if (options.approach != 3) append(fit.warnings, fit.isoflop->warnings);
}

void fill_envelope(const FitOptions& options, LawFit& fit) {
  fit.envelope = fit_envelope(options.curves, {.level = options.level, .seed = options.seed});
  append(fit.warnings, fit.envelope->warnings);
}

void fill_diagnostics(std::span<const Observation> rows, const ParametricFit& best,
                      const FitOptions& options, double at, LawFit& fit) {
  fit.diagnostics = diagnose(rows, best,
                             {.budget = at,
                              .parametric = parametric_options(options),
                              .flops = options.flops,
                              .seed = options.seed,
                              .conventions = options.counted == ParamsCounted::kTotal,
                              .hiding = options.hiding});
  append(fit.warnings, fit.diagnostics->warnings);
}

void fill_backtest(std::span<const Observation> rows, const FitOptions& options, LawFit& fit) {
  BacktestOptions hiding = options.hiding;
  hiding.draws = options.draws > 0 ? kBacktestDraws : 0;
  hiding.level = options.level;
  hiding.seed = options.seed;
  fit.backtest = backtest(rows, parametric_options(options), hiding);
}

// An approach that was asked for alone and has no answer is a refusal: there is no number to give.
[[noreturn]] void refuse_approach(int approach, const std::string& source, const std::string& code,
                                  const std::string& why) {
  throw refusal(code.empty() ? "no_answer" : code,
                fmt::format("{}: approach {} has no answer: {}; `--approach all` shows the others",
                            source, approach, why));
}

void fit_alone(std::span<const Observation> rows, const FitOptions& options, LawFit& fit) {
  if (options.approach == 1) {
    fill_envelope(options, fit);
    if (!fit.envelope->usable) {
      refuse_approach(1, fit.source, fit.envelope->code, fit.envelope->why_not);
    }
    return;
  }
  fill_isoflop(rows, options, fit);
  if (!fit.isoflop->usable) refuse_approach(2, fit.source, "no_minima", fit.isoflop->why_not);
}

void require_finite(std::span<const Observation> rows, const LawFit& fit) {
  if (is_finite(fit.parameters, rows)) return;
  const auto span_of = [&](double Observation::*value) {
    const auto [least, most] = std::minmax_element(
        rows.begin(), rows.end(),
        [&](const Observation& a, const Observation& b) { return a.*value < b.*value; });
    return (*most).*value / (*least).*value;
  };
  throw refusal(
      "law_runs_away",
      fmt::format("{}: the best exponents, alpha {:.3g} and beta {:.3g}, need coefficients "
                  "beyond all numbers: N spans a factor of {:.3g} and D one of {:.3g}, and "
                  "the noise decides; add runs of other sizes and tokens",
                  fit.source.empty() ? "fit" : fit.source, fit.parameters.alpha,
                  fit.parameters.beta, span_of(&Observation::params),
                  span_of(&Observation::tokens)));
}

void fit_chinchilla(std::span<const Observation> rows, const FitOptions& options, LawFit& fit) {
  const double at = options.at > 0 ? options.at : kFarAhead * fit.flops_high;
  const ParametricFit best = fit_parametric(rows, parametric_options(options));
  fit.parameters = best.parameters;
  require_finite(rows, fit);
  fill_search(best, fit);
  fill_draws(rows, best, options, fit);
  warn_of_asymptote(rows, fit);
  fill_noise(rows, fit);
  if (options.profiles) {
    fill_profiles(rows, fit_form(law_form("chinchilla"), rows), options, fit);
  }
  if (options.isoflop) fill_isoflop(rows, options, fit);
  if (options.approach == 0) fill_envelope(options, fit);
  fill_comparison(at, fit);
  if (options.diagnostics) fill_diagnostics(rows, best, options, at, fit);
  if (options.backtest) fill_backtest(rows, options, fit);
}

void fit_generally(std::span<const Observation> rows, const FitOptions& options, LawFit& fit) {
  const LawForm& form = law_form(options.law);
  require_determined(form, rows, form_options(options), fit.source);
  const FormFit best = fit_form(form, rows, form_options(options));
  fit.citation = is_chinchilla(options) ? "" : std::string(form.citation);
  fill_form(best, options, fit);
  for (const ParameterConstraint& constraint : options.constraints) {
    fit.constraints.push_back(text_of(constraint));
  }
  if (options.profiles) fill_profiles(rows, best, options, fit);
  if (!is_chinchilla(options)) return;
  warn_of_asymptote(rows, fit);
  fill_noise(rows, fit);
  if (options.isoflop) fill_isoflop(rows, options, fit);
  if (options.approach == 0) fill_envelope(options, fit);
  fill_comparison(options.at > 0 ? options.at : kFarAhead * fit.flops_high, fit);
}

}  // namespace

std::string hash_of(std::span<const Observation> observations) {
  Sha256 hash;
  for (const Observation& row : observations) {
    std::string line =
        fmt::format("{},{},{},{},{},{}", exact_number(row.params), exact_number(row.tokens),
                    exact_number(row.flops), exact_number(row.loss),
                    row.budget ? exact_number(*row.budget) : "", row.seed);
    for (const auto& [name, value] : row.extra) line += ',' + name + '=' + exact_number(value);
    hash.update(line + '\n');
  }
  return hash.hex();
}

LawFit fit_law(std::span<const Observation> observations, const std::string& source,
               const FitOptions& options) {
  check_options(options);
  LawFit fit;
  fit.law = options.law;
  fit.approach = options.approach == 0 ? 3 : options.approach;  // the law is approach 3's
  fit.source = source;
  fit.flops = options.flops;
  fit.params_counted = name_of(options.counted);
  fit.huber_delta = options.huber_delta.value_or(fit.huber_delta);
  fit.interval_level = options.level;
  if (is_chinchilla(options)) {
    append(fit.warnings, check_observations(observations, source, options.flops, options.check));
  } else {
    check_coordinates(law_form(options.law), observations);
    check_rows(observations, source, options.flops,
               is_of_size_and_tokens(law_form(options.law), observations));
  }
  append(fit.warnings, warn_of_mixed_models(observations, law_form(options.law)));
  fit.observations = static_cast<int>(observations.size());
  fit.data_sha256 = hash_of(observations);

  const std::vector<Observation> rows = with_flops(observations, options.flops);
  fill_ranges(rows, fit);
  if (options.approach == 1 || options.approach == 2) {
    fit_alone(rows, options, fit);
  } else if (goes_fast(options)) {
    fit_chinchilla(rows, options, fit);
  } else {
    fit_generally(rows, options, fit);
  }
  return fit;
}

}  // namespace isoflop
