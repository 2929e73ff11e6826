#include "report/design_text.h"

#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string spread_text(double spread) { return with_decimals(spread, spread < 9.995 ? 2 : 0); }

std::string number(double value, bool exact, std::string (*format)(double)) {
  return exact ? exact_number(value) : format(value);
}

}  // namespace

TextTable suggestions_table(const Suggestions& suggestions, bool exact) {
  TextTable table{{"params", "tokens", "tokens_per_param", "flops", "loss", "spread"}, {}};
  if (!exact) table.columns = {"N", "D", "D/N", "FLOP", "expected loss", "high/low of N* then"};
  for (const SuggestedRun& run : suggestions.runs) {
    table.rows.push_back({number(run.params, exact, format_quantity),
                          number(run.tokens, exact, format_quantity),
                          number(run.tokens / run.params, exact, format_quantity),
                          number(run.flops, exact, format_flops), number(run.loss, exact, fixed4),
                          number(run.spread, exact, spread_text)});
  }
  return table;
}

std::string suggestions_text(const Suggestions& suggestions) {
  if (suggestions.runs.empty()) {
    return "no run within the limits: the fitted range holds none that costs so little\n";
  }
  double flops = 0;
  for (const SuggestedRun& run : suggestions.runs) flops += run.flops;
  const double then = suggestions.runs.back().spread;
  return "these " + std::to_string(suggestions.runs.size()) + " runs, " + format_flops(flops) +
         " FLOP, narrow N* at " + format_flops(suggestions.target_flops) + " FLOP from a factor " +
         spread_text(suggestions.spread) + " to " + spread_text(then) + " (high / low)\n" +
         "N* now " + interval_text(suggestions.params, format_quantity) + ", " +
         level_text(suggestions.level) + "; FLOP counted as " + suggestions.convention + "\n\n" +
         aligned_text(suggestions_table(suggestions, false)) +
         "\nin the order of what they tell per FLOP, each after the ones above it; the same run "
         "twice "
         "is two seeds. Assumes that the law's form holds and noise of " +
         with_decimals(100 * suggestions.noise, 2) + " % in the loss\n";
}

std::string planned_grid_text(const PlannedGridAnswer& answer, const std::string& law) {
  std::string out = "this grid would place N* at " + format_flops(answer.target_flops) +
                    " FLOP within a factor " + spread_text(answer.spread) +
                    " (high / low): " + format_quantity(*answer.params.low) + " to " +
                    format_quantity(*answer.params.high) + ", where the truth is " +
                    format_quantity(answer.params.value) + "\n";
  out += "loss " + interval_text(answer.loss, fixed4) + ", exponent a " +
         interval_text(answer.a, fixed3) + ", median N* " + percent(answer.bias, 1) +
         " off the truth\n";
  out += std::to_string(answer.points) + " runs, " + format_flops(answer.flops) +
         " FLOP in all, the largest " + format_flops(answer.largest_flops) + "; " +
         factor_text(answer.target_flops / answer.largest_flops) + " beyond it; FLOP counted as " +
         answer.convention + "; " + level_text(answer.level) + "\n";
  out += "from " + std::to_string(answer.simulations) + " simulated sweeps of " + law +
         ": how well the grid holds a law of this form, not whether the form holds\n";
  if (answer.without_optimum > 0) {
    out += "warning: " + std::to_string(answer.without_optimum) +
           " of the simulated fits have no optimum at all [without_optimum]\n";
  }
  return out;
}

}  // namespace isoflop
