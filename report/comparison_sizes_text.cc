#include <string>

#include "core/units.h"
#include "report/comparison_text.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string size_in_words(const MeasuredSize& size) {
  return format_quantity(size.params) + " on " + format_quantity(size.tokens);
}

std::string errors_text(const SizeDuel& duel) {
  if (duel.errors) return with_decimals(*duel.errors, 1) + " standard errors";
  return duel.standard_error ? "the seeds do not differ" : "the noise of seeds is unknown";
}

// "at 5e11 FLOP 48.9k on 1.70M tokens beats 209k on 399k by 0.2060 (66.9 standard errors)"
std::string duel_in_words(const BudgetDuel& budget) {
  const MeasuredSize& best = budget.sizes[budget.best];
  std::string out =
      "at " + format_flops(budget.budget) + " FLOP " + size_in_words(best) + " tokens beats";
  for (std::size_t i = 0; i < budget.others.size(); ++i) {
    const SizeDuel& duel = budget.others[i];
    out += (i == 0 ? " " : ", ") + size_in_words(budget.sizes[duel.size]) + " by " +
           fixed4(duel.difference) + " (" + errors_text(duel) + ")";
  }
  return out;
}

// Which of two sizes won, if it was the same everywhere.
std::string verdict_in_words(const SizeComparison& c) {
  std::size_t small = 0;
  std::size_t large = 0;
  for (const BudgetDuel& budget : c.budgets) {
    if (budget.sizes.size() != 2) return "";
    (budget.best == 0 ? small : large) += 1;
  }
  const std::string where = c.budgets.size() == 1 ? "" : " at every budget";
  if (large == 0) return "the smaller model on more tokens won" + where + ": ";
  if (small == 0) return "the larger model on fewer tokens won" + where + ": ";
  return "the smaller model won at " + std::to_string(small) + " of " +
         std::to_string(c.budgets.size()) + " budgets: ";
}

std::string exact_flops_text(const MeasuredSize& size) {
  return size.flops_exact ? format_flops(*size.flops_exact) : "-";
}

TextTable size_table(const SizeComparison& c) {
  TextTable table{{"budget", "N", "D", "D/N", "seeds", "loss", "+- a seed", "behind", "+-",
                   "std. errors", "C: 6 N D", "exact", "serve a token", "ratio"},
                  {}};
  for (const BudgetDuel& budget : c.budgets) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < budget.sizes.size(); ++i) {
      const MeasuredSize& size = budget.sizes[i];
      const SizeDuel duel = i == budget.best ? SizeDuel{} : budget.others[next++];
      const bool best = i == budget.best;
      table.rows.push_back(
          {format_flops(budget.budget), format_quantity(size.params), format_quantity(size.tokens),
           with_decimals(size.tokens / size.params, 2), std::to_string(size.seeds),
           fixed4(size.loss), size.deviation ? fixed4(*size.deviation) : "-",
           best ? "-" : fixed4(duel.difference),
           duel.standard_error ? fixed4(*duel.standard_error) : "-",
           duel.errors ? with_decimals(*duel.errors, 1) : "-", format_flops(size.flops_6nd),
           exact_flops_text(size), format_flops(2 * size.params),
           with_decimals(duel.inference_ratio, 2) + "x"});
    }
  }
  return table;
}

}  // namespace

std::string comparison_text(const SizeComparison& c, bool markdown) {
  const auto as_text = markdown ? markdown_text : aligned_text;
  std::string out = verdict_in_words(c);
  for (std::size_t i = 0; i < c.budgets.size(); ++i) {
    out += (i == 0 ? "" : "; ") + duel_in_words(c.budgets[i]);
  }
  out += "\n\n" + as_text(size_table(c)) + '\n';
  out +=
      "behind: mean loss (nats a token) above the best of the budget, with the standard error of "
      "that difference over seeds; all runs are evaluated on the same held-out windows. Serving "
      "a token costs 2 N FLOPs, fine-tuning on one 6 N: the ratio is the same\n";
  return out + warning_lines(c.warnings);
}

TextTable comparison_table(const SizeComparison& c) {
  TextTable table{{"budget", "params", "tokens", "seeds", "loss", "deviation", "difference",
                   "standard_error", "errors", "flops_6nd", "flops_exact", "inference_ratio"},
                  {}};
  const auto maybe = [](const std::optional<double>& value) {
    return value ? exact_number(*value) : std::string();
  };
  for (const BudgetDuel& budget : c.budgets) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < budget.sizes.size(); ++i) {
      const MeasuredSize& size = budget.sizes[i];
      const SizeDuel duel = i == budget.best ? SizeDuel{} : budget.others[next++];
      table.rows.push_back({exact_number(budget.budget), exact_number(size.params),
                            exact_number(size.tokens), std::to_string(size.seeds),
                            exact_number(size.loss), maybe(size.deviation),
                            exact_number(duel.difference), maybe(duel.standard_error),
                            maybe(duel.errors), exact_number(size.flops_6nd),
                            maybe(size.flops_exact), exact_number(duel.inference_ratio)});
    }
  }
  return table;
}

}  // namespace isoflop
