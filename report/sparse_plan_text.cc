#include "report/sparse_plan_text.h"

#include "core/loss_unit.h"
#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string experts_word(const ExpertsChoice& choice) {
  return choice.dense ? "dense" : exact_number(choice.experts) + " experts";
}

std::string gap_words(const ExpertsChoice& choice, const std::string& unit) {
  if (!choice.less_dense) return "";
  std::string out =
      ", " + interval_text(*choice.less_dense, fixed4) + ' ' + unit + " to the best dense model";
  if (choice.dense_compute) {
    out += ", which needs " + factor_text(*choice.dense_compute) + " the compute for it";
  } else if (choice.less_dense->value < 0) {
    out += ", which never gets there";
  }
  return out;
}

std::string best_words(const ExpertsTable& table, const std::string& unit) {
  const ExpertsChoice& best = table.choices.at(table.best);
  const std::string total =
      best.dense ? "" : " of " + format_quantity(best.total_params) + " in all";
  return experts_word(best) + "  N " + interval_text(best.params, format_quantity) + total +
         "  D " + interval_text(best.tokens, format_quantity) + "  loss " +
         interval_text(best.loss, fixed3) + gap_words(best, unit);
}

TextTable choices_table(const ExpertsTable& table) {
  TextTable out{{"experts", "N active", "N in all", "weights", "D", "loss", "to dense", "wins", ""},
                {}};
  for (std::size_t i = 0; i < table.choices.size(); ++i) {
    const ExpertsChoice& c = table.choices[i];
    std::string note = i == table.best ? "best" : "";
    if (c.capped) note += note.empty() ? "at the limit" : ", at the limit";
    if (!c.inside) note += note.empty() ? "beyond the fit" : ", beyond the fit";
    out.rows.push_back({c.dense ? "dense" : exact_number(c.experts),
                        interval_text(c.params, format_quantity), format_quantity(c.total_params),
                        format_bytes(c.bytes), interval_text(c.tokens, format_quantity),
                        interval_text(c.loss, fixed3),
                        c.less_dense ? interval_text(*c.less_dense, fixed4) : "",
                        c.wins ? with_decimals(100 * *c.wins, 0) + " %" : "", note});
  }
  return out;
}

void add_exact_rows(const ExpertsTable& table, const char* at, TextTable& out) {
  const auto number = [](const std::optional<double>& v) { return v ? exact_number(*v) : ""; };
  for (const ExpertsChoice& c : table.choices) {
    out.rows.push_back({at, exact_number(c.experts), exact_number(c.params.value),
                        exact_number(c.total_params), exact_number(c.tokens.value),
                        exact_number(c.loss.value), number(c.loss.low), number(c.loss.high),
                        c.less_dense ? exact_number(c.less_dense->value) : "", number(c.wins),
                        number(c.dense_compute)});
  }
}

std::string memory_words(const SparsePlan& plan) {
  return format_quantity(plan.memory_params) + " parameters in all (" +
         format_bytes(plan.memory_params * plan.bytes_per_param) +
         (plan.memory_given ? ")"
          : plan.has_dense  ? ", what the best dense model weighs)"
                            : ", what the lightest of these weighs)");
}

}  // namespace

TextTable sparse_plan_table(const SparsePlan& plan) {
  TextTable out{{"at", "experts", "params", "total_params", "tokens", "loss", "loss_low",
                 "loss_high", "less_dense", "wins", "dense_compute"},
                {}};
  add_exact_rows(plan.equal_flops, "equal_flops", out);
  add_exact_rows(plan.equal_memory, "equal_memory", out);
  return out;
}

std::string sparse_plan_text(const SparsePlan& plan) {
  const std::string unit = short_loss_unit(plan.loss_unit);
  std::string out =
      "at equal FLOP: " + best_words(plan.equal_flops, unit) + '\n' +
      "at equal memory: " + best_words(plan.equal_memory, unit) + '\n' + "for " +
      format_flops(plan.flops) + " FLOP, counted as " +
      (plan.convention == SparsePlan().convention ? "6 N D of active parameters"
                                                  : "the fit does (" + plan.convention + ")") +
      "; law: " + plan.law + (plan.citation.empty() ? "" : " (" + plan.citation + ")") + '\n';
  for (const std::string& assumption : plan.assumptions) out += "assumes " + assumption + '\n';
  out += warning_lines(plan.warnings);
  out += "\nthe best model of each number of experts, whatever it weighs\n" +
         aligned_text(choices_table(plan.equal_flops));
  out += "\nthe same with at most " + memory_words(plan) + '\n' +
         aligned_text(choices_table(plan.equal_memory));
  return out;
}

}  // namespace isoflop
