#include "fit/hyper_fit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/interval.h"
#include "core/normal.h"
#include "core/units.h"
#include "fit/hyper_rungs.h"

namespace isoflop {
namespace {

constexpr int kFewestRungs = 3;
constexpr int kFewestForBoth = 5;
constexpr double kVaries = 0.405;  // ln 1.5
constexpr double kOwnSpread = 0.3;
constexpr double kLadder = 0.95;
constexpr double kWideInterval = 0.5;  // of an exponent, either way

void check_options(const HyperFitOptions& options) {
  if (options.level > 0 && options.level < 1) return;
  throw usage_error("--level: give a probability such as 0.9");
}

void check_runs(std::span<const TunedRun> runs) {
  for (const TunedRun& run : runs) {
    for (const double value : {run.params, run.tokens, run.rate}) {
      if (value > 0 && std::isfinite(value)) continue;
      throw usage_error(fmt::format(
          "rates: a run of {} parameters on {} tokens at rate {}: all must be positive and finite",
          run.params, run.tokens, run.rate));
    }
  }
}

// The rungs' coordinates: what varies, and how much of ln D does not follow from ln N.
struct Spread {
  double params = 0, tokens = 0;  // highest minus lowest logarithm
  double own_tokens = 0;          // standard deviation of ln D beside its line in ln N
  double correlation = 0;
  double slope = 0;  // of that line
};

Spread spread_of_rungs(const std::vector<HyperRung>& rungs) {
  const auto count = static_cast<Eigen::Index>(rungs.size());
  Eigen::ArrayXd n(count), d(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    n[i] = std::log(rungs[static_cast<std::size_t>(i)].params);
    d[i] = std::log(rungs[static_cast<std::size_t>(i)].tokens);
  }
  Spread out{.params = n.maxCoeff() - n.minCoeff(), .tokens = d.maxCoeff() - d.minCoeff()};
  n -= n.mean();
  d -= d.mean();
  const double nn = n.square().sum(), dd = d.square().sum(), nd = (n * d).sum();
  if (nn > 0) out.slope = nd / nn;
  if (nn > 0 && dd > 0) out.correlation = nd / std::sqrt(nn * dd);
  out.own_tokens = std::sqrt(std::max(0.0, dd - out.slope * nd) / static_cast<double>(count));
  return out;
}

struct Terms {
  bool params = false;
  bool tokens = false;
  int count() const { return 1 + params + tokens; }
};

Terms choose_terms(const Spread& spread, std::size_t rungs, bool is_rate) {
  const bool size = spread.params >= kVaries, data = spread.tokens >= kVaries;
  const bool apart = spread.own_tokens >= kOwnSpread && std::abs(spread.correlation) < kLadder;
  if (size && data && apart && rungs >= kFewestForBoth) return {true, true};
  if (is_rate) return {size, false};
  return {size && !data, data};
}

// --- The regression.

struct Regression {
  Eigen::VectorXd terms;  // ln c, then n, then d
  Eigen::MatrixXd covariance;
  double tau = 0;
  int freedom = 0;
};

Eigen::MatrixXd rows_of_rungs(const std::vector<HyperRung>& rungs, const Terms& terms) {
  Eigen::MatrixXd rows(static_cast<Eigen::Index>(rungs.size()), terms.count());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    const HyperRung& rung = rungs[static_cast<std::size_t>(i)];
    Eigen::Index k = 0;
    rows(i, k++) = 1;
    if (terms.params) rows(i, k++) = std::log(rung.params);
    if (terms.tokens) rows(i, k++) = std::log(rung.tokens);
  }
  return rows;
}

// Weighted least squares at a given tau: terms, inverse normal matrix, weighted sum of squares.
struct Weighted {
  Eigen::VectorXd terms;
  Eigen::MatrixXd inverse;
  double squares = 0;
};

Weighted weighted_at(const Eigen::MatrixXd& rows, const Eigen::VectorXd& y,
                     const Eigen::VectorXd& variances) {
  const Eigen::VectorXd w = variances.cwiseInverse();
  // Centred columns: ln N and ln D are far from 0.
  const Eigen::RowVectorXd centre = (w.transpose() * rows) / w.sum();
  Eigen::MatrixXd change = Eigen::MatrixXd::Identity(rows.cols(), rows.cols());
  Eigen::MatrixXd x = rows;
  for (Eigen::Index k = 1; k < rows.cols(); ++k) {
    x.col(k).array() -= centre[k];
    change(0, k) = -centre[k];
  }
  Weighted out;
  const Eigen::MatrixXd inverse = (x.transpose() * w.asDiagonal() * x).inverse();
  const Eigen::VectorXd centred = inverse * (x.transpose() * w.asDiagonal() * y);
  out.squares = (y - x * centred).cwiseAbs2().dot(w);
  out.terms = change * centred;
  out.inverse = change * inverse * change.transpose();
  return out;
}

// Paule and Mandel's scatter: 0 where the rungs' own errors explain the residuals.
double scatter_between(const Eigen::MatrixXd& rows, const Eigen::VectorXd& y,
                       const Eigen::VectorXd& own, int freedom) {
  const auto too_large = [&](double tau) {
    return weighted_at(rows, y, own.array() + tau * tau).squares > freedom;
  };
  if (!too_large(0)) return 0;
  double low = 0, high = 1e-3;
  while (too_large(high) && high < 100) high *= 2;
  for (int k = 0; k < 60; ++k) {
    const double middle = 0.5 * (low + high);
    (too_large(middle) ? low : high) = middle;
  }
  return high;
}

Regression regress(const std::vector<HyperRung>& rungs, const Terms& terms) {
  const Eigen::MatrixXd rows = rows_of_rungs(rungs, terms);
  Eigen::VectorXd y(rows.rows()), own(rows.rows());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    const HyperRung& rung = rungs[static_cast<std::size_t>(i)];
    y[i] = std::log(rung.best);
    own[i] = rung.log_error * rung.log_error;
  }
  Regression out;
  out.freedom = static_cast<int>(rows.rows() - rows.cols());
  const bool known = own.minCoeff() > 0;
  if (known) out.tau = scatter_between(rows, y, own, out.freedom);
  const Eigen::VectorXd variances =
      known ? Eigen::VectorXd(own.array() + out.tau * out.tau) : Eigen::VectorXd::Ones(rows.rows());
  const Weighted fit = weighted_at(rows, y, variances);
  if (!known) out.tau = std::sqrt(fit.squares / out.freedom);
  out.terms = fit.terms;
  out.covariance = fit.inverse * (fit.squares / out.freedom);
  return out;
}

HyperPower power_of_terms(const Eigen::VectorXd& values, const Terms& terms) {
  HyperPower power{.coefficient = std::exp(values[0])};
  Eigen::Index k = 1;
  if (terms.params) power.params = values[k++];
  if (terms.tokens) power.tokens = values[k++];
  return power;
}

// Whether a number can hold it: c grows with e to the power of the exponents.
bool is_number(const HyperPower& power) {
  return power.coefficient > 0 && std::isfinite(power.coefficient) && std::isfinite(power.params) &&
         std::isfinite(power.tokens);
}

// Of the multivariate t: a normal draw over the root of a mean of squares. With one degree of
// freedom some are beyond all numbers.
std::vector<HyperPower> draw_powers(const Regression& fit, const Terms& terms,
                                    const HyperFitOptions& options) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(fit.covariance);
  const Eigen::MatrixXd root =
      eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal();
  SplitMix64 random(splitmix64(options.seed ^ 0x68797065726c6177ULL));
  std::vector<HyperPower> draws;
  for (int i = 0; i < options.draws; ++i) {
    Eigen::VectorXd z(fit.terms.size());
    for (double& value : z) value = standard_normal(random);
    double squares = 0;
    for (int k = 0; k < fit.freedom; ++k) squares += std::pow(standard_normal(random), 2);
    const HyperPower draw =
        power_of_terms(fit.terms + root * z / std::sqrt(squares / fit.freedom), terms);
    if (is_number(draw)) draws.push_back(draw);
  }
  return draws;
}

// --- What the rungs that were left out say.

bool disagrees(const HyperRung& rung) {
  if (!rung.law || rung.values.size() < 2) return false;
  const std::size_t n = rung.values.size();
  if (rung.state == RungState::kAtLowEdge) {
    return *rung.law > std::sqrt(rung.values[0] * rung.values[1]);
  }
  if (rung.state == RungState::kAtHighEdge) {
    return *rung.law < std::sqrt(rung.values[n - 2] * rung.values[n - 1]);
  }
  return false;
}

void warn_of_rungs(const HyperRungs& found, HyperTermFit& fit) {
  const int left = static_cast<int>(fit.rungs.size()) - fit.bracketed;
  if (left > 0) {
    fit.warnings.push_back({"unbracketed", fmt::format("{} of {} rungs of {} are no brackets and "
                                                       "are left out: widen them",
                                                       left, fit.rungs.size(), fit.of)});
  }
  const auto against = std::count_if(fit.rungs.begin(), fit.rungs.end(), disagrees);
  if (against > 0) {
    fit.warnings.push_back(
        {"edge_disagrees", fmt::format("at {} of them the law's {} lies on the wrong side of the "
                                       "edge: it may not hold there",
                                       against, fit.of)});
  }
  if (found.noise.sigma == 0) {
    fit.warnings.push_back(
        {"noise_unknown", fmt::format("without seeds or more than three values a rung the noise "
                                      "of one loss is not known: every rung of {} weighs the "
                                      "same",
                                      fit.of)});
  }
  if (fit.lost_draws > 0) {
    fit.warnings.push_back(
        {"lost_draws",
         fmt::format("{} of {} draws of the law of {} are beyond all numbers and are "
                     "left out: add sizes",
                     fit.lost_draws, fit.lost_draws + fit.term->draws.size(), fit.of)});
  }
  if (found.groups > 1) {
    fit.warnings.push_back(
        {"mixed_recipes", fmt::format("the runs are of {} recipes, taken as one", found.groups)});
  }
}

void warn_of_terms(const Spread& spread, const Terms& terms, HyperTermFit& fit) {
  if (terms.count() == 2 && spread.tokens >= kVaries && spread.params >= kVaries) {
    fit.warnings.push_back(
        {"tokens_follow_params",
         fmt::format("D went like N^{:.2f} in the rungs of {}: the exponent of {} is that of both "
                     "together and holds for such D",
                     spread.slope, fit.of, terms.params ? "N" : "D")});
  }
  for (const auto& exponent : {fit.params_exponent, fit.tokens_exponent}) {
    if (!exponent || !exponent->low || *exponent->high - *exponent->low < 2 * kWideInterval)
      continue;
    fit.warnings.push_back(
        {"wide_interval", fmt::format("an exponent of {} is known to {:.2f} "
                                      "either way only: add sizes",
                                      fit.of, (*exponent->high - *exponent->low) / 2)});
  }
}

std::optional<Interval> exponent_interval(const HyperTerm& term, double HyperPower::*which,
                                          double level) {
  std::vector<double> values;
  for (const HyperPower& draw : term.draws) values.push_back(draw.*which);
  return interval_over(term.power.*which, std::move(values), level);
}

void refuse(HyperTermFit& fit, const char* code, std::string why) {
  fit.refused = code;
  fit.why = std::move(why);
}

void set_law(HyperTermFit& fit) {
  for (HyperRung& rung : fit.rungs) {
    rung.law =
        value_at(fit.term->power, CountedParams::kAll, hyper_point(rung.params, rung.tokens));
    rung.law_loss = rung_loss(rung, *rung.law);
  }
}

HyperTermFit fit_term(const char* of, std::vector<HyperRung> rungs, const HyperRungs& found,
                      const HyperFitOptions& options) {
  HyperTermFit fit{.of = of, .rungs = std::move(rungs)};
  std::vector<HyperRung> good;
  std::copy_if(fit.rungs.begin(), fit.rungs.end(), std::back_inserter(good),
               [](const HyperRung& rung) { return rung.bracketed(); });
  fit.bracketed = static_cast<int>(good.size());
  if (fit.bracketed < kFewestRungs) {
    refuse(fit, "too_few_rungs",
           fmt::format("{} of {} rungs of {} have their best inside, and a law needs {}: add sizes "
                       "to the bracket, or widen it",
                       fit.bracketed, fit.rungs.size(), of, kFewestRungs));
    return fit;
  }
  const Spread spread = spread_of_rungs(good);
  const Terms terms = choose_terms(spread, good.size(), fit.of == "rate");
  if (terms.count() == 1) {
    refuse(fit, "one_size",
           fmt::format("all rungs of {} are of {} parameters: a law needs other sizes", of,
                       format_quantity(good.front().params)));
    return fit;
  }
  const Regression solved = regress(good, terms);
  const HyperPower power = power_of_terms(solved.terms, terms);
  if (!is_number(power)) {
    refuse(fit, "law_runs_away",
           fmt::format("the exponents that the rungs of {} ask for need a coefficient beyond all "
                       "numbers: add rungs of other sizes",
                       of));
    return fit;
  }
  fit.term = HyperTerm{.power = power, .draws = draw_powers(solved, terms, options)};
  fit.lost_draws = options.draws - static_cast<int>(fit.term->draws.size());
  fit.scatter = solved.tau;
  fit.freedom = solved.freedom;
  if (terms.params) {
    fit.params_exponent = exponent_interval(*fit.term, &HyperPower::params, options.level);
  }
  if (terms.tokens) {
    fit.tokens_exponent = exponent_interval(*fit.term, &HyperPower::tokens, options.level);
  }
  set_law(fit);
  warn_of_rungs(found, fit);
  warn_of_terms(spread, terms, fit);
  return fit;
}

void widen(HyperRange& range, double value) {
  range.low = range.low == 0 ? value : std::min(range.low, value);
  range.high = std::max(range.high, value);
}

void add_to_law(const HyperTermFit& fit, std::optional<HyperTerm>& term, HyperLaw& law) {
  term = fit.term;
  if (!fit.term) return;
  for (const HyperRung& rung : fit.rungs) {
    if (!rung.bracketed()) continue;
    widen(law.params, rung.params);
    widen(law.tokens, rung.tokens);
    widen(law.tokens_per_param, rung.tokens / rung.params);
  }
}

}  // namespace

HyperFit fit_hyper_law(std::span<const TunedRun> runs, const HyperFitOptions& options) {
  check_options(options);
  check_runs(runs);
  const HyperRungs found = find_hyper_rungs(runs, options.level);
  HyperFit fit{.law = {.name = options.name, .level = options.level},
               .rate = fit_term("rate", found.rates, found, options),
               .batch = fit_term("batch", found.batches, found, options),
               .noise = found.noise.sigma,
               .noise_source = found.noise.source,
               .runs = static_cast<int>(runs.size()),
               .diverged = found.diverged};
  add_to_law(fit.rate, fit.law.rate, fit.law);
  add_to_law(fit.batch, fit.law.batch, fit.law);
  return fit;
}

}  // namespace isoflop
