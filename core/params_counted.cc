#include "core/params_counted.h"

#include "core/error.h"

namespace isoflop {
namespace {

std::optional<double> said(const Observation& run, const char* name) {
  const auto found = run.extra.find(name);
  if (found == run.extra.end() || !(found->second > 0)) return std::nullopt;
  return found->second;
}

bool says_experts(const Observation& run) {
  return run.extra.contains("experts") || run.extra.contains("sparsity");
}

}  // namespace

std::string_view name_of(ParamsCounted counted) {
  switch (counted) {
    case ParamsCounted::kActive:
      return "active";
    case ParamsCounted::kNonembedding:
      return "nonembedding";
    case ParamsCounted::kTotal:
      break;
  }
  return "total";
}

ParamsCounted parse_params_counted(std::string_view name) {
  for (const ParamsCounted counted :
       {ParamsCounted::kTotal, ParamsCounted::kActive, ParamsCounted::kNonembedding}) {
    if (name == name_of(counted)) return counted;
  }
  throw usage_error("parameters counted: \"" + std::string(name) +
                    "\" is not known: use total, active or nonembedding");
}

std::string words_of(ParamsCounted counted) {
  switch (counted) {
    case ParamsCounted::kActive:
      return "N counts the parameters that a token passes through";
    case ParamsCounted::kNonembedding:
      return "N counts parameters without embedding, positions and head";
    case ParamsCounted::kTotal:
      break;
  }
  return "";
}

double counted_params(const ModelConfig& config, ParamsCounted counted) {
  const ParamCount count = count_params(config);
  switch (counted) {
    case ParamsCounted::kActive:
      return static_cast<double>(count.active());
    case ParamsCounted::kNonembedding:
      return static_cast<double>(count.non_embedding());
    case ParamsCounted::kTotal:
      break;
  }
  return static_cast<double>(count.total());
}

std::optional<double> counted_params(const Observation& run, ParamsCounted counted) {
  if (counted == ParamsCounted::kTotal) return run.params;
  if (counted == ParamsCounted::kNonembedding) return said(run, "nonembedding_params");
  const auto active = said(run, "active_params");
  return active || says_experts(run) ? active : run.params;
}

}  // namespace isoflop
