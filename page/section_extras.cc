#include "page/section_extras.h"

#include <cstddef>
#include <utility>

#include "core/units.h"
#include "page/html.h"
#include "report/approaches_text.h"
#include "report/fit_text.h"
#include "report/numbers_text.h"
#include "report/plan_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostTableRows = 40;

std::string cut_table(TextTable table, std::string caption, const std::string& id) {
  if (table.rows.empty()) return "";
  const std::size_t all = table.rows.size();
  if (all > kMostTableRows) {
    table.rows.resize(kMostTableRows);
    caption += " (the first " + std::to_string(kMostTableRows) + " of " + std::to_string(all) +
               "; the others are in the CSV)";
  }
  return html_table(table, caption, id);
}

std::string isoflop_extra(const ReportData& data) {
  if (!data.fit || !data.fit->isoflop) return "";
  const IsoflopFit& found = *data.fit->isoflop;
  const std::string why = found.usable ? "" : found.why_not;
  return paragraphs(why) + cut_table(profile_table(found),
                                     "N at the minimum of each budget's "
                                     "profile, by three estimators",
                                     "isoflop-minima");
}

std::string allocation_extra(const ReportData& data) {
  if (!data.fit || !data.fit->approaches) return "";
  const ApproachComparison& found = *data.fit->approaches;
  std::string out = paragraphs(found.verdict);
  out += cut_table(
      approaches_table(found),
      "The three approaches at " + format_flops(found.flops) + " FLOP, " + level_text(found.level),
      "allocation-approaches");
  for (const ApproachAnswer& answer : found.answers) {
    if (answer.usable) continue;
    out += tagged("p", "Approach " + std::to_string(answer.approach) + ": " + answer.why_not +
                           " [" + answer.code + "]");
  }
  return out;
}

std::string iso_loss_extra(const ReportData& data) {
  if (!data.plan || data.plan->iso_loss.empty()) return "";
  return cut_table(iso_loss_table(*data.plan, false),
                   "What each size needs for a loss of " + fixed4(data.plan->loss.value),
                   "iso_loss-sizes");
}

std::string influence_extra(const ReportData& data) {
  if (!data.fit || !data.fit->diagnostics || !data.fit->diagnostics->influence) return "";
  const Influence& found = *data.fit->diagnostics->influence;
  TextTable table{{"row", "trial", "N", "D", "loss", "residual", "N* without it and those above"},
                  {}};
  for (const InfluentialRow& row : found.rows) {
    table.rows.push_back({std::to_string(row.row), row.trial, format_quantity(row.run_params),
                          format_quantity(row.run_tokens), fixed4(row.run_loss),
                          percent(row.residual, 2), format_quantity(row.params)});
  }
  return cut_table(std::move(table), "Rows that stand apart from the law of the others",
                   "influence-rows");
}

std::string profiles_extra(const ReportData& data) {
  if (!data.fit || !data.fit->has_law()) return "";
  return paragraphs(data.why_no_profiles) +
         cut_table(
             parameter_table(*data.fit),
             "Parameters, " + level_text(data.fit->interval_level) + " by " +
                 (data.fit->interval_method.empty() ? "no bootstrap" : data.fit->interval_method),
             "profiles-parameters");
}

std::string backtest_extra(const ReportData& data) {
  if (!data.fit || !data.fit->backtest) return "";
  return cut_table(backtest_table(*data.fit->backtest), "Each hidden run and its prediction",
                   "backtest-rows");
}

std::string costs_extra(const ReportData& data) {
  if (!data.sweep || data.sweep->view.status.trials() == 0) return "";
  const SweepStatus& status = data.sweep->view.status;
  const SweepBill& bill = data.sweep->bill;
  std::string text = "All attempts took " + format_duration(status.seconds) + " of training and " +
                     format_flops(status.flops_spent) + " FLOP";
  if (bill.core_hours > 0) text += ", " + format_quantity(bill.core_hours) + " core hours";
  if (bill.gpu_hours > 0) text += ", " + format_quantity(bill.gpu_hours) + " GPU hours";
  if (bill.energy) text += ", " + format_quantity(*bill.energy) + " kWh";
  if (bill.money) text += ", " + format_money(*bill.money);
  text += '.';
  if (!bill.basis.empty()) text += " Counted with " + bill.basis + '.';
  if (status.trunks > 0 && status.flops_alone > status.flops_total) {
    text += " Shared trunks: " + format_flops(status.flops_total) + " FLOP instead of " +
            format_flops(status.flops_alone) + '.';
  }
  return paragraphs(text);
}

std::string gopher_extra(const ReportData& data) {
  if (!data.gopher) return "";
  const ModelComparison& found = *data.gopher;
  TextTable table{{"law"}, {}};
  for (const ComparedModel& model : found.models) table.columns.push_back("loss of " + model.name);
  for (const ComparedModel& model : found.models) {
    table.columns.push_back("compute " + model.name + " wastes");
  }
  for (const LawVerdict& law : found.laws) {
    std::vector<std::string> row{law.law};
    for (const ModelUnderLaw& model : law.models) row.push_back(interval_text(model.loss, fixed3));
    for (const ModelUnderLaw& model : law.models) {
      row.push_back(interval_text(model.waste, factor_text));
    }
    table.rows.push_back(std::move(row));
  }
  return cut_table(std::move(table),
                   "Predicted losses, and how many times the compute that the loss needs was spent",
                   "gopher-laws");
}

std::string health_extra(const ReportData& data) {
  if (!data.sweep) return "";
  TextTable table{{"state", "trials", "most said", "example"}, {}};
  for (const FailureClass& failure : data.sweep->view.failures) {
    table.rows.push_back({failure.state, std::to_string(failure.trials), failure.reason,
                          failure.identity.substr(0, 12)});
  }
  std::string out = cut_table(std::move(table), "What went wrong", "health-failures");
  for (const RateRung& rung : data.sweep->rungs) {
    if (!rung.at_edge) continue;
    out += tagged("p", "At " + format_quantity(rung.params) +
                           " parameters the best learning rate of the bracket lies at its edge, " +
                           exact_number(rung.rates[rung.best]) +
                           ": the best one may lie beyond, and the law's losses too high there.");
  }
  return out;
}

}  // namespace

std::string section_extra(const std::string& figure, const ReportData& data) {
  constexpr std::pair<const char*, std::string (*)(const ReportData&)> kExtras[] = {
      {"isoflop", isoflop_extra},   {"allocation", allocation_extra},
      {"iso_loss", iso_loss_extra}, {"influence", influence_extra},
      {"profiles", profiles_extra}, {"backtest", backtest_extra},
      {"costs", costs_extra},       {"gopher", gopher_extra},
      {"health", health_extra},
  };
  for (const auto& [name, extra] : kExtras) {
    if (figure == name) return extra(data);
  }
  return "";
}

}  // namespace isoflop
