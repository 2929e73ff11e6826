#include "fit/form_draws.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <string>

#include "core/error.h"
#include "core/hash.h"
#include "fit/form_newton.h"
#include "fit/parallel.h"

namespace isoflop {
namespace {

constexpr int kMostFormRedraws = 1000;
constexpr std::size_t kFewestFormRuns = 3;

using RowGroups = std::vector<std::vector<std::size_t>>;

// Rows that are drawn together, in the order of their first row.
RowGroups row_groups(std::span<const Observation> rows, FormResample resample) {
  RowGroups groups;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool alone = resample == FormResample::kRow || rows[i].run.empty();
    if (!alone) {
      const auto [found, added] = place.emplace(rows[i].run, groups.size());
      if (!added) {
        groups[found->second].push_back(i);
        continue;
      }
    }
    groups.push_back({i});
  }
  return groups;
}

std::size_t draw_groups(const RowGroups& groups, SplitMix64& random, std::vector<double>& weights) {
  std::fill(weights.begin(), weights.end(), 0.0);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    for (const std::size_t i : groups[random.below(groups.size())]) weights[i] += 1;
  }
  return static_cast<std::size_t>(
      std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0; }));
}

void resample_form(const RowGroups& groups, SplitMix64& random, FormProblem& problem) {
  for (int k = 0; k < kMostFormRedraws; ++k) {
    if (draw_groups(groups, random, problem.weights) > problem.free()) return;
  }
  throw refusal("cannot_resample",
                fmt::format("bootstrap: {}: {} resamples in a row had too few distinct rows for {} "
                            "parameters; add runs or fix parameters",
                            problem.form->name, kMostFormRedraws, problem.free()));
}

}  // namespace

FormDraws form_draws(const FormProblem& problem, std::span<const Observation> observations,
                     const std::vector<std::vector<double>>& warm_starts,
                     const FormFitOptions& options) {
  const RowGroups groups = row_groups(observations, options.resample);
  if (groups.size() < kFewestFormRuns) {
    throw refusal("too_few_runs",
                  fmt::format("bootstrap: {}: {} runs, at least {} are needed; draw "
                              "rows instead",
                              problem.form->name, groups.size(), kFewestFormRuns));
  }
  std::vector<FormDescent> ends(static_cast<std::size_t>(std::max(options.draws, 0)));
  parallel_for(static_cast<int>(ends.size()), options.threads, [&](int k) {
    SplitMix64 random(splitmix64(options.seed) ^ splitmix64(static_cast<std::uint64_t>(k) + 1));
    FormProblem resampled = problem;
    resample_form(groups, random, resampled);
    FormDescent best{.u = warm_starts.front(),
                     .objective = std::numeric_limits<double>::infinity()};
    for (const std::vector<double>& start : warm_starts) {
      FormDescent end = form_newton(resampled, start);
      if (end.objective < best.objective) best = std::move(end);
    }
    ends[static_cast<std::size_t>(k)] = std::move(best);
  });
  FormDraws out;
  for (const FormDescent& end : ends) {
    out.values.push_back(form_values(problem, end.u));
    out.not_converged += end.converged ? 0 : 1;
  }
  return out;
}

}  // namespace isoflop
