#include "law/constraints.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr std::string_view kPlusMinus = "±";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Error bad_constraint(std::string_view text, std::string_view why) {
  return usage_error(
      fmt::format("constraint: {}: {}; write NAME=1.7 (fixed), NAME=0.1:0.6 "
                  "(bounds), NAME=0.35±0.05 (prior) or NAME=OTHER (equal)",
                  text, why));
}

const FormParameter* find_parameter(const LawForm& form, std::string_view name) {
  const auto found = std::find_if(form.parameters.begin(), form.parameters.end(),
                                  [&](const FormParameter& p) { return p.name == name; });
  return found == form.parameters.end() ? nullptr : &*found;
}

const FormParameter& known_parameter(const LawForm& form, std::string_view name) {
  if (const FormParameter* found = find_parameter(form, name)) return *found;
  const std::vector<std::string> names = parameter_names(form);
  const std::string near = closest_word(name, names);
  throw usage_error(fmt::format("constraint: {}: no parameter of {}{}; it has {}", name, form.name,
                                near.empty() ? "" : ", did you mean " + near + "?",
                                fmt::join(names, ", ")));
}

double number_in(std::string_view text, std::string_view whole) {
  const std::optional<double> value = try_parse_quantity(trimmed(text));
  if (!value || !std::isfinite(*value)) {
    throw bad_constraint(whole, fmt::format("\"{}\" is not a number", trimmed(text)));
  }
  return *value;
}

std::optional<double> end_in(std::string_view text, std::string_view whole) {
  if (trimmed(text).empty()) return std::nullopt;
  return number_in(text, whole);
}

void read_prior(std::string_view value, std::size_t at, std::size_t length, std::string_view whole,
                ParameterConstraint& out) {
  out.prior_mean = number_in(value.substr(0, at), whole);
  out.prior_sd = number_in(value.substr(at + length), whole);
  if (!(*out.prior_sd > 0)) throw bad_constraint(whole, "a prior's deviation must be positive");
}

void read_bounds(std::string_view value, std::size_t at, std::string_view whole,
                 ParameterConstraint& out) {
  out.low = end_in(value.substr(0, at), whole);
  out.high = end_in(value.substr(at + 1), whole);
  if (!out.low && !out.high) throw bad_constraint(whole, "no bound is given");
  if (out.low && out.high && !(*out.low < *out.high)) {
    throw bad_constraint(whole, "the lower bound is not below the upper one");
  }
}

// `other` into `joined`, both of one parameter; what is said twice must be the same.
template <typename T>
void join(const std::string& name, std::optional<T>& joined, const std::optional<T>& other) {
  if (!other) return;
  if (joined && *joined != *other) {
    throw usage_error(fmt::format("constraint: {}: {} and {} contradict each other; keep one", name,
                                  *joined, *other));
  }
  joined = other;
}

void join(ParameterConstraint& joined, const ParameterConstraint& other) {
  join(joined.name, joined.fixed, other.fixed);
  join(joined.name, joined.low, other.low);
  join(joined.name, joined.high, other.high);
  join(joined.name, joined.prior_mean, other.prior_mean);
  join(joined.name, joined.prior_sd, other.prior_sd);
  join(joined.name, joined.tied_to, other.tied_to);
}

void check_within(const FormParameter& parameter, double value) {
  if (value >= parameter.low && value <= parameter.high) return;
  throw usage_error(fmt::format("constraint: {}: {} is outside [{}, {}], where the form holds",
                                parameter.name, value, parameter.low, parameter.high));
}

void check_alone(const ParameterConstraint& c) {
  const bool ranged = c.low || c.high || c.prior_mean;
  const int said = (c.fixed ? 1 : 0) + (c.tied_to ? 1 : 0) + (ranged ? 1 : 0);
  if (said <= 1) return;
  throw usage_error(
      fmt::format("constraint: {}: {}: a parameter that is fixed or tied can have no "
                  "other constraint; keep one",
                  c.name, text_of(c)));
}

void check_tie(const ParameterConstraint& c, std::span<const ParameterConstraint> all) {
  const bool itself = *c.tied_to == c.name;
  const bool chained = std::any_of(all.begin(), all.end(), [&](const ParameterConstraint& other) {
    return other.name == *c.tied_to && other.tied_to;
  });
  if (!itself && !chained) return;
  throw usage_error(
      fmt::format("constraint: {}: tied to {}, which is {}; tie both to one free "
                  "parameter",
                  c.name, *c.tied_to, itself ? "itself" : "tied too"));
}

// Chinchilla-like forms tie beta to alpha by default: alpha = beta asks for the same thing.
void check_default_tie(const ParameterConstraint& c, const LawForm& form,
                       std::span<const ParameterConstraint> all) {
  const FormParameter& target = known_parameter(form, *c.tied_to);
  const bool freed = std::any_of(all.begin(), all.end(), [&](const ParameterConstraint& other) {
    return other.name == target.name;
  });
  if (target.tied_to.empty() || freed) return;
  throw usage_error(
      fmt::format("constraint: {}: tied to {}, which the form ties to {}; that is so "
                  "without saying, or give {} a bound of its own",
                  c.name, target.name, target.tied_to, target.name));
}

void check_constraint(const ParameterConstraint& c, const LawForm& form,
                      std::span<const ParameterConstraint> all) {
  const FormParameter& parameter = known_parameter(form, c.name);
  check_alone(c);
  if (c.fixed) check_within(parameter, *c.fixed);
  const double low = c.low.value_or(parameter.low), high = c.high.value_or(parameter.high);
  if (!(low < high) || high <= parameter.low || low >= parameter.high) {
    throw usage_error(
        fmt::format("constraint: {}: no value lies in [{}, {}] and in [{}, {}], where "
                    "the form holds",
                    c.name, low, high, parameter.low, parameter.high));
  }
  if (c.tied_to) {
    check_tie(c, all);
    check_default_tie(c, form, all);
  }
}

}  // namespace

ParameterConstraint parse_constraint(std::string_view text, const LawForm& form) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) throw bad_constraint(text, "there is no =");
  ParameterConstraint out;
  out.name = std::string(known_parameter(form, trimmed(text.substr(0, equals))).name);
  const std::string_view value = trimmed(text.substr(equals + 1));
  if (value.empty()) throw bad_constraint(text, "nothing follows the =");
  for (const std::string_view sign :
       {kPlusMinus, std::string_view("+-"), std::string_view("+/-")}) {
    const auto at = value.find(sign);
    if (at == std::string_view::npos) continue;
    read_prior(value, at, sign.size(), text, out);
    return out;
  }
  if (const auto colon = value.find(':'); colon != std::string_view::npos) {
    read_bounds(value, colon, text, out);
  } else if (const std::optional<double> number = try_parse_quantity(value)) {
    out.fixed = *number;
  } else {
    out.tied_to = std::string(known_parameter(form, value).name);
  }
  return out;
}

std::vector<ParameterConstraint> joined_constraints(std::span<const ParameterConstraint> all,
                                                    const LawForm& form) {
  std::vector<ParameterConstraint> out;
  for (const ParameterConstraint& constraint : all) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const ParameterConstraint& other) {
      return other.name == constraint.name;
    });
    if (same == out.end()) {
      out.push_back(constraint);
    } else {
      join(*same, constraint);
    }
  }
  for (const ParameterConstraint& constraint : out) check_constraint(constraint, form, out);
  return out;
}

std::string text_of(const ParameterConstraint& c) {
  std::vector<std::string> parts;
  if (c.fixed) parts.push_back(fmt::format("{} = {}", c.name, exact_number(*c.fixed)));
  if (c.tied_to) parts.push_back(fmt::format("{} = {}", c.name, *c.tied_to));
  if (c.low || c.high) {
    parts.push_back((c.low ? exact_number(*c.low) + " <= " : std::string()) + c.name +
                    (c.high ? " <= " + exact_number(*c.high) : std::string()));
  }
  if (c.prior_mean && c.prior_sd) {
    parts.push_back(fmt::format("{} = {} ± {}", c.name, exact_number(*c.prior_mean),
                                exact_number(*c.prior_sd)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace isoflop
