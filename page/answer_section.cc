#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/loss_unit.h"
#include "core/units.h"
#include "page/html.h"
#include "page/report_sections.h"
#include "report/numbers_text.h"
#include "report/plan_text.h"

namespace isoflop {
namespace {

std::string number_card(const std::string& what, const std::string& value,
                        const std::string& range) {
  return "<div><dt>" + escaped(what) + "</dt><dd><strong>" + escaped(value) + "</strong>" +
         (range.empty() ? "" : "<span>" + escaped(range) + "</span>") + "</dd></div>\n";
}

std::string range_words(const Interval& interval, std::string (*format)(double)) {
  if (!interval.low) return "";
  return format(*interval.low) + (interval.high ? " to " + format(*interval.high) : " or more");
}

std::string number_cards(const Plan& plan, const std::string& unit) {
  const char* star = plan.binding.empty() ? "*" : "";
  std::string out = "<dl class=\"numbers\">\n";
  out += number_card(std::string("N") + star + ", parameters", format_quantity(plan.params.value),
                     range_words(plan.params, format_quantity));
  out += number_card(std::string("D") + star + ", training tokens",
                     format_quantity(plan.tokens.value), range_words(plan.tokens, format_quantity));
  out += number_card("loss, " + unit, fixed3(plan.loss.value), range_words(plan.loss, fixed3));
  if (plan.binding.empty()) {
    out += number_card(
        "N for " + with_decimals(100 * plan.near_optimal.extra_compute, 0) + " % more compute",
        format_quantity(plan.near_optimal.params_low) + " to " +
            format_quantity(plan.near_optimal.params_high),
        "parameters");
  }
  if (plan.extrapolation) {
    out += number_card("beyond the largest run", factor_text(*plan.extrapolation), "in compute");
  }
  return out + "</dl>\n";
}

// What names another answer comes before what makes this one vaguer.
std::size_t rank_of(const Warning& warning) {
  static const std::vector<std::string> first{
      "influential_rows", "better_optimum", "approaches_disagree",     "flops_mismatch",
      "extrapolation",    "wide_interval",  "tokens_per_param_outside"};
  return static_cast<std::size_t>(std::find(first.begin(), first.end(), warning.code) -
                                  first.begin());
}

// Each once: a plan repeats its fit's.
std::string alert_list(std::vector<Warning> warnings) {
  std::stable_sort(warnings.begin(), warnings.end(),
                   [](const Warning& a, const Warning& b) { return rank_of(a) < rank_of(b); });
  std::set<std::string> said;
  std::string items;
  for (const Warning& warning : warnings) {
    if (!said.insert(warning.code + warning.message).second) continue;
    items +=
        "<li>" + escaped(warning.message) + " <code>" + escaped(warning.code) + "</code></li>\n";
  }
  if (items.empty()) return "";
  return "<h3>What makes this answer less sure</h3>\n<ul class=\"alerts\">\n" + items + "</ul>\n";
}

std::string refusals(const ReportData& data) {
  std::string out;
  if (!data.fit && !data.why_no_fit.empty()) {
    out += "<p class=\"empty\"><strong>There is no law yet.</strong> " + escaped(data.why_no_fit) +
           "</p>\n";
  }
  if (!data.plan && !data.why_no_plan.empty()) {
    out += "<p class=\"empty\"><strong>There is no plan.</strong> " + escaped(data.why_no_plan) +
           "</p>\n";
  }
  return out;
}

std::string sweep_words(const ReportData& data) {
  if (!data.sweep) return "";
  const SweepStatus& status = data.sweep->view.status;
  if (status.trials() == 0) return "";
  std::string out =
      std::to_string(status.done) + " of " + std::to_string(status.trials()) + " trials are done";
  if (status.running > 0) out += ", " + std::to_string(status.running) + " are running";
  if (status.in_trouble() > 0) out += ", " + std::to_string(status.in_trouble()) + " failed";
  if (status.diverged > 0) out += ", " + std::to_string(status.diverged) + " diverged";
  return "<p class=\"meta\">" + out + ".</p>\n";
}

}  // namespace

std::string answer_section(const ReportData& data, const DrawnFigure* figure) {
  std::string out =
      "<section id=\"answer\" aria-labelledby=\"answer-title\">\n"
      "<h2 id=\"answer-title\">The answer</h2>\n";
  if (data.plan) {
    out += "<p class=\"lede\">" + escaped(plan_sentence(*data.plan)) + "</p>\n" +
           number_cards(*data.plan, loss_unit_words(data.loss_unit));
  }
  out += refusals(data) + sweep_words(data);
  if (figure != nullptr) out += figure_block(*figure);
  if (data.plan) {
    out += alert_list(data.plan->warnings);
  } else if (data.fit) {
    out += alert_list(data.fit->warnings);
  }
  return out + "</section>\n";
}

}  // namespace isoflop
