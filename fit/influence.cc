#include "fit/influence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <string>
#include <vector>

#include "core/hash.h"
#include "core/interval.h"
#include "core/units.h"
#include "fit/newton.h"
#include "fit/parallel.h"
#include "fit/parametric_fit.h"
#include "fit/points.h"
#include "law/loss_law.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestSearchable = 12;
constexpr double kCoreShare = 0.75;
constexpr double kLargestGroup = 0.25;
constexpr int kRandomCores = 16;
constexpr std::size_t kManyRows = 1000;    // beyond, fewer random cores,
constexpr std::size_t kMassOfRows = 5000;  // and no simulation: no row has leverage
constexpr std::size_t kStepsOfLeaving = 64;
constexpr int kConcentrations = 4;
constexpr int kGrowths = 20;
constexpr int kSimulations = 100;
constexpr std::size_t kLeversTried = 12;
constexpr double kMadScale = 1.4826;       // of a median |r| to a normal standard deviation
constexpr double kLaplaceScales = 1.0277;  // kMadScale x ln 2

// The rows with a law that is refitted from where it was, on the rows inside.
struct ForwardSearch {
  Points points;  // weight 1: inside, 0: outside
  NewtonOptions newton;
  LawVector theta{};  // centred
  double objective = 0;

  void refit() {
    const Descent end = newton_descent(points, theta, newton);
    theta = end.theta;
    objective = end.objective;
  }
  std::vector<double> absolute_residuals() const {
    std::vector<double> out(points.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = std::abs(points.log_loss[i] - log_loss(theta, points.x[i], points.y[i]));
    }
    return out;
  }
  void keep(const std::vector<std::size_t>& rows) {
    std::fill(points.weight.begin(), points.weight.end(), 0.0);
    for (const std::size_t i : rows) points.weight[i] = 1;
  }
};

// Losses without noise still have rounding.
double robust_scale(const std::vector<double>& absolute) {
  return std::max(kMadScale * quantile(absolute, 0.5), 1e-9);
}

std::vector<std::size_t> smallest_first(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

void concentrate(ForwardSearch& search) {
  const auto count =
      static_cast<std::size_t>(std::ceil(kCoreShare * static_cast<double>(search.points.size())));
  double before = -1;
  for (int i = 0; i < kConcentrations && search.objective != before; ++i) {
    before = search.objective;
    std::vector<std::size_t> order = smallest_first(search.absolute_residuals());
    order.resize(count);
    search.keep(order);
    search.refit();
  }
}

std::vector<std::size_t> random_rows(std::size_t count, std::size_t of, SplitMix64& random) {
  std::vector<std::size_t> rows(of);
  std::iota(rows.begin(), rows.end(), 0u);
  for (std::size_t i = 0; i < count; ++i) std::swap(rows[i], rows[i + random.below(of - i)]);
  rows.resize(count);
  return rows;
}

ForwardSearch best_core(const ForwardSearch& all, std::uint64_t seed, int threads) {
  const std::size_t n = all.points.size();
  const int cores = 1 + (n > kManyRows ? kRandomCores / 4 : kRandomCores);
  std::vector<ForwardSearch> tried(static_cast<std::size_t>(cores), all);
  parallel_for(cores, threads, [&](int i) {
    ForwardSearch& search = tried[static_cast<std::size_t>(i)];
    if (i > 0) {
      SplitMix64 random(splitmix64(seed + static_cast<std::uint64_t>(i)));
      search.keep(random_rows(std::max<std::size_t>(10, n / 5), n, random));
      search.refit();
    }
    concentrate(search);
  });
  return *std::min_element(tried.begin(), tried.end(),
                           [](const auto& a, const auto& b) { return a.objective < b.objective; });
}

std::vector<std::size_t> rows_within(const std::vector<double>& absolute, double limit) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < absolute.size(); ++i) {
    if (absolute[i] <= limit) rows.push_back(i);
  }
  return rows;
}

void grow(ForwardSearch& search, double cutoff) {
  std::vector<double> before;
  for (int i = 0; i < kGrowths && search.points.weight != before; ++i) {
    before = search.points.weight;
    const std::vector<double> absolute = search.absolute_residuals();
    search.keep(rows_within(absolute, cutoff * robust_scale(absolute)));
    search.refit();
  }
}

// Squared length of each inside row's derivative: who could hold the fit on its own.
std::vector<std::size_t> strongest_levers(const ForwardSearch& search) {
  std::vector<double> lever(search.points.size(), 0.0);
  for (std::size_t i = 0; i < lever.size(); ++i) {
    if (search.points.weight[i] == 0) continue;
    LawVector g{};
    log_loss(search.theta, search.points.x[i], search.points.y[i], g);
    for (const double part : g) lever[i] -= part * part;
  }
  std::vector<std::size_t> order = smallest_first(lever);
  order.resize(std::min(order.size(), kLeversTried));
  return order;
}

// A row on which the fit leans shows its residual only when it is left out.
void try_levers(ForwardSearch& search, double cutoff) {
  std::vector<std::size_t> foreign;
  for (const std::size_t i : strongest_levers(search)) {
    ForwardSearch without = search;
    without.points.weight[i] = 0;
    without.refit();
    const std::vector<double> absolute = without.absolute_residuals();
    if (absolute[i] > 2 * cutoff * robust_scale(absolute)) foreign.push_back(i);
  }
  if (foreign.empty()) return;
  for (const std::size_t i : foreign) search.points.weight[i] = 0;
  search.refit();
}

double laplace(SplitMix64& random) {
  const double u = random.uniform() - 0.5;
  return (u < 0 ? 1 : -1) * std::log1p(-2 * std::abs(u) + 1e-300);
}

// Median over simulated clean tables of the largest |r| / s under their own fit.
double simulated_median(const ForwardSearch& clean, double scale, const InfluenceOptions& options) {
  std::vector<double> largest(kSimulations);
  parallel_for(kSimulations, options.threads, [&](int k) {
    SplitMix64 random(splitmix64(options.seed ^ 0x5eedull) + static_cast<std::uint64_t>(k));
    ForwardSearch search = clean;
    for (std::size_t i = 0; i < search.points.size(); ++i) {
      search.points.weight[i] = 1;
      search.points.log_loss[i] = log_loss(clean.theta, search.points.x[i], search.points.y[i]) +
                                  scale / kLaplaceScales * laplace(random);
    }
    search.refit();
    const std::vector<double> absolute = search.absolute_residuals();
    largest[static_cast<std::size_t>(k)] =
        *std::max_element(absolute.begin(), absolute.end()) / robust_scale(absolute);
  });
  return quantile(largest, 0.5);
}

double laplace_bound(std::size_t rows, double level) {
  return std::log(static_cast<double>(rows) / level) / kLaplaceScales;
}

double null_cutoff(const ForwardSearch& core, const InfluenceOptions& options) {
  const std::size_t n = core.points.size();
  const double scale = robust_scale(core.absolute_residuals());
  // P(max <= c) = 1/2 at level 1 - 2^(-1/n) a row, ln 2 together.
  const double moved =
      n > kMassOfRows ? 1
                      : simulated_median(core, scale, options) / laplace_bound(n, std::log(2.0));
  return laplace_bound(n, options.level) * std::max(moved, 1.0);
}

LawParameters law_of_search(const ForwardSearch& search) {
  return from_vector(uncentred(search.theta, search.points));
}

bool can_be_searched(const LawParameters& law) {
  return law.E > 0 && law.A > 0 && law.B > 0 && law.alpha > 0 && law.beta > 0;
}

// The outside rows, the most foreign first.
std::vector<std::size_t> leaving_order(const ForwardSearch& search) {
  const std::vector<double> absolute = search.absolute_residuals();
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < absolute.size(); ++i) {
    if (search.points.weight[i] == 0) rows.push_back(i);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return absolute[a] > absolute[b]; });
  return rows;
}

InfluentialRow influential_row(const Observation& row, const ForwardSearch& end, std::size_t i) {
  return {
      .row = row.row,
      .trial = row.trial,
      .run_params = row.params,
      .run_tokens = row.tokens,
      .run_loss = row.loss,
      .residual = end.points.log_loss[i] - log_loss(end.theta, end.points.x[i], end.points.y[i])};
}

// Large groups leave in batches, whose rows share the N* after the batch.
void fill_rows(std::span<const Observation> observations, const ForwardSearch& all,
               const ForwardSearch& end, const InfluenceOptions& options, Influence& out) {
  const std::vector<std::size_t> order = leaving_order(end);
  const std::size_t batch = (order.size() + kStepsOfLeaving - 1) / kStepsOfLeaving;
  ForwardSearch leaving = all;
  for (std::size_t first = 0; first < order.size(); first += batch) {
    const std::size_t last = std::min(first + batch, order.size());
    for (std::size_t k = first; k < last; ++k) leaving.points.weight[order[k]] = 0;
    leaving.refit();
    const double params = compute_optimum(law_of_search(leaving), options.flops, out.budget).params;
    for (std::size_t k = first; k < last; ++k) {
      InfluentialRow row = influential_row(observations[order[k]], end, order[k]);
      row.params = params;
      row.params_ratio = params / out.with.params;
      out.rows.push_back(row);
    }
  }
}

std::vector<Observation> inside_rows(std::span<const Observation> observations,
                                     const ForwardSearch& search) {
  std::vector<Observation> rows;
  for (std::size_t i = 0; i < observations.size(); ++i) {
    if (search.points.weight[i] != 0) rows.push_back(observations[i]);
  }
  return rows;
}

double default_budget(std::span<const Observation> observations) {
  double largest = 0;
  for (const Observation& row : observations) {
    largest = std::max(largest, row.flops > 0 ? row.flops : 6 * row.params * row.tokens);
  }
  return 100 * largest;
}

void search_group(std::span<const Observation> observations, const LawParameters& law,
                  const InfluenceOptions& options, Influence& out) {
  ForwardSearch all{.points = make_points(observations),
                    .newton = {.huber_delta = options.huber_delta},
                    .theta = {},
                    .objective = 0};
  all.theta = centred(to_vector(law), all.points);
  ForwardSearch search = best_core(all, options.seed, options.threads);
  out.cutoff = null_cutoff(search, options);
  grow(search, out.cutoff);
  try_levers(search, out.cutoff);
  out.scale = robust_scale(search.absolute_residuals());
  const std::vector<Observation> inside = inside_rows(observations, search);
  const double named =
      1 - static_cast<double>(inside.size()) / static_cast<double>(all.points.size());
  if (named > kLargestGroup || !can_be_searched(law_of_search(search))) {
    out.why_not = fmt::format(
        "{:.0f} % of the rows lie beyond the cutoff of the law that fits the others best: the "
        "form, "
        "not a group of rows, is wrong",
        100 * named);
    return;
  }
  out.without =
      answer_of(law_of_search(search), inside, out.budget, options.flops, options.huber_delta);
  fill_rows(observations, all, search, options, out);
}

}  // namespace

LawAnswer answer_of(const LawParameters& law, std::span<const Observation> observations,
                    double budget, const FlopsPerToken& flops, double huber_delta) {
  LawAnswer out{.law = law, .observations = static_cast<int>(observations.size())};
  out.objective = huber_objective(law, observations, huber_delta);
  out.params = compute_optimum(law, flops, budget).params;
  out.tokens = budget / flops(out.params);
  out.loss = predict_loss(law, out.params, out.tokens);
  return out;
}

Influence find_influence(std::span<const Observation> observations, const LawParameters& law,
                         const InfluenceOptions& options) {
  Influence out;
  out.level = options.level;
  out.method = "concentration and growth from a robust core";
  if (observations.size() < kFewestSearchable) {
    out.why_not = fmt::format("{} rows are too few to tell a group from the rest; {} are needed",
                              observations.size(), kFewestSearchable);
    return out;
  }
  if (!can_be_searched(law)) {
    out.why_not = "the law of all rows has a term that is zero";
    return out;
  }
  out.budget = options.budget > 0 ? options.budget : default_budget(observations);
  out.with = answer_of(law, observations, out.budget, options.flops, options.huber_delta);
  out.without = out.with;
  search_group(observations, law, options, out);
  return out;
}

std::vector<Warning> warnings_of(const Influence& influence) {
  if (influence.rows.empty()) {
    // What cannot be searched at all is no finding.
    if (influence.why_not.empty() || influence.scale == 0) return {};
    return {{.code = "form_misfit", .message = influence.why_not}};
  }
  return {
      {.code = "influential_rows",
       .message = fmt::format(
           "{} of {} rows do not follow the law of the others: N* at {} FLOP is {} with them and "
           "{} without; look at them, and if they are wrong fit without them (--exclude ROW "
           "--because \"...\")",
           influence.rows.size(), influence.with.observations, format_flops(influence.budget),
           format_quantity(influence.with.params), format_quantity(influence.without.params))}};
}

}  // namespace isoflop
