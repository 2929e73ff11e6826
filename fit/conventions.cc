#include "fit/conventions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "fit/check_observations.h"
#include "law/loss_law.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

constexpr const char* kFromColumns = "columns";
constexpr const char* kFromRelation = "N_T = N + 47491 N^(1/3) (Pearce and Song 2024)";

double slope_through(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double x_mean = 0, y_mean = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x_mean += x[i] / n;
    y_mean += y[i] / n;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
  }
  return xy / xx;
}

// `count` values of 10^x, x from low to high.
std::vector<double> decades(double low, double high, int count) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(std::pow(10, low + (high - low) * i / (count - 1)));
  return out;
}

// The token count of the grid whose 6 N D is nearest to the budget.
double nearest_tokens(const std::vector<double>& grid, double params, double flops) {
  const double ideal = flops / (6 * params);
  const auto above = std::lower_bound(grid.begin(), grid.end(), ideal);
  if (above == grid.begin()) return grid.front();
  if (above == grid.end()) return grid.back();
  return *above - ideal < ideal - *(above - 1) ? *above : *(above - 1);
}

struct Frontier {
  std::vector<double> log_flops;
  std::vector<double> log_params;
  std::vector<double> log_loss;
};

Frontier simulated_frontier(const LawParameters& law) {
  const std::vector<double> sizes = decades(2.9, 9.2, 20);
  const std::vector<double> tokens = decades(6, 25, 1000);
  Frontier out;
  for (const double flops : decades(12.95, 20.7, 100)) {
    double best_loss = std::numeric_limits<double>::infinity();
    double best_size = sizes.front();
    for (const double size : sizes) {
      const double loss =
          predict_loss(law, total_params_of(size), nearest_tokens(tokens, size, flops));
      if (loss < best_loss) {
        best_loss = loss;
        best_size = size;
      }
    }
    out.log_flops.push_back(std::log(flops));
    out.log_params.push_back(std::log(best_size));
    out.log_loss.push_back(std::log(best_loss));
  }
  return out;
}

// ln of the budget (6 N D, N without embeddings) at which N is the best size: there
//   alpha A N_T^-alpha d ln N_T / d ln N = beta B D^-beta,
// in logarithms throughout: steep exponents leave no number of either side.
double log_budget_of(const LawParameters& law, double params) {
  const double total = total_params_of(params);
  const double share = (params + kPearceSongOmega / 3 * std::cbrt(params)) / total;
  const double log_gain =
      std::log(law.alpha) + std::log(law.A) - law.alpha * std::log(total) + std::log(share);
  const double log_tokens = (std::log(law.beta) + std::log(law.B) - log_gain) / law.beta;
  return std::log(6 * params) + log_tokens;
}

double log_best_size(const LawParameters& law, double log_flops) {
  double low = 0, high = std::log(1e15);
  while (high - low > 1e-12 * high) {
    const double middle = (low + high) / 2;
    (log_budget_of(law, std::exp(middle)) < log_flops ? low : high) = middle;
  }
  return (low + high) / 2;
}

double exact_slope(const LawParameters& law, const std::vector<double>& log_flops) {
  std::vector<double> sizes;
  for (const double log_c : log_flops) sizes.push_back(log_best_size(law, log_c));
  return slope_through(log_flops, sizes);
}

// The last ten of 100 sizes from 100 to 1e11, as in their script.
double large_slope(const LawParameters& law) {
  const std::vector<double> sizes = decades(2, 11, 100);
  std::vector<double> x, y;
  for (std::size_t i = 90; i < sizes.size(); ++i) {
    x.push_back(log_budget_of(law, sizes[i]));
    y.push_back(std::log(sizes[i]));
  }
  return slope_through(x, y);
}

bool every_row_has(std::span<const Observation> rows, const char* name) {
  return std::all_of(rows.begin(), rows.end(), [&](const Observation& row) {
    const auto found = row.extra.find(name);
    return found != row.extra.end() && found->second > 0;
  });
}

bool has_all_terms(const LawParameters& p) {
  return p.A > 0 && p.B > 0 && p.alpha > 0 && p.beta > 0;
}

// N*(C) followed over the C of the rows.
void follow_optimum(std::span<const Observation> rows, const FlopsPerToken& flops,
                    ConventionRow& out) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Observation& row : rows) {
    low = std::min(low, row.flops);
    high = std::max(high, row.flops);
  }
  out.params_at = compute_optimum(out.law, flops, high).params;
  const double small = compute_optimum(out.law, flops, low).params;
  const double tokens = high / flops(out.params_at);
  const double few = low / flops(small);
  out.a = std::log(out.params_at / small) / std::log(high / low);
  out.b = std::log(tokens / few) / std::log(high / low);
  out.usable = true;
}

// The rows in another count of N, with their law; empty why_not: usable.
struct Recount {
  std::string params;
  std::string how;
  std::vector<Observation> rows;
  LawParameters law;
  std::string why_not;
};

Recount recount_nonembedding(std::span<const Observation> observations,
                             const ParametricOptions& options) {
  const bool counted = every_row_has(observations, "nonembedding_params");
  Recount out{.params = "nonembedding",
              .how = counted ? kFromColumns : kFromRelation,
              .rows = {observations.begin(), observations.end()},
              .law = {},
              .why_not = {}};
  for (Observation& row : out.rows) {
    row.params = counted ? row.extra.at("nonembedding_params") : nonembedding_params_of(row.params);
  }
  if (!can_be_fitted(out.rows)) {
    out.why_not = "the sizes are too few in this count";
    return out;
  }
  const ParametricFit fit = fit_parametric(out.rows, options);
  out.law = fit.parameters;
  if (!fit.usable() || !has_all_terms(fit.parameters)) out.why_not = "the fit did not converge";
  return out;
}

ConventionRow six_n_row(const Recount& count) {
  ConventionRow out{.params = count.params, .flops = "6nd", .how = count.how, .law = count.law};
  out.why_not = count.why_not;
  if (!out.why_not.empty()) return out;
  std::vector<Observation> rows = count.rows;
  for (Observation& row : rows) row.flops = 6 * row.params * row.tokens;
  follow_optimum(rows, FlopsPerToken::six_n(), out);
  return out;
}

ConventionRow exact_row(const Recount& count) {
  ConventionRow out{.params = count.params, .flops = "exact", .how = count.how, .law = count.law};
  out.why_not = count.why_not;
  if (out.why_not.empty() && !every_row_has(count.rows, "exact_flops")) {
    out.why_not = "the runs do not say their exact FLOPs (column exact_flops)";
  }
  if (!out.why_not.empty()) return out;
  std::vector<Observation> rows = count.rows;
  std::vector<std::pair<double, double>> nodes;
  for (Observation& row : rows) {
    row.flops = row.extra.at("exact_flops");
    nodes.emplace_back(row.params, row.flops / row.tokens);
  }
  follow_optimum(rows, FlopsPerToken::from_nodes("exact", std::move(nodes)), out);
  return out;
}

}  // namespace

double total_params_of(double nonembedding_params) {
  return nonembedding_params + kPearceSongOmega * std::cbrt(nonembedding_params);
}

double nonembedding_params_of(double total_params) {
  // u^3 + omega u = N_T for u = N^(1/3), by Newton from above, where the cubic is convex.
  double u = std::cbrt(total_params);
  for (int i = 0; i < 100; ++i) {
    const double step =
        (u * u * u + kPearceSongOmega * u - total_params) / (3 * u * u + kPearceSongOmega);
    u -= step;
    if (std::abs(step) <= 1e-15 * u) break;
  }
  return u * u * u;
}

NonembeddingSlope nonembedding_slope(const LawParameters& law) {
  NonembeddingSlope out;
  if (!has_all_terms(law)) return out;
  const Frontier frontier = simulated_frontier(law);
  out.simulated = slope_through(frontier.log_flops, frontier.log_params);
  out.loss_exponent = slope_through(frontier.log_flops, frontier.log_loss);
  out.exact = exact_slope(law, frontier.log_flops);
  out.large = large_slope(law);
  out.asymptotic = law.beta / (law.alpha + law.beta);
  for (double* slope : {&out.simulated, &out.loss_exponent, &out.exact, &out.large}) {
    if (!std::isfinite(*slope)) *slope = 0;
  }
  return out;
}

ConventionTable compare_conventions(std::span<const Observation> observations,
                                    const LawParameters& law, const ParametricOptions& options) {
  const Recount total{.params = "total",
                      .how = kFromColumns,
                      .rows = {observations.begin(), observations.end()},
                      .law = law,
                      .why_not = has_all_terms(law) ? "" : "the law lacks a term"};
  const Recount nonembedding = recount_nonembedding(observations, options);
  return {.rows = {six_n_row(total), exact_row(total), six_n_row(nonembedding),
                   exact_row(nonembedding)},
          .nonembedding = nonembedding_slope(law)};
}

}  // namespace isoflop
