#include "report/fit_text.h"

#include <algorithm>

#include "core/interval.h"
#include "core/loss_unit.h"
#include "core/params_counted.h"
#include "core/units.h"
#include "report/approaches_text.h"
#include "report/diagnostics_text.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

// Approach 3's row of the comparison, if there is one.
const ApproachAnswer* law_answer_of(const LawFit& fit) {
  if (!fit.approaches) return nullptr;
  for (const ApproachAnswer& answer : fit.approaches->answers) {
    if (answer.approach == 3 && answer.usable) return &answer;
  }
  return nullptr;
}

std::string draws_text(const LawFit& fit) {
  const std::size_t draws = fit.form ? fit.form->draws.size() : fit.draws.size();
  if (draws == 0) return "";
  return "; " + level_text(fit.interval_level) + ", " + fit.interval_method + ", " +
         std::to_string(draws) + " draws";
}

std::string answer_line(const LawFit& fit) {
  const ApproachAnswer* answer = law_answer_of(fit);
  if (answer == nullptr) return "";
  const double at = fit.approaches->flops;
  return "N* " + interval_text(answer->params, format_quantity) + "  D* " +
         interval_text(answer->tokens, format_quantity) + "  loss " +
         interval_text(*answer->loss, fixed3) + " at " + format_flops(at) + " FLOP, " +
         factor_text(at / fit.flops_high) + " the largest run" + draws_text(fit) + '\n';
}

std::string law_lines(const LawFit& fit) {
  const LawParameters& p = fit.parameters;
  std::string out = "exponents: N* ~ C^a, a " + interval_text(exponent_a(fit), fixed3) +
                    ";  D* ~ C^b, b " + interval_text(exponent_b(fit), fixed3) +
                    (law_answer_of(fit) == nullptr ? draws_text(fit) : "") + '\n';
  out += "L(N, D) = " + fixed4(p.E) + " + " + format_quantity(p.A) + " / N^" + fixed4(p.alpha) +
         " + " + format_quantity(p.B) + " / D^" + fixed4(p.beta) + " " +
         loss_unit_words(fit.loss_unit);
  if (!fit.draws.empty()) out += "; E " + interval_text(asymptote(fit), fixed3);
  return out + '\n';
}

std::string form_lines(const LawFit& fit) {
  std::string out = fit.law + ": " + fit.citation + draws_text(fit) + '\n';
  out += aligned_text(parameter_table(fit));
  if (fit.r_squared) out += "R2 " + fixed4(*fit.r_squared) + '\n';
  return out;
}

std::string alone_lines(const LawFit& fit) {
  const bool envelope = fit.approach == 1;
  const Interval& a = envelope ? fit.envelope->a : fit.isoflop->a;
  const Interval& b = envelope ? fit.envelope->b : fit.isoflop->b;
  return "exponents by approach " + std::to_string(fit.approach) + ": N* ~ C^a, a " +
         interval_text(a, fixed3) + ";  D* ~ C^b, b " + interval_text(b, fixed3) + "; " +
         level_text(fit.interval_level) + '\n';
}

std::string data_lines(const LawFit& fit) {
  std::string out = "data: " + std::to_string(fit.observations) + " trials, N " +
                    format_quantity(fit.params_low) + " to " + format_quantity(fit.params_high) +
                    ", D " + format_quantity(fit.tokens_low) + " to " +
                    format_quantity(fit.tokens_high) + ", C " + format_flops(fit.flops_low) +
                    " to " + format_flops(fit.flops_high) + " FLOP (" + fit.flops.convention() +
                    ")";
  if (!fit.set.empty() && fit.set != "heldout") out += ", losses of " + fit.set;
  out += '\n';
  const std::string counted = words_of(parse_params_counted(fit.params_counted));
  if (!counted.empty()) out += "counted: " + counted + '\n';
  if (!fit.where.empty()) out += "taken: rows where " + fit.where + '\n';
  for (const Exclusion& e : fit.exclusions) {
    out += "left out: " + e.rows + ", because: " + e.because + '\n';
  }
  for (const std::string& constraint : fit.constraints) out += "held: " + constraint + '\n';
  return out;
}

std::string backtest_line(const Backtest& backtest) {
  std::string line = "backtest: " + std::to_string(backtest.hidden) + " trials of " +
                     format_flops(backtest.budget) + " FLOP and more hidden, predicted from " +
                     std::to_string(backtest.fitted) + ": mean error " +
                     percent(backtest.mean_error, 2) + ", largest " +
                     percent(backtest.max_error, 2);
  if (backtest.best_error) line += ", at the lowest loss " + percent(*backtest.best_error, 2);
  if (backtest.level > 0) {
    line += "; " + std::to_string(backtest.inside) + " inside their " + level_text(backtest.level);
  }
  return line + '\n';
}

std::string search_line(const LawFit& fit) {
  std::string line = "search: " + std::to_string(fit.starts_agreeing) + " of " +
                     std::to_string(fit.starts_tried) + " starts agree; Huber objective " +
                     exact_number(fit.objective) + " (delta " + exact_number(fit.huber_delta) +
                     ", summed), gradient " + exact_number(fit.gradient_norm);
  if (fit.second_best > 0) line += ", next optimum " + exact_number(fit.second_best);
  return line + "; residual " + percent(fit.residual_rms, 2).substr(1) + " rms\n";
}

std::string range_lines(const LawFit& fit) {
  if (fit.ranges.empty()) return "";
  TextTable table{{"parameter", "value", "low", "high", "verdict"}, {}};
  for (const ParameterRange& r : fit.ranges) {
    table.rows.push_back({r.name, format_quantity(r.value),
                          (r.low_open ? "< " : "") + format_quantity(r.low),
                          (r.high_open ? "> " : "") + format_quantity(r.high),
                          r.why_flat.empty() ? "identified" : "flat: " + r.why_flat});
  }
  return "\nprofile likelihood, " + level_text(fit.interval_level) + '\n' + aligned_text(table);
}

std::string diagnosed(const Diagnostics& diagnostics, bool details) {
  if (details) return '\n' + diagnostics_text(diagnostics);
  const std::string rows = diagnostics.influence ? influence_text(*diagnostics.influence) : "";
  return rows.empty() ? "" : '\n' + rows;
}

}  // namespace

TextTable parameter_table(const LawFit& fit) {
  TextTable table{{"parameter", "value", "low", "high"}, {}};
  const auto add = [&](const std::string& name, double value, std::vector<double> draws) {
    const Interval i = interval_over(value, std::move(draws), fit.interval_level);
    table.rows.push_back({name, format_quantity(value), i.low ? format_quantity(*i.low) : "",
                          i.high ? format_quantity(*i.high) : ""});
  };
  if (!fit.form) {
    constexpr std::pair<const char*, double LawParameters::*> kFields[] = {
        {"E", &LawParameters::E},         {"A", &LawParameters::A},       {"B", &LawParameters::B},
        {"alpha", &LawParameters::alpha}, {"beta", &LawParameters::beta},
    };
    for (const auto& [name, field] : kFields) {
      std::vector<double> draws;
      for (const LawParameters& draw : fit.draws) draws.push_back(draw.*field);
      add(name, fit.parameters.*field, std::move(draws));
    }
    return table;
  }
  for (std::size_t i = 0; i < fit.form->names.size(); ++i) {
    std::vector<double> draws;
    for (const auto& draw : fit.form->draws) draws.push_back(draw[i]);
    add(fit.form->names[i], fit.form->values[i], std::move(draws));
  }
  return table;
}

TextTable law_table(std::span<const LawFit> fits) {
  TextTable table{{"set", "trials", "E", "alpha", "beta", "a", "N*", "loss"}, {}};
  for (const LawFit& fit : fits) {
    if (!fit.has_law() || fit.form) continue;
    const ApproachAnswer* answer = law_answer_of(fit);
    table.rows.push_back({fit.set, std::to_string(fit.observations),
                          interval_text(asymptote(fit), fixed3), fixed4(fit.parameters.alpha),
                          fixed4(fit.parameters.beta), interval_text(exponent_a(fit), fixed3),
                          answer ? interval_text(answer->params, format_quantity) : "",
                          answer ? interval_text(*answer->loss, fixed3) : ""});
  }
  return table;
}

TextTable backtest_table(const Backtest& backtest) {
  TextTable table{{"row", "N", "D", "FLOP", "loss", "predicted", "error", "inside"}, {}};
  for (const HiddenRow& row : backtest.rows) {
    const Interval& p = row.predicted;
    const bool inside = p.low && p.high && row.loss >= *p.low && row.loss <= *p.high;
    table.rows.push_back({std::to_string(row.row), format_quantity(row.params),
                          format_quantity(row.tokens), format_flops(row.flops), fixed4(row.loss),
                          interval_text(p, fixed4), percent(p.value / row.loss - 1, 2),
                          p.low ? (inside ? "yes" : "no") : ""});
  }
  return table;
}

std::string fit_text(const LawFit& fit, const FitTextOptions& options) {
  std::string out = fit.form        ? form_lines(fit)
                    : fit.has_law() ? answer_line(fit) + law_lines(fit)
                                    : alone_lines(fit);
  if (fit.observations == 0) {  // a preset
    return out + "source: " + fit.citation + '\n' + warning_lines(fit.warnings);
  }
  out += data_lines(fit) + warning_lines(fit.warnings);
  if (fit.has_law()) out += search_line(fit) + range_lines(fit);
  if (fit.diagnostics) out += diagnosed(*fit.diagnostics, options.details);
  if (fit.isoflop) out += '\n' + isoflop_text(*fit.isoflop);
  const bool a_check = fit.isoflop && fit.has_law() && !fit.envelope;
  if (a_check) out += warning_lines(fit.isoflop->warnings);
  if (fit.envelope) out += '\n' + envelope_text(*fit.envelope);
  if (fit.envelope && fit.approaches) out += '\n' + approaches_text(*fit.approaches);
  if (fit.backtest) out += '\n' + backtest_line(*fit.backtest);
  if (fit.backtest && options.backtest) out += aligned_text(backtest_table(*fit.backtest));
  if (!fit.backtest && options.backtest)
    out += "no backtest: too few runs are left without the largest\n";
  return out;
}

}  // namespace isoflop
