#include "report/diagnostics_text.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/units.h"
#include "report/numbers_text.h"
#include "report/text_table.h"

namespace isoflop {
namespace {

// Sizes of relative errors: "0.48 %".
std::string share_text(double fraction, int decimals) {
  return percent(std::abs(fraction), decimals).substr(1);
}

std::string row_name(std::int64_t row, const std::string& trial) {
  return std::to_string(row) + (trial.empty() ? "" : " (" + trial.substr(0, 12) + ")");
}

// "0-4, 17": what --exclude takes.
std::vector<std::string> row_ranges(const Influence& influence) {
  std::vector<std::int64_t> rows;
  for (const InfluentialRow& row : influence.rows) rows.push_back(row.row);
  std::sort(rows.begin(), rows.end());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t j = i;
    while (j + 1 < rows.size() && rows[j + 1] == rows[j] + 1) ++j;
    out.push_back(std::to_string(rows[i]) + (j > i ? "-" + std::to_string(rows[j]) : ""));
    i = j + 1;
  }
  return out;
}

std::string exclude_flags(const Influence& influence) {
  std::string out;
  for (const std::string& range : row_ranges(influence)) {
    out += " --exclude " + range;
  }
  return out + " --because \"...\"";
}

TextTable answers_table(const Influence& influence) {
  const LawAnswer& with = influence.with;
  const LawAnswer& without = influence.without;
  TextTable table{{"", "all " + std::to_string(with.observations) + " rows",
                   "without the " + std::to_string(influence.rows.size())},
                  {}};
  const auto add = [&](const std::string& name, double a, double b, std::string (*format)(double)) {
    table.rows.push_back({name, format(a), format(b)});
  };
  add("N* at " + format_flops(influence.budget), with.params, without.params, format_quantity);
  add("D*", with.tokens, without.tokens, format_quantity);
  add("loss", with.loss, without.loss, fixed4);
  add("E", with.law.E, without.law.E, fixed4);
  add("A", with.law.A, without.law.A, format_quantity);
  add("B", with.law.B, without.law.B, format_quantity);
  add("alpha", with.law.alpha, without.law.alpha, fixed4);
  add("beta", with.law.beta, without.law.beta, fixed4);
  add("objective", with.objective, without.objective, format_flops);
  return table;
}

TextTable leaving_table(const Influence& influence) {
  TextTable table{{"row", "N", "D", "D/N", "loss", "residual", "N* without", "of N* with all"}, {}};
  for (const InfluentialRow& row : influence.rows) {
    table.rows.push_back({row_name(row.row, row.trial), format_quantity(row.run_params),
                          format_quantity(row.run_tokens), format_quantity(row.tokens_per_param()),
                          fixed4(row.run_loss), percent(std::expm1(row.residual), 1),
                          format_quantity(row.params), fixed3(row.params_ratio)});
  }
  return table;
}

std::string letter_of(const std::string& coordinate) {
  return coordinate == "params" ? "N" : coordinate == "tokens" ? "D" : "C";
}

std::string residual_text(const Residuals& residuals) {
  std::string out = "residuals: robust scatter " + share_text(residuals.scale, 2) + ", rms " +
                    share_text(residuals.rms, 2);
  for (const ResidualTrend& trend : residuals.trends) {
    out += "; against ln " + letter_of(trend.against) + " slope t " +
           with_decimals(trend.slope_t, 1) + ", curvature t " + with_decimals(trend.curvature_t, 1);
  }
  out += "\nlargest:";
  for (const ResidualRow& row : residuals.largest) {
    out += " row " + row_name(row.row, row.trial) + " " + percent(std::expm1(row.residual), 2) +
           (&row == &residuals.largest.back() ? "" : ",");
  }
  return out + '\n';
}

std::string design_text(const Identifiability& id) {
  std::string out =
      "design: " + std::to_string(id.sizes) + " sizes, " + std::to_string(id.token_counts) +
      " token counts, " + std::to_string(id.budgets) + " budgets of 3 runs or more; D/N " +
      format_quantity(id.tokens_per_param_low) + " to " +
      format_quantity(id.tokens_per_param_high) + "; C spans " + factor_text(id.flops_span) +
      ", the question lies " + factor_text(id.extrapolation) + " beyond\n";
  out += "identifiability: condition number " + format_flops(id.condition) + " (" +
         format_flops(id.condition_scaled) + " centred)";
  if (id.correlation.size() == 5) {
    out += "; standard errors of alpha " + fixed4(id.standard_errors[3]) + ", beta " +
           fixed4(id.standard_errors[4]) + "; correlation of ln A and alpha " +
           fixed3(id.correlation[1][3]) + ", ln B and beta " + fixed3(id.correlation[2][4]) +
           ", alpha and beta " + fixed3(id.correlation[3][4]);
  }
  return out + '\n';
}

std::string choice_text(const ModelChoice& choice) {
  TextTable table{{"form", "parameters", "error on hidden", "signed", "error on fitted"}, {}};
  for (const FormTrial& form : choice.forms) {
    const bool there = form.usable;
    table.rows.push_back({form.form, std::to_string(form.parameters),
                          there ? share_text(form.hidden_rms, 2) : "-",
                          there ? percent(form.hidden_mean, 2) : "-",
                          there ? share_text(form.fitted_rms, 2) : form.why_not});
  }
  std::string out = "forms, fitted on " + std::to_string(choice.fitted) +
                    " runs and judged on the " + std::to_string(choice.hidden) + " of " +
                    format_flops(choice.budget) + " FLOP and more\n" + aligned_text(table);
  if (choice.forms.empty() || !choice.forms.front().usable) return out;
  out += choice.clear ? choice.forms.front().form + " predicts best\n"
                      : "the first two cannot be told apart on these runs\n";
  return out;
}

}  // namespace

std::string influence_text(const Influence& influence) {
  if (influence.rows.empty()) return "";
  const bool one = influence.rows.size() == 1;
  return std::to_string(influence.rows.size()) + (one ? " row does" : " rows do") +
         " not follow the law of the others (beyond " + with_decimals(influence.cutoff, 1) +
         " robust standard deviations of " + share_text(influence.scale, 2) + ")\n" +
         aligned_text(answers_table(influence)) + "as they leave, one after the other:\n" +
         aligned_text(leaving_table(influence)) +
         "if they are wrong, fit without them:" + exclude_flags(influence) + '\n';
}

std::string convention_text(const ConventionTable& table) {
  TextTable text{{"N", "C", "a", "b", "N* at the largest C", "counted by"}, {}};
  for (const ConventionRow& row : table.rows) {
    const bool there = row.usable;
    text.rows.push_back({row.params, row.flops, there ? fixed3(row.a) : "-",
                         there ? fixed3(row.b) : "-", there ? format_quantity(row.params_at) : "-",
                         there ? row.how : row.why_not});
  }
  const NonembeddingSlope& n = table.nonembedding;
  std::string out = "the same runs under other counts (N* ~ C^a)\n" + aligned_text(text);
  if (n.simulated == 0) return out;
  return out + "were this law true, a sweep of 768 to 1.5e9 parameters without embeddings would " +
         "find a = " + fixed4(n.simulated) + " (exactly " + fixed4(n.exact) + "), large models " +
         fixed4(n.large) + ", all parameters counted " + fixed4(n.asymptotic) +
         " (Pearce and Song 2024)\n";
}

std::string diagnostics_text(const Diagnostics& diagnostics) {
  std::string out;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) out += (out.empty() ? "" : "\n") + part;
  };
  if (diagnostics.influence) add(influence_text(*diagnostics.influence));
  if (diagnostics.residuals) add(residual_text(*diagnostics.residuals));
  if (diagnostics.identifiability) add(design_text(*diagnostics.identifiability));
  if (diagnostics.conventions) add(convention_text(*diagnostics.conventions));
  if (diagnostics.model_choice) add(choice_text(*diagnostics.model_choice));
  return out;
}

}  // namespace isoflop
