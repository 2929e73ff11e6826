#include "report/plan_text.h"

#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {

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
    out += "; " + factor_text(*plan.extrapolation) + " beyond the data";
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
