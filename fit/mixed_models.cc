#include "fit/mixed_models.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string>

#include "law/law_point.h"

namespace isoflop {
namespace {

constexpr double kHarmlessPasses = 4;
constexpr double kSame = 1e-6;  // relative, of shares that were computed

bool needs_coordinate(const LawForm& form, std::string_view name) {
  return std::find(form.needs.begin(), form.needs.end(), name) != form.needs.end();
}

bool has_term_for(const LawForm& form, std::string_view name) {
  return std::any_of(form.parameters.begin(), form.parameters.end(),
                     [&](const FormParameter& p) { return p.only_with == name; });
}

template <class Value>
bool varies(std::span<const Observation> runs, const Value& value) {
  const double first = value(law_point(runs.front()));
  return std::any_of(runs.begin(), runs.end(), [&](const Observation& run) {
    return std::abs(value(law_point(run)) - first) > kSame * std::max(1.0, std::abs(first));
  });
}

// Of sparse runs. One number of experts with several sparsities: a token passes through more of
// them in some runs.
bool has_other_kinds(std::span<const Observation> runs, const LawForm& form) {
  std::vector<Observation> sparse(runs.begin(), runs.end());
  std::erase_if(sparse, [](const Observation& run) { return !(law_point(run).experts > 1); });
  if (sparse.empty()) return false;
  if (varies(sparse, [](const LawPoint& p) { return p.granularity; })) return true;
  if (needs_coordinate(form, "sparsity")) return false;
  std::map<double, std::vector<Observation>> by_experts;
  for (const Observation& run : sparse) by_experts[law_point(run).experts].push_back(run);
  return std::any_of(by_experts.begin(), by_experts.end(), [](const auto& group) {
    return varies(std::span<const Observation>(group.second),
                  [](const LawPoint& p) { return p.sparsity; });
  });
}

bool has_other_experts(std::span<const Observation> runs, const LawForm& form) {
  if (needs_coordinate(form, "experts") || needs_coordinate(form, "sparsity")) {
    return has_other_kinds(runs, form);
  }
  const bool fine = has_term_for(form, "granularity");
  return varies(runs, [&](const LawPoint& p) { return p.experts / (fine ? p.granularity : 1); }) ||
         (!fine && varies(runs, [](const LawPoint& p) { return p.sparsity; })) ||
         (!fine && varies(runs, [](const LawPoint& p) { return p.granularity; }));
}

}  // namespace

std::vector<Warning> warn_of_mixed_models(std::span<const Observation> runs, const LawForm& form) {
  std::vector<Warning> warnings;
  if (runs.empty()) return warnings;
  const bool knows = needs_coordinate(form, "experts") || needs_coordinate(form, "sparsity");
  if (has_other_experts(runs, form)) {
    warnings.push_back({.code = "mixed_experts",
                        .message = fmt::format(
                            "the runs differ in {} of which {} "
                            "knows nothing: take runs of one kind with --where{}",
                            knows ? "how many experts a token passes through, or "
                                    "in their granularity,"
                                  : "their experts,",
                            form.name, knows ? "" : ", or --law ludziejewski (or clark, abnar)")});
  }
  if (needs_coordinate(form, "unique_tokens")) return warnings;
  double most = 0;
  for (const Observation& run : runs) {
    const double unique = law_point(run).unique_tokens;
    if (unique > 0) most = std::max(most, run.tokens / unique);
  }
  if (most <= kHarmlessPasses * (1 + kSame)) return warnings;
  warnings.push_back(
      {.code = "repeated_data",
       .message = fmt::format("some runs saw their tokens {:.3g} times, and {} takes every token "
                              "for new, which holds up to about {:g} passes: use --law muennighoff",
                              most, form.name, kHarmlessPasses)});
  return warnings;
}

}  // namespace isoflop
