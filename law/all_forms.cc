#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "core/closest_word.h"
#include "core/error.h"
#include "law/forms.h"

namespace isoflop {
namespace {

std::vector<std::string> form_names() {
  std::vector<std::string> names;
  for (const LawForm& form : law_forms()) names.emplace_back(form.name);
  return names;
}

void check_value(const LawForm& form, const Observation& row, std::string_view column,
                 std::optional<double> value) {
  const bool share = column == "sparsity" || column == "score";
  if (!value) {
    throw usage_error(
        fmt::format("law: {}: data row {} says no {}, which the form needs; add the "
                    "column or choose another form",
                    form.name, row.row + 1, column));
  }
  const bool good = share ? *value >= 0 && *value <= 1 : *value > 0 && std::isfinite(*value);
  if (good) return;
  throw usage_error(fmt::format(
      "law: {}: data row {}: {} = {}: must be {}; correct or exclude the "
      "row",
      form.name, row.row + 1, column, *value, share ? "between 0 and 1" : "positive and finite"));
}

// A sparse run's N is not silently taken for what a token passes through.
void check_active(const LawForm& form, const Observation& row) {
  const bool sparse =
      coordinate(row, "experts").value_or(1) > 1 || coordinate(row, "sparsity").value_or(0) > 0;
  if (!form.counts_active || form.counts_dense_beside || !sparse) return;
  check_value(form, row, "active_params", coordinate(row, "active_params"));
}

}  // namespace

std::span<const LawForm> law_forms() {
  static const std::array<LawForm, 14> forms = {
      chinchilla_form(),   kaplan_form(),  muennighoff_form(),  gadre_form(),     clark_form(),
      krajewski_form(),    abnar_form(),   ludziejewski_form(), kumar_form(),     power_form(),
      broken_power_form(), farseer_form(), sigmoid_form(),      downstream_form()};
  return forms;
}

const LawForm& law_form(std::string_view name) {
  for (const LawForm& form : law_forms()) {
    if (form.name == name) return form;
  }
  const std::vector<std::string> names = form_names();
  const std::string near = closest_word(name, names);
  throw usage_error(fmt::format("law form: {}: unknown{}; known are {}", name,
                                near.empty() ? "" : ", did you mean " + near + "?",
                                fmt::join(names, ", ")));
}

std::vector<std::string> parameter_names(const LawForm& form) {
  std::vector<std::string> names;
  for (const FormParameter& parameter : form.parameters) names.emplace_back(parameter.name);
  return names;
}

bool knows_experts(const LawForm& form) {
  const auto needs = [&](std::string_view name) {
    return std::find(form.needs.begin(), form.needs.end(), name) != form.needs.end();
  };
  const bool fine = std::any_of(form.parameters.begin(), form.parameters.end(),
                                [](const auto& p) { return p.only_with == "granularity"; });
  return fine || needs("experts") || needs("sparsity");
}

std::optional<double> target_of(const LawForm& form, const Observation& observation) {
  return coordinate(observation, form.target == LawTarget::kLoss ? "loss" : "score");
}

void check_coordinates(const LawForm& form, std::span<const Observation> observations) {
  for (const Observation& row : observations) {
    for (const std::string_view column : form.needs) {
      check_value(form, row, column, coordinate(row, column));
    }
    check_active(form, row);
    for (const FormParameter& parameter : form.parameters) {
      if (parameter.only_with.empty()) continue;
      const std::optional<double> value = coordinate(row, parameter.only_with);
      if (value) check_value(form, row, parameter.only_with, value);
    }
    const bool loss = form.target == LawTarget::kLoss;
    check_value(form, row, loss ? "loss" : "score", target_of(form, row));
  }
}

}  // namespace isoflop
