#include <string>

#include "core/units.h"
#include "report/comparison_text.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string multiple_text(double value) { return with_decimals(value, value < 0.1 ? 4 : 2) + "x"; }

std::string multiplier_text(const FitsAtBudget& at) {
  return at.multiplier ? interval_text(*at.multiplier, multiple_text) : "never";
}

std::string chance_text(const std::optional<double>& chance) {
  return chance ? with_decimals(*chance, 3) : "-";
}

// "a.json is better with probability 0.97", or that neither is.
std::string fits_verdict(const FitComparison& c) {
  const FitsAtBudget& at = c.at;
  const std::string where = " at " + format_flops(at.flops) + " FLOP";
  if (at.difference.value == 0) return "no difference" + where;
  const bool a_wins = at.difference.value < 0;
  std::string out = (a_wins ? c.name_a : c.name_b) + " is better" + where;
  if (!at.a_better) return out;
  return out + " with probability " + with_decimals(a_wins ? *at.a_better : 1 - *at.a_better, 3);
}

std::string fits_answer(const FitComparison& c) {
  const FitsAtBudget& at = c.at;
  std::string out = fits_verdict(c) + ": loss " + interval_text(at.loss_a, fixed4) + " of " +
                    c.name_a + " against " + interval_text(at.loss_b, fixed4) + " of " + c.name_b +
                    " (" + c.unit + "); ";
  out += at.multiplier ? c.name_b + " needs " + multiplier_text(at) + " that compute for " +
                             c.name_a + "'s loss"
                       : "no compute gets " + c.name_b + " to " + c.name_a + "'s loss";
  return out + '\n';
}

std::string crossover_lines(const FitComparison& c) {
  const std::string range =
      format_flops(c.crossing_low) + " to " + format_flops(c.crossing_high) + " FLOP";
  if (c.crossovers.empty()) {
    std::string out = "no crossover from " + range;
    if (c.at.a_better) {
      out += "; " + with_decimals(100 * c.crossing_share, 1) + " % of the draws have one there";
    }
    return out + '\n';
  }
  std::string out;
  for (const Crossover& crossover : c.crossovers) {
    out += "crossover at " + interval_text(crossover.flops, format_flops) +
           " FLOP: " + (crossover.a_wins_above ? c.name_a : c.name_b) + " is better above";
    if (crossover.flops.low) {
      out += " (in " + with_decimals(100 * crossover.share, 1) + " % of the draws)";
    }
    out += '\n';
  }
  return out + "crossovers were looked for from " + range + '\n';
}

TextTable budget_table(const FitComparison& c) {
  TextTable table{{"C", "loss of A", "loss of B", "A - B", "P(A better)", "B needs", "N* of A",
                   "N* of B", "D* of A", "D* of B"},
                  {}};
  for (const FitsAtBudget& at : c.budgets) {
    table.rows.push_back(
        {format_flops(at.flops), interval_text(at.loss_a, fixed4), interval_text(at.loss_b, fixed4),
         interval_text(at.difference, fixed4), chance_text(at.a_better), multiplier_text(at),
         interval_text(at.params_a, format_quantity), interval_text(at.params_b, format_quantity),
         interval_text(at.tokens_a, format_quantity), interval_text(at.tokens_b, format_quantity)});
  }
  return table;
}

void add_fit_cells(const Interval& interval, std::vector<std::string>& row) {
  row.push_back(exact_number(interval.value));
  row.push_back(interval.low ? exact_number(*interval.low) : "");
  row.push_back(interval.high ? exact_number(*interval.high) : "");
}

}  // namespace

std::string comparison_text(const FitComparison& c, bool markdown) {
  const auto as_text = markdown ? markdown_text : aligned_text;
  std::string out = fits_answer(c) + crossover_lines(c) + '\n' + as_text(budget_table(c)) + '\n';
  out += "A: " + c.name_a + ", B: " + c.name_b + "; C is counted as " + c.convention +
         "; B needs: compute for A's loss, in units of C\n";
  if (c.at.a_better) {
    out += "brackets: " + level_text(c.interval_level) +
           "; the draws of the two fits are independent\n";
  }
  return out + warning_lines(c.warnings);
}

TextTable comparison_table(const FitComparison& c) {
  TextTable table{{"flops", "a_better"}, {}};
  for (const char* name : {"loss_a", "loss_b", "difference", "multiplier", "params_a", "params_b",
                           "tokens_a", "tokens_b"}) {
    for (const char* end : {"", "_low", "_high"}) table.columns.push_back(std::string(name) + end);
  }
  for (const FitsAtBudget& at : c.budgets) {
    std::vector<std::string> row{exact_number(at.flops),
                                 at.a_better ? exact_number(*at.a_better) : ""};
    for (const Interval* interval : {&at.loss_a, &at.loss_b, &at.difference}) {
      add_fit_cells(*interval, row);
    }
    if (at.multiplier) {
      add_fit_cells(*at.multiplier, row);
    } else {
      row.insert(row.end(), 3, "");
    }
    for (const Interval* interval : {&at.params_a, &at.params_b, &at.tokens_a, &at.tokens_b}) {
      add_fit_cells(*interval, row);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace isoflop
