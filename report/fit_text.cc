#include "report/fit_text.h"

#include "core/interval.h"
#include "core/units.h"
#include "report/approaches_text.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

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
  if (fit.isoflop) out += '\n' + isoflop_text(*fit.isoflop);
  if (fit.backtest) out += backtest_line(*fit.backtest);
  return out;
}

}  // namespace isoflop
