// Groups 5 to 11 of the checklist: how the law was fitted, what the data can tell, how sure it is,
// how it was tested, how far it reaches, and what others need to do it again.
#include <algorithm>
#include <cmath>
#include <string>

#include "core/interval.h"
#include "core/units.h"
#include "page/checklist_groups.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

using Items = std::vector<ChecklistItem>;

// Adds an item of one group; without a fit nothing is known.
struct GroupOf {
  std::string name;
  const LawFit* fit;
  Items& out;

  template <typename Answer>
  void operator()(const char* question, const Answer& answer) const {
    out.push_back({name, question, fit ? answer(*fit) : std::string()});
  }
};

std::string joined_with(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

bool has_warning(const LawFit& fit, const char* code) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(),
                     [&](const Warning& warning) { return warning.code == code; });
}

// --- 5. Fitting.

std::string objective_text(const LawFit& fit) {
  if (!fit.has_law()) return "";
  return (fit.huber_delta > 0 ? "sum of Huber terms, delta " + exact_number(fit.huber_delta)
                              : std::string("sum of squares")) +
         ", of ln(predicted / measured loss), rows weighted alike; " + exact_number(fit.objective) +
         " at the solution";
}

std::string search_text(const LawFit& fit) {
  if (!fit.has_law()) return "";
  return "Levenberg-Marquardt (Ceres), then Newton steps until the gradient is below 1e-9 x delta "
         "x rows";
}

std::string starts_text(const LawFit& fit) {
  if (fit.starts_tried == 0) return "";
  return std::to_string(fit.starts_tried) + " starts, of which " +
         std::to_string(fit.starts_agreeing) + " (" +
         with_decimals(100.0 * fit.starts_agreeing / fit.starts_tried, 0) +
         " %) reach the best objective to 1e-6";
}

std::string second_text(const LawFit& fit) {
  if (!fit.has_law() || fit.starts_tried == 0) return "";
  if (!(fit.second_best > 0)) return "no other optimum was met";
  return percent(fit.second_best / fit.objective - 1, 2) + " in the objective";
}

std::string bounds_text(const LawFit& fit) {
  if (!fit.has_law()) return "";
  const std::string held = joined_with(fit.constraints, ", ");
  return (held.empty() ? "none beyond the search's own" : "held: " + held) +
         (has_warning(fit, "parameter_at_bound") ? "; a parameter lies at one"
                                                 : "; no parameter lies at one");
}

void add_fitting_items(const LawFit* fit, Items& out) {
  const GroupOf add{"5. Fitting", fit, out};
  add("Which objective?", objective_text);
  add("Which optimizer, with what tolerance?", search_text);
  add("Which starts, and what share of them agrees?", starts_text);
  add("How far off is the second-best optimum?", second_text);
  add("How large is the gradient at the solution?", [](const LawFit& f) {
    return f.starts_tried > 0 ? exact_number(f.gradient_norm) : std::string();
  });
  add("Which bounds, and is one reached?", bounds_text);
}

// --- 6. Identifiability.

std::string condition_text(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->identifiability) return "";
  const Identifiability& found = *fit.diagnostics->identifiability;
  return format_quantity(found.condition) + " of the Jacobian; " +
         format_quantity(found.condition_scaled) + " with columns centred and scaled";
}

std::string profile_words(const LawFit& fit) {
  std::vector<std::string> parts;
  for (const ParameterRange& r : fit.ranges) {
    parts.push_back(r.name + ' ' + (r.low_open ? "< " : "") + format_quantity(r.low) + " to " +
                    (r.high_open ? "> " : "") + format_quantity(r.high) +
                    (r.why_flat.empty() ? "" : ", flat"));
  }
  return joined_with(parts, "; ");
}

std::string correlation_text(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->identifiability) return "";
  const auto& matrix = fit.diagnostics->identifiability->correlation;
  constexpr const char* kNames[] = {"ln E", "ln A", "ln B", "alpha", "beta"};
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < matrix.size() && i < 5; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      parts.push_back(std::string(kNames[j]) + "-" + kNames[i] + " " +
                      with_decimals(matrix[i][j], 3));
    }
  }
  return joined_with(parts, ", ");
}

void add_identifiability_items(const LawFit* fit, Items& out) {
  const GroupOf add{"6. Identifiability", fit, out};
  add("What is the condition number?", condition_text);
  add("What are the profile likelihoods?", profile_words);
  add("How are the parameters correlated?", correlation_text);
}

// --- 7. Uncertainty.

std::string method_text(const LawFit& fit) {
  const std::size_t draws = fit.form ? fit.form->draws.size() : fit.draws.size();
  if (draws == 0) return "";
  return fit.interval_method + ", " + std::to_string(draws) + " draws, " +
         level_text(fit.interval_level);
}

std::string exponents_words(const LawFit& fit) {
  if (fit.draws.empty() || fit.form) return "";
  return "a " + interval_text(exponent_a(fit), fixed4) + ", b " +
         interval_text(exponent_b(fit), fixed4);
}

std::string plan_intervals(const ReportData& data) {
  if (!data.plan || !data.plan->params.low) return "";
  return "N* " + interval_text(data.plan->params, format_quantity) + ", D* " +
         interval_text(data.plan->tokens, format_quantity) + ", loss " +
         interval_text(data.plan->loss, fixed4);
}

std::string against_noise(const LawFit& fit) {
  if (!fit.noise) return "";
  const NoiseEstimate& noise = *fit.noise;
  std::string out = "residuals " + with_decimals(100 * noise.residual_sigma, 3) + " %";
  if (noise.replicate_sigma) {
    out += ", replicates " + with_decimals(100 * *noise.replicate_sigma, 3) + " %";
  }
  if (noise.evaluation_sigma) {
    out += ", evaluation " + with_decimals(100 * *noise.evaluation_sigma, 3) + " %";
  }
  if (noise.lack_of_fit_p)
    out += "; chance of so much, were the law true, " + fixed4(*noise.lack_of_fit_p);
  return out;
}

void add_uncertainty_items(const ReportData& data, const LawFit* fit, Items& out) {
  const GroupOf add{"7. Uncertainty", fit, out};
  add("Which bootstrap, over what?", method_text);
  add("What are the intervals of a and b?", exponents_words);
  add("What are the intervals of N*, D* and the loss?",
      [&](const LawFit&) { return plan_intervals(data); });
  add("How do residuals compare with the runs' noise?", against_noise);
}

// --- 8. Validation.

std::string backtest_words(const LawFit& fit) {
  if (!fit.backtest) return "";
  const Backtest& test = *fit.backtest;
  return std::to_string(test.hidden) + " runs of " + format_flops(test.budget) +
         " FLOP and more hidden: mean error " + percent(test.mean_error, 2) + ", largest " +
         percent(test.max_error, 2);
}

std::string approaches_words(const LawFit& fit) {
  if (!fit.approaches) return "";
  std::vector<std::string> parts;
  for (const ApproachAnswer& answer : fit.approaches->answers) {
    parts.push_back(std::to_string(answer.approach) + ": " +
                    (answer.usable ? "N* " + format_quantity(answer.params.value)
                                   : "none (" + answer.code + ")"));
  }
  return "approach " + joined_with(parts, ", ") + ", at " + format_flops(fit.approaches->flops) +
         " FLOP";
}

std::string trends_text(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->residuals) return "";
  std::vector<std::string> parts;
  for (const ResidualTrend& trend : fit.diagnostics->residuals->trends) {
    parts.push_back("against " + trend.against + ": slope t " + with_decimals(trend.slope_t, 1) +
                    ", curvature t " + with_decimals(trend.curvature_t, 1));
  }
  return joined_with(parts, "; ");
}

std::string counting_text(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->conventions) return "";
  std::vector<std::string> parts;
  for (const ConventionRow& row : fit.diagnostics->conventions->rows) {
    if (row.usable) parts.push_back(row.params + " N, C " + row.flops + ": a " + fixed3(row.a));
  }
  return joined_with(parts, "; ");
}

void add_validation_items(const LawFit* fit, Items& out) {
  const GroupOf add{"8. Validation", fit, out};
  add("How well are hidden largest runs predicted?", backtest_words);
  add("Do the three approaches agree?", approaches_words);
  add("Are residuals free of trends in N, D and C?", trends_text);
  add("How does the answer move with the way of counting?", counting_text);
  add("How does it move with Huber's delta?", [](const LawFit&) { return std::string(); });
}

// --- 9. Reach.

std::string ratio_text(const ReportData& data, const LawFit& fit) {
  if (!(fit.tokens_per_param_high > 0)) return "";
  std::string out = format_quantity(fit.tokens_per_param_low) + " to " +
                    format_quantity(fit.tokens_per_param_high) + " tokens a parameter were fitted";
  if (!data.plan) return out;
  const double ratio = data.plan->tokens.value / data.plan->params.value;
  const bool inside = ratio >= fit.tokens_per_param_low && ratio <= fit.tokens_per_param_high;
  return out + "; the answer's " + format_quantity(ratio) +
         (inside ? " lie inside" : " lie outside");
}

void add_reach_items(const ReportData& data, const LawFit* fit, Items& out) {
  const GroupOf add{"9. Extrapolation", fit, out};
  add("How far beyond the largest run is the target?", [&](const LawFit&) {
    return data.plan && data.plan->extrapolation
               ? factor_text(*data.plan->extrapolation) + " in compute"
               : std::string();
  });
  add("Are tokens a parameter inside what was fitted?",
      [&](const LawFit& f) { return ratio_text(data, f); });
}

// --- 10 and 11. For others.

std::string coefficients_text(const LawFit& fit) {
  if (!fit.has_law()) return "";
  if (fit.form) return "all digits, below: How this was made";
  const LawParameters& p = fit.parameters;
  return "E " + exact_number(p.E) + ", A " + exact_number(p.A) + ", B " + exact_number(p.B) +
         ", alpha " + exact_number(p.alpha) + ", beta " + exact_number(p.beta);
}

std::string smaller_runs_text(const ReportData& data, const LawFit& fit) {
  std::vector<double> sizes;
  for (const Observation& o : data.observations) sizes.push_back(o.params);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  if (sizes.empty()) return "";
  return std::to_string(sizes.size()) + " sizes over a factor " +
         format_quantity(sizes.back() / sizes.front()) + " in N, " +
         format_quantity(fit.flops_high / fit.flops_low) + " in C" +
         (sizes.size() >= 5 ? "" : ": fewer than the five that are advised");
}

void add_others_items(const ReportData& data, const LawFit* fit, Items& out) {
  const GroupOf add{"10. Reproducibility", fit, out};
  out.push_back({add.name, "Where are the raw runs?", data.source});
  add("What is the data's hash?", [](const LawFit& f) { return f.data_sha256; });
  out.push_back({add.name, "Which code?", "isoflop " + data.version});
  add("What are the unrounded coefficients?", coefficients_text);
  const GroupOf budget{"11. Budget", fit, out};
  budget("Are there at least five sizes, over how wide a range?",
         [&](const LawFit& f) { return smaller_runs_text(data, f); });
  out.push_back({budget.name, "Are intermediate checkpoints kept?",
                 data.curves.empty()
                     ? ""
                     : "training curves of " + std::to_string(data.curves.size()) + " runs"});
}

}  // namespace

void add_fit_groups(const ReportData& data, std::vector<ChecklistItem>& out) {
  const LawFit* fit = data.fit ? &*data.fit : nullptr;
  add_fitting_items(fit, out);
  add_identifiability_items(fit, out);
  add_uncertainty_items(data, fit, out);
  add_validation_items(fit, out);
  add_reach_items(data, fit, out);
  add_others_items(data, fit, out);
}

}  // namespace isoflop
