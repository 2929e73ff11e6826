#include "report/answer_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "core/interval.h"
#include "core/units.h"

namespace isoflop {
namespace {

std::string with_decimals(double value, int decimals) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, decimals);
  return {buffer.data(), end.ptr};
}

std::string fixed3(double value) { return with_decimals(value, 3); }
std::string percent(double fraction, int decimals) {
  return (fraction > 0 ? "+" : "") + with_decimals(100 * fraction, decimals) + " %";
}
std::string factor(double value) { return with_decimals(value, value < 9.95 ? 1 : 0) + "x"; }
std::string level_text(double level) { return with_decimals(100 * level, 0) + " % intervals"; }

std::string warning_lines(const std::vector<Warning>& warnings) {
  std::string out;
  for (const Warning& warning : warnings) {
    out += "warning: " + warning.message + " [" + warning.code + "]\n";
  }
  return out;
}

std::string backtest_line(const Backtest& backtest) {
  std::string line = "backtest: " + std::to_string(backtest.hidden) + " trials of " +
                     format_flops(backtest.budget) + " FLOP and more hidden, predicted from " +
                     std::to_string(backtest.fitted) + ": mean error " +
                     percent(backtest.mean_error, 2) + ", largest " +
                     percent(backtest.max_error, 2);
  if (backtest.best_error) line += ", at the lowest loss " + percent(*backtest.best_error, 2);
  return line + '\n';
}

std::string search_line(const LawFit& fit) {
  return "search: " + std::to_string(fit.starts_agreeing) + " of " +
         std::to_string(fit.starts_tried) + " starts agree; Huber objective " +
         exact_number(fit.objective) + " (delta " + exact_number(fit.huber_delta) +
         " on ln L, summed); residual " + percent(fit.residual_rms, 2).substr(1) + " rms\n";
}

}  // namespace

std::string fixed4(double value) { return with_decimals(value, 4); }

std::string interval_text(const Interval& interval, std::string (*format)(double)) {
  std::string text = format(interval.value);
  if (interval.low && interval.high) {
    text += " [" + format(*interval.low) + ", " + format(*interval.high) + "]";
  }
  return text;
}

TextTable profile_table(const IsoflopFit& isoflop) {
  TextTable table{{"budget", "trials", "N at the minimum", "D", "loss", "curvature", "verdict"},
                  {}};
  for (const BudgetProfile& profile : isoflop.profiles) {
    if (profile.code == "too_few_points") continue;  // a table of scattered runs has many of these
    const bool there = profile.usable;
    table.rows.push_back({format_flops(profile.budget), std::to_string(profile.points),
                          there ? format_quantity(profile.params) : "-",
                          there ? format_quantity(profile.tokens) : "-",
                          there ? fixed4(profile.loss) : "-",
                          profile.code == "too_few_points" ? "-" : fixed4(profile.curvature),
                          there ? "bracketed" : profile.code});
  }
  return table;
}

std::string fit_text(const LawFit& fit) {
  const LawParameters& p = fit.parameters;
  std::string out = "L(N, D) = " + fixed4(p.E) + " + " + format_quantity(p.A) + " / N^" +
                    fixed4(p.alpha) + " + " + format_quantity(p.B) + " / D^" + fixed4(p.beta) +
                    " nats per token\n";
  if (!fit.draws.empty()) out += "E " + interval_text(asymptote(fit), fixed3) + "; ";
  out += "exponents: N* ~ C^a, a " + interval_text(exponent_a(fit), fixed3) + ";  D* ~ C^b, b " +
         interval_text(exponent_b(fit), fixed3);
  if (!fit.draws.empty()) {
    out += "; " + level_text(fit.interval_level) + ", " + fit.interval_method + ", " +
           std::to_string(fit.draws.size()) + " draws";
  }
  out += "\n";
  if (!fit.citation.empty())
    return out + "source: " + fit.citation + '\n' + warning_lines(fit.warnings);
  out += "data: " + std::to_string(fit.observations) + " trials, N " +
         format_quantity(fit.params_low) + " to " + format_quantity(fit.params_high) + ", D " +
         format_quantity(fit.tokens_low) + " to " + format_quantity(fit.tokens_high) + ", C " +
         format_flops(fit.flops_low) + " to " + format_flops(fit.flops_high) + " FLOP (" +
         fit.flops.convention() + ")\n";
  out += warning_lines(fit.warnings);
  out += search_line(fit);
  if (fit.isoflop) {
    out +=
        "\nIsoFLOP profiles (parabola of L in ln N)\n" + aligned_text(profile_table(*fit.isoflop));
    out += fit.isoflop->usable ? "their minima: a " + interval_text(fit.isoflop->a, fixed3) +
                                     ", b " + interval_text(fit.isoflop->b, fixed3) + '\n'
                               : "no law from the minima: " + fit.isoflop->why_not + '\n';
  }
  if (fit.backtest) out += backtest_line(*fit.backtest);
  return out;
}

std::string plan_text(const Plan& plan) {
  std::string out = "N* " + interval_text(plan.params, format_quantity) + "  D* " +
                    interval_text(plan.tokens, format_quantity) + "  " +
                    format_quantity(plan.tokens.value / plan.params.value) +
                    " tokens/param  loss " + interval_text(plan.loss, fixed3) + "; " +
                    with_decimals(100 * plan.near_optimal.extra_compute, 0) +
                    " % more compute buys any N in " +
                    format_quantity(plan.near_optimal.params_low) + " to " +
                    format_quantity(plan.near_optimal.params_high);
  if (plan.extrapolation && *plan.extrapolation > 1) {
    out += "; " + factor(*plan.extrapolation) + " beyond the data";
  }
  if (plan.params.low) out += "; " + level_text(plan.interval_level);
  out += "\nfor " + format_flops(plan.flops) + " FLOP, counted as " + plan.convention +
         "; law: " + plan.law + (plan.citation.empty() ? "" : " (" + plan.citation + ")") + '\n';
  // Without one a warning says why.
  if (plan.shape.params > 0) {
    out += "a shape of that size: " + shape_name(plan.shape.model) + ", " +
           format_quantity(plan.shape.params) + " parameters (vocabulary " +
           std::to_string(plan.shape.model.vocab) + ", context " +
           std::to_string(plan.shape.model.context) + "), " + format_quantity(plan.shape.tokens) +
           " tokens, loss " + fixed3(plan.shape.loss) + '\n';
  }
  return out + warning_lines(plan.warnings);
}

}  // namespace isoflop
