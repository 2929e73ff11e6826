#include "page/plan_parts.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr double kLeastReach = 8;   // of the x axis to each side of N*
constexpr double kMostReach = 100;  // an interval may be wider than any picture

}  // namespace

std::string why_no_answer(const ReportData& data) {
  const std::string why = why_no_law(data);
  if (!why.empty()) return why;
  if (data.plan) return "";
  return data.why_no_plan.empty()
             ? "no budget was planned for: give one, as in isoflop plan --flops 1e21"
             : "no plan was made: " + data.why_no_plan;
}

Span answer_sizes(const Plan& plan) {
  const double centre = plan.params.value;
  Span shown{centre / kLeastReach, centre * kLeastReach};
  Span wanted;
  wanted.take(plan.params);
  wanted.take(plan.near_optimal.params_low);
  wanted.take(plan.near_optimal.params_high);
  wanted = wanted.widened(1.5);
  shown.low = std::max(std::min(shown.low, wanted.low), centre / kMostReach);
  shown.high = std::min(std::max(shown.high, wanted.high), centre * kMostReach);
  shown.low = std::max(shown.low, 1.0);
  return shown;
}

std::string extrapolation_words(const Plan& plan) {
  if (!plan.extrapolation) return " How far the law is from its data is not known.";
  if (*plan.extrapolation <= 1) return " The budget lies within the compute of the runs.";
  return fmt::format(" The budget is {} the largest run: all of this is extrapolated.",
                     factor_text(*plan.extrapolation));
}

std::string size_hover(const Plan& plan, const std::string& what, double params, double tokens,
                       double loss, double extra) {
  std::string text =
      fmt::format("{}: N {}, D {}, {:.3g} tokens a parameter, loss {}", what,
                  format_quantity(params), format_quantity(tokens), tokens / params, fixed4(loss));
  if (extra > 0) {
    text += fmt::format(", as good as the best model of {} less compute",
                        with_decimals(100 * (1 - 1 / (1 + extra)), 1) + " %");
  }
  return text + " at " + format_flops(plan.flops) + " FLOP";
}

Series shaded(const std::string& name, double from, double to, const Axis& y, int colour) {
  return {.name = name,
          .mark = Mark::kBand,
          .colour = colour,
          .x = {from, to},
          .low = {*y.low, *y.low},
          .high = {*y.high, *y.high}};
}

}  // namespace isoflop
