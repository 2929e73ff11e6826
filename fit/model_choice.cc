#include "fit/model_choice.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "fit/check_observations.h"
#include "fit/form_fit.h"
#include "law/law_form.h"
#include "law/law_point.h"

namespace isoflop {
namespace {

constexpr int kChoiceStarts = 512;
constexpr int kChoiceRefined = 8;

struct FormCandidate {
  std::string name;
  std::string form;
  std::vector<ParameterConstraint> constraints;
};

std::vector<FormCandidate> candidates_for(std::span<const Observation> rows) {
  std::vector<FormCandidate> all = {
      {"chinchilla", "chinchilla", {}},
      {"chinchilla-equal", "chinchilla", {{.name = "beta", .tied_to = "alpha"}}},
      {"kaplan", "kaplan", {}},
      {"power", "power", {}}};
  const auto said = [](const Observation& row) { return row.extra.contains("unique_tokens"); };
  const auto repeated = [](const Observation& row) {
    return row.extra.at("unique_tokens") < row.tokens;
  };
  if (std::all_of(rows.begin(), rows.end(), said) &&
      std::any_of(rows.begin(), rows.end(), repeated)) {
    all.push_back({"muennighoff", "muennighoff", {}});
  }
  return all;
}

// ln(predicted / measured) of each row.
std::vector<double> log_errors(const LawForm& form, const std::vector<double>& values,
                               std::span<const Observation> rows) {
  std::vector<double> out;
  for (const Observation& row : rows) {
    out.push_back(std::log(form.predict(values, law_point(row), nullptr) / row.loss));
  }
  return out;
}

double rms_of(const std::vector<double>& errors) {
  double sum = 0;
  for (const double error : errors) sum += error * error;
  return std::sqrt(sum / static_cast<double>(errors.size()));
}

struct JudgedForm {
  FormTrial trial;
  std::vector<double> hidden_errors;
};

JudgedForm judge_form(const FormCandidate& candidate, const Holdout& parts,
                      const ParametricOptions& options) {
  const LawForm& form = law_form(candidate.form);
  JudgedForm out{.trial = {.form = candidate.name, .formula = std::string(form.formula)},
                 .hidden_errors = {}};
  FormTrial& trial = out.trial;
  try {
    const FormFit fit = fit_form(form, parts.kept,
                                 {.huber_delta = options.huber_delta,
                                  .constraints = candidate.constraints,
                                  .starts = kChoiceStarts,
                                  .refined = kChoiceRefined,
                                  .threads = options.threads});
    trial.parameters = static_cast<int>(fit.names.size() - fit.not_fitted.size());
    if (!fit.usable()) {
      trial.why_not = "the fit did not converge";
      return out;
    }
    out.hidden_errors = log_errors(form, fit.values, parts.hidden);
    trial.fitted_rms = rms_of(log_errors(form, fit.values, parts.kept));
  } catch (const Error& error) {
    trial.why_not = error.what();
    return out;
  }
  trial.hidden_rms = rms_of(out.hidden_errors);
  for (const double error : out.hidden_errors) {
    trial.hidden_mean += error / static_cast<double>(out.hidden_errors.size());
  }
  trial.usable = std::isfinite(trial.hidden_rms);
  if (!trial.usable) {
    trial.why_not = "its prediction is no number";
    trial.hidden_rms = trial.hidden_mean = trial.fitted_rms = 0;
  }
  return out;
}

// Sign test at 5 %: on how many hidden rows the best is nearer than the second. Errors of one form
// vary too much from row to row for a test of their mean.
bool beats_clearly(const std::vector<double>& best, const std::vector<double>& second) {
  const auto n = static_cast<int>(best.size());
  int wins = 0;
  for (std::size_t i = 0; i < best.size(); ++i) wins += std::abs(best[i]) < std::abs(second[i]);
  double tail = 0;  // P(at least so many of n fair coins)
  for (int k = wins; k <= n; ++k) {
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) -
                     n * std::log(2.0));
  }
  return tail < 0.05;
}

}  // namespace

std::optional<ModelChoice> choose_model(std::span<const Observation> observations,
                                        const ParametricOptions& options,
                                        const BacktestOptions& hiding) {
  const Holdout parts = hold_out(observations, hiding);
  if (parts.hidden.empty() || parts.kept.empty() || !can_be_fitted(parts.kept)) return std::nullopt;
  std::vector<JudgedForm> judged;
  for (const FormCandidate& candidate : candidates_for(observations)) {
    judged.push_back(judge_form(candidate, parts, options));
  }
  std::stable_sort(judged.begin(), judged.end(), [](const JudgedForm& a, const JudgedForm& b) {
    if (a.trial.usable != b.trial.usable) return a.trial.usable;
    return a.trial.usable && a.trial.hidden_rms < b.trial.hidden_rms;
  });
  ModelChoice out{.budget = parts.hidden.front().flops,
                  .fitted = static_cast<int>(parts.kept.size()),
                  .hidden = static_cast<int>(parts.hidden.size())};
  for (const JudgedForm& form : judged) out.forms.push_back(form.trial);
  if (judged.size() > 1 && judged[1].trial.usable) {
    out.clear = beats_clearly(judged[0].hidden_errors, judged[1].hidden_errors);
  }
  return out;
}

}  // namespace isoflop
