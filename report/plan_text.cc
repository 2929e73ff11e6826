#include "report/plan_text.h"

#include <algorithm>

#include "core/loss_unit.h"
#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

// An interval may be open: some draws never get there.
std::string open_interval_text(const Interval& interval, std::string (*format)(double)) {
  if (!interval.low || interval.high) return interval_text(interval, format);
  return format(interval.value) + " [" + format(*interval.low) + ", no end]";
}

std::string given_text(const Plan& plan, const char* what, const char* symbol) {
  if (plan.binding == what) return std::string(symbol) + " (given) ";
  return std::string(symbol) + (plan.binding.empty() ? "* " : " ");
}

std::string answer_line(const Plan& plan) {
  std::string out =
      given_text(plan, "params", "N") + open_interval_text(plan.params, format_quantity) + "  " +
      given_text(plan, "tokens", "D") + open_interval_text(plan.tokens, format_quantity) + "  " +
      format_quantity(plan.tokens.value / plan.params.value) + " tokens/param  loss " +
      interval_text(plan.loss, fixed3);
  if (plan.loss_unit != kNatsPerToken) out += ' ' + loss_unit_words(plan.loss_unit);
  if (plan.needed_flops) {
    out += ", which needs " + open_interval_text(*plan.needed_flops, format_flops) + " FLOP";
  }
  if (plan.binding.empty()) {
    out += "; " + with_decimals(100 * plan.near_optimal.extra_compute, 0) +
           " % more compute buys any N in " + format_quantity(plan.near_optimal.params_low) +
           " to " + format_quantity(plan.near_optimal.params_high);
  }
  if (plan.extrapolation && *plan.extrapolation > 1) {
    out += "; " + factor_text(*plan.extrapolation) + " beyond the data";
  }
  if (plan.params.low || plan.tokens.low || plan.loss.low) {
    out += "; " + level_text(plan.interval_level);
  }
  return out + '\n';
}

// "73.2B parameters (60.1B to 90.4B)"
std::string ranged_words(const Interval& interval, std::string (*format)(double),
                         const std::string& unit) {
  const std::string value = format(interval.value) + ' ' + unit;
  if (!interval.low) return value;
  return value + " (" + format(*interval.low) +
         (interval.high ? " to " + format(*interval.high) : " or more") + ')';
}

std::string reach_sentence(const Plan& plan) {
  std::string out;
  if (plan.extrapolation) {
    out = *plan.extrapolation > 1
              ? "That is " + factor_text(*plan.extrapolation) + " the compute of the largest run"
              : std::string("That lies within the compute of the runs");
  }
  if (plan.params.low || plan.tokens.low || plan.loss.low) {
    out += out.empty() ? "In brackets: " : "; in brackets: ";
    out += level_text(plan.interval_level);
  }
  if (plan.convention.empty()) return out.empty() ? out : out + '.';
  return out + (out.empty() ? "FLOP" : "; FLOP") + " counted as " + plan.convention + '.';
}

std::string budget_line(const Plan& plan) {
  const bool said = plan.budget.kind == "devices" || plan.budget.kind == "money";
  return "for " + (said ? plan.budget.text + ", " : "") + format_flops(plan.flops) +
         " FLOP, counted as " + plan.convention + "; law: " + plan.law +
         (plan.citation.empty() ? "" : " (" + plan.citation + ")") + '\n';
}

std::string constraint_words(const std::string& binding) {
  if (binding == "params") return "the given N";
  if (binding == "tokens") return "the given D";
  if (binding == "max_params") return "the cap on N";
  return "the cap on " + binding;
}

std::string against_line(const Plan& plan) {
  if (!plan.against_optimum) return "";
  const AgainstOptimum& best = *plan.against_optimum;
  return constraint_words(plan.binding) + " costs " + fixed4(best.loss_difference) + ' ' +
         short_loss_unit(plan.loss_unit) + "; it spends " +
         with_decimals(100 * best.extra_compute, 1) +
         " % more than the best model of its loss; a free choice would be N* " +
         format_quantity(best.params) + ", D* " + format_quantity(best.tokens) + ", loss " +
         fixed3(best.loss) + '\n';
}

std::string factor_name(double factor) {
  if (factor == 1) return "N*";
  if (factor < 1) return "N*/" + format_quantity(1 / factor).substr(0, 1);
  return "N*x" + format_quantity(factor).substr(0, 1);
}

std::string prices_line(const Plan& plan) {
  if (plan.price_of_size.empty()) return "";
  std::string out;
  for (const SizePrice& price : plan.price_of_size) {
    out += (out.empty() ? "" : ", ") + factor_name(price.factor) + ' ' +
           format_quantity(price.params) + ' ' + percent(price.extra_compute, 0) + " (+" +
           fixed4(price.loss_difference) + ' ' + short_loss_unit(plan.loss_unit) + ")";
  }
  return "other sizes at this budget, and what each spends beyond the best model of its loss: " +
         out + '\n';
}

std::string shape_line(const Plan& plan) {
  // Without one a warning says why.
  if (!(plan.shape.params > 0)) return "";
  return "a shape of that size: " + shape_name(plan.shape.model) + ", " +
         format_quantity(plan.shape.params) + " parameters (vocabulary " +
         std::to_string(plan.shape.model.vocab) + ", context " +
         std::to_string(plan.shape.model.context) + "), " + format_quantity(plan.shape.tokens) +
         " tokens, loss " + fixed3(plan.shape.loss) + '\n';
}

std::string spending_line(const Plan& plan) {
  if (!plan.spending || (plan.inference_tokens == 0 && plan.fine_tune_tokens == 0)) return "";
  std::string out = "FLOP: " + format_flops(plan.spending->training) + " training";
  if (plan.fine_tune_tokens > 0) {
    out += ", " + format_flops(plan.spending->fine_tuning) + " fine-tuning";
  }
  if (plan.inference_tokens > 0) {
    out += ", " + format_flops(plan.spending->inference) + " inference";
  }
  return out + '\n';
}

std::string epochs_line(const Plan& plan) {
  if (!plan.epochs || !plan.unique_tokens) return "";
  if (*plan.epochs <= 1) {
    return "data: less than one pass over " + format_quantity(*plan.unique_tokens) +
           " unique tokens\n";
  }
  return "data: " + format_quantity(*plan.epochs) + " passes over " +
         format_quantity(*plan.unique_tokens) + " unique tokens\n";
}

std::string memory_line(const Plan& plan) {
  if (!plan.memory) return "";
  const MemoryNeed& need = *plan.memory;
  std::string out = "memory: weights " + format_bytes(need.weights) + ", in training " +
                    format_bytes(need.training_state);
  if (need.devices && need.per_device) {
    out += ": at least " + with_decimals(*need.devices, 0) +
           (*need.devices == 1 ? " device of " : " devices of ") + format_bytes(*need.per_device);
  }
  return out + '\n';
}

std::string cost_line(const Plan& plan) {
  if (!plan.cost) return "";
  const DeviceCost& cost = *plan.cost;
  std::string out = "training: " + format_duration(cost.seconds) + " on " +
                    with_decimals(cost.count, 0) + " x " + cost.device + ", " +
                    format_quantity(cost.device_hours) + " device hours";
  if (cost.energy_kwh) out += ", " + format_quantity(*cost.energy_kwh) + " kWh";
  if (cost.money) out += ", " + format_money(*cost.money);
  return out + '\n';
}

std::string rate_lines(const Plan& plan) {
  if (!plan.training) return "";
  TextTable table{{"law", "peak rate", "batch, tokens", "steps", "range", "source"}, {}};
  for (const RateAdvice& law : plan.training->laws) {
    table.rows.push_back({law.law, law.rate ? with_decimals(*law.rate, 6) : "-",
                          law.batch_tokens ? format_quantity(*law.batch_tokens) : "-",
                          law.steps ? format_quantity(*law.steps) : "-",
                          law.inside ? "inside" : "outside", law.citation});
  }
  return "\npeak rate and batch by published laws; to be tuned where the plan lies outside their "
         "range\n" +
         aligned_text(table) + "batches beyond " +
         format_quantity(plan.training->critical_batch_tokens) +
         " tokens save little time (Kaplan et al. 2020, arXiv:2001.08361, eq. 5.3)\n";
}

std::string assumption_lines(const Plan& plan) {
  std::string out;
  for (const std::string& assumption : plan.assumptions) out += "assumes " + assumption + '\n';
  return out;
}

std::string iso_loss_lines(const Plan& plan) {
  if (plan.iso_loss.empty()) return "";
  std::string out = "\nwhat each size needs for a loss of " + fixed4(plan.loss.value) + "\n" +
                    aligned_text(iso_loss_table(plan, false));
  if (plan.size_trade) out += size_trade_text(*plan.size_trade, plan.law);
  return out;
}

}  // namespace

TextTable iso_loss_table(const Plan& plan, bool exact) {
  const auto format = exact ? exact_number : format_quantity;
  const auto cell = [&](const std::optional<double>& value, std::string (*as)(double)) {
    return value ? as(*value) : std::string(exact ? "" : "-");
  };
  TextTable table{{"params", "tokens", "flops", exact ? "extra_compute" : "extra compute"}, {}};
  for (const IsoLossRow& row : plan.iso_loss) {
    const auto extra = exact || !row.extra_compute
                           ? cell(row.extra_compute, exact_number)
                           : with_decimals(100 * *row.extra_compute, 1) + " %";
    table.rows.push_back({format(row.params), cell(row.tokens, format),
                          cell(row.flops, exact ? exact_number : format_flops), extra});
  }
  return table;
}

TextTable size_price_table(const Plan& plan) {
  TextTable table{{"factor", "params", "tokens", "loss", "loss_difference", "extra_compute"}, {}};
  for (const SizePrice& price : plan.price_of_size) {
    table.rows.push_back({exact_number(price.factor), exact_number(price.params),
                          exact_number(price.tokens), exact_number(price.loss),
                          exact_number(price.loss_difference), exact_number(price.extra_compute)});
  }
  return table;
}

std::string size_trade_text(const SizeTrade& trade, const std::string& law) {
  const std::string small = format_quantity(trade.small), large = format_quantity(trade.large);
  std::string out = "the same loss from " + large + " and from " + small + " parameters, by " + law;
  if (trade.ratio_at_small && trade.ratio_at_large && trade.ratio_at_loss) {
    out += ": the larger needs " + format_quantity(trade.ratio).substr(0, 2) +
           " times fewer tokens at one place only, " + format_quantity(*trade.ratio_at_large) +
           " against " + format_quantity(*trade.ratio_at_small) + " (loss " +
           fixed3(*trade.ratio_at_loss) + "), less with fewer tokens, more with more";
  } else {
    out += ": there is no place where the larger needs " +
           format_quantity(trade.ratio).substr(0, 2) + " times fewer tokens";
  }
  if (trade.beyond_small_one) {
    out += "; what the larger reaches with " + format_quantity(*trade.beyond_small_one) +
           " tokens or more, the smaller never does";
  }
  out += '\n';
  if (trade.loss && trade.large_tokens) {
    out += "at loss " + fixed3(*trade.loss) + ": " + large + " needs " +
           format_quantity(*trade.large_tokens) + " tokens, " + small + ' ' +
           (trade.small_tokens ? format_quantity(*trade.small_tokens) : "never gets there") + '\n';
  }
  return out;
}

std::string plan_sentence(const Plan& plan) {
  const std::string data = ranged_words(plan.tokens, format_quantity, "tokens");
  std::string out =
      plan.needed_flops
          ? "A loss of " + fixed3(plan.loss.value) + " costs " +
                ranged_words(*plan.needed_flops, format_flops, "FLOP") + ": train "
          : "With " + format_flops(plan.flops) + " FLOP" +
                (plan.binding.empty() ? "" : " and " + constraint_words(plan.binding)) + ", train ";
  out += "a model of " + ranged_words(plan.params, format_quantity, "parameters") + " on " + data +
         ", " + format_quantity(plan.tokens.value / plan.params.value) +
         " for each parameter, and expect a loss of " +
         ranged_words(plan.loss, fixed3, loss_unit_words(plan.loss_unit)) + ". ";
  if (plan.binding.empty()) {
    out += "Any size from " + format_quantity(plan.near_optimal.params_low) + " to " +
           format_quantity(plan.near_optimal.params_high) + " wastes at most " +
           with_decimals(100 * plan.near_optimal.extra_compute, 0) + " % of the compute. ";
  }
  return out + reach_sentence(plan);
}

std::string plan_text(const Plan& plan, const PlanTextOptions& options) {
  return answer_line(plan) + budget_line(plan) + against_line(plan) + assumption_lines(plan) +
         warning_lines(plan.warnings) + prices_line(plan) + spending_line(plan) +
         epochs_line(plan) + cost_line(plan) + memory_line(plan) + shape_line(plan) +
         (options.rates ? rate_lines(plan) : "") + iso_loss_lines(plan);
}

}  // namespace isoflop
