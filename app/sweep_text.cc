#include "app/sweep_text.h"

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "report/numbers_text.h"
#include "report/sparkline.h"
#include "report/text_table.h"

namespace isoflop {
namespace {

constexpr std::size_t kRunningShown = 20;
constexpr std::size_t kCurveColumns = 16;
constexpr std::size_t kLogLinesShown = 5;

std::string loss_text(double loss) { return std::isfinite(loss) ? fixed4(loss) : "diverged"; }

// 2, 2.5: to the hundredth, without zeros.
std::string short_number(double value) { return exact_number(std::round(100 * value) / 100); }

template <class ToText>
std::string joined(const std::vector<double>& values, ToText to_text) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : "  ") + to_text(value);
  return text;
}

TextTable rung_table(const std::vector<RateRung>& rungs) {
  TextTable table{{"N", "D", "rate", "best rate", "best / rate", "at edge", "rates", "losses"}, {}};
  for (const RateRung& rung : rungs) {
    table.rows.push_back({format_quantity(rung.params), format_quantity(rung.tokens),
                          format_quantity(rung.rate), format_quantity(rung.best_rate),
                          with_decimals(rung.ratio, 2), rung.at_edge ? "yes" : "",
                          joined(rung.rates, format_quantity), joined(rung.losses, loss_text)});
  }
  return table;
}

std::string rungs_text(const std::vector<RateRung>& rungs) {
  if (rungs.empty()) return "";
  std::string text = "\n" + aligned_text(rung_table(rungs));
  for (const RateRung& rung : rungs) {
    if (rung.at_edge) text += edge_warning(rung) + "\n";
  }
  return text;
}

std::string count_of(std::int64_t count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

// Rounded down, so that 100 % means all of it.
std::string share_text(double part, double whole) {
  if (!(whole > 0)) return "";
  return std::to_string(static_cast<int>(100 * std::min(part / whole + 1e-9, 1.0))) + " %";
}

std::string words_of(const std::string& state) {
  return state == "out_of_memory" ? "out of memory" : state;
}

// --- The table by budget or size.

std::string low_to_high(double low, double high, std::string (*format)(double)) {
  if (high <= 0) return "";
  const std::string from = format(low);
  const std::string to = format(high);
  return from == to ? to : from + " to " + to;
}

struct StateColumn {
  const char* title;
  std::int64_t (*count)(const SweepStatus&);
  bool always;  // also where all are 0
};

constexpr StateColumn kStateColumns[] = {
    {"trials", [](const SweepStatus& s) { return s.trials(); }, true},
    {"done", [](const SweepStatus& s) { return s.done; }, true},
    {"running", [](const SweepStatus& s) { return s.running; }, true},
    {"planned", [](const SweepStatus& s) { return s.planned; }, true},
    {"leased", [](const SweepStatus& s) { return s.leased; }, false},
    {"failed", [](const SweepStatus& s) { return s.failed; }, true},
    {"out of memory", [](const SweepStatus& s) { return s.out_of_memory; }, false},
    {"diverged", [](const SweepStatus& s) { return s.diverged; }, false},
    {"cancelled", [](const SweepStatus& s) { return s.cancelled; }, false},
};

std::string budget_text(const SweepGroup& group) {
  return low_to_high(group.budget_low, group.budget_high, format_flops) +
         (group.bracket ? " bracket" : "");
}

std::vector<std::string> group_row(const std::string& budget, const SweepGroup& group,
                                   const SweepStatus& all) {
  std::vector<std::string> row{budget,
                               low_to_high(group.params_low, group.params_high, format_quantity)};
  for (const StateColumn& column : kStateColumns) {
    if (!column.always && column.count(all) == 0) continue;
    const std::int64_t count = column.count(group.status);
    row.push_back(count == 0 ? "" : std::to_string(count));
  }
  row.push_back(share_text(group.status.flops_done, group.status.flops_total));
  return row;
}

std::string groups_text(const SweepView& view) {
  TextTable table{{"budget", "N"}, {}};
  for (const StateColumn& column : kStateColumns) {
    if (column.always || column.count(view.status) > 0) table.columns.emplace_back(column.title);
  }
  table.columns.emplace_back("FLOP");
  for (const SweepGroup& group : view.groups) {
    table.rows.push_back(group_row(budget_text(group), group, view.status));
  }
  if (view.groups.size() > 1) {
    table.rows.push_back(group_row("all", {.status = view.status}, view.status));
  }
  return "\n" + aligned_text(table);
}

// --- What runs.

std::string where_text(const LiveAttempt& attempt) {
  const std::string process = attempt.host + ":" + std::to_string(attempt.pid) +
                              (attempt.device == "cpu" ? "" : " " + attempt.device);
  return attempt.held_by.empty() ? process : attempt.held_by + ", " + process;
}

std::string last_loss_text(const LiveAttempt& attempt) {
  if (attempt.heldout_loss) return fixed4(*attempt.heldout_loss);
  return attempt.train_loss ? fixed4(*attempt.train_loss) : "";
}

const LossInterval& interval_of(const Forecast& forecast) {
  return forecast.heldout ? *forecast.heldout : forecast.train;
}

std::string forecast_text(const StatusAnswer& answer, const LiveAttempt& attempt) {
  const auto found = answer.forecasts.find(attempt.identity);
  if (found == answer.forecasts.end() || !found->second.reliable) return "";
  const LossInterval& loss = interval_of(found->second);
  return fixed4(loss.value) + " [" + fixed4(loss.low) + ", " + fixed4(loss.high) + "]" +
         (found->second.heldout ? "" : " train");
}

std::string curve_line(const StatusAnswer& answer, const LiveAttempt& attempt) {
  const auto found = answer.curves.find(attempt.identity);
  return found == answer.curves.end() ? "" : sparkline(found->second, kCurveColumns, answer.utf8);
}

std::string running_text(const StatusAnswer& answer) {
  const std::vector<LiveAttempt>& running = answer.view.running;
  if (running.empty()) return "";
  const bool forecasts = std::any_of(answer.forecasts.begin(), answer.forecasts.end(),
                                     [](const auto& forecast) { return forecast.second.reliable; });
  TextTable table{{"running", "N", "D", "done", "loss"}, {}};
  if (!answer.curves.empty()) table.columns.emplace_back("so far");
  if (forecasts) table.columns.emplace_back("will end at");
  for (const char* title : {"try", "heard of", "where"}) table.columns.emplace_back(title);
  const std::size_t shown = std::min(running.size(), kRunningShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const LiveAttempt& attempt = running[i];
    std::vector<std::string> row{attempt.identity.substr(0, 12), format_quantity(attempt.params),
                                 format_quantity(attempt.tokens),
                                 share_text(attempt.tokens_done, attempt.tokens),
                                 last_loss_text(attempt)};
    if (!answer.curves.empty()) row.push_back(curve_line(answer, attempt));
    if (forecasts) row.push_back(forecast_text(answer, attempt));
    row.push_back(std::to_string(attempt.number));
    row.push_back(format_duration(std::max(0.0, answer.view.now - attempt.heartbeat)) + " ago");
    row.push_back(where_text(attempt) + (attempt.gone ? ", gone" : ""));
    table.rows.push_back(row);
  }
  std::string text = "\n" + aligned_text(table);
  if (shown < running.size()) {
    text += "and " + std::to_string(running.size() - shown) + " more; --json lists them\n";
  }
  return text;
}

std::string held_text(const SweepView& view) {
  std::string text;
  for (const HeldTrials& held : view.held) {
    text += count_of(held.trials, "trial") + " leased to " + held.holder + "\n";
  }
  return text.empty() ? "" : "\n" + text;
}

// --- What went wrong.

std::string last_log_lines(const std::string& log) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = std::min(log.find('\n', at), log.size());
    if (end > at) lines.push_back("    | " + log.substr(at, end - at) + "\n");
    at = end + 1;
  }
  std::string text;
  const std::size_t first = lines.size() - std::min(lines.size(), kLogLinesShown);
  for (std::size_t i = first; i < lines.size(); ++i) text += lines[i];
  return text;
}

std::string failure_text(const FailureClass& failure, const std::string& store_flags) {
  std::string text = words_of(failure.state) + ": " + count_of(failure.trials, "trial");
  if (!failure.reason.empty()) {
    text += failure.with_reason < failure.trials
                ? "; " + std::to_string(failure.with_reason) + " of them: " + failure.reason
                : ": " + failure.reason;
  }
  if (!failure.identity.empty()) text += " (trial " + failure.identity.substr(0, 12) + ")";
  return text + "\n" + last_log_lines(failure.log) +
         "  again: " + retry_command(failure.state, store_flags) + "\n";
}

std::string failures_text(const StatusAnswer& answer) {
  std::string text;
  for (const FailureClass& failure : answer.view.failures) {
    text += failure_text(failure, answer.store_flags);
  }
  return text.empty() ? "" : "\n" + text;
}

// --- What it costs.

std::string hours_text(double hours, const char* unit) {
  if (hours < 1) return format_duration(3600 * hours) + " of one " + unit;
  return format_quantity(hours) + " " + unit + "-hours";
}

std::string bill_text(const SweepBill& bill) {
  std::string text;
  if (bill.core_hours > 0 || bill.gpu_hours == 0) text += hours_text(bill.core_hours, "core");
  if (bill.gpu_hours > 0) text += (text.empty() ? "" : ", ") + hours_text(bill.gpu_hours, "GPU");
  if (bill.energy) text += ", " + format_quantity(*bill.energy) + " kWh";
  if (bill.money) text += ", " + format_money(*bill.money);
  if (!bill.basis.empty()) text += " at " + bill.basis;
  if (!bill.energy && !bill.money && bill.core_hours + bill.gpu_hours > 0) {
    text += bill.gpu_hours > 0 ? " (--gpu h100 adds energy and money)"
                               : " (--watts and --price of a core add energy and money)";
  }
  return text;
}

double uncounted_seconds(const SweepView& view) {
  double seconds = 0;
  for (const DeviceUse& use : view.devices) seconds += use.uncounted;
  return seconds;
}

std::string totals_text(const StatusAnswer& answer) {
  const SweepStatus& status = answer.view.status;
  std::string text = "\nspent: " + format_flops(status.flops_spent) + " FLOP (exact) in " +
                     bill_text(bill_of(answer.view, answer.rates)) + "\n";
  if (const double seconds = uncounted_seconds(answer.view); seconds >= 1) {
    text += "  of it " + format_duration(seconds) + " in attempts that were killed or failed\n";
  }
  if (const auto left = time_left(answer.view)) {
    text += "left: " + format_flops(status.flops_left) + " FLOP, " +
            format_duration(left->worker_seconds) + " of one worker at this study's speed so far\n";
  }
  if (status.trunks > 0) text += trunks_text(status.flops_total, status.flops_alone) + "\n";
  return text;
}

// --- The first line.

std::string open_text(const StatusAnswer& answer) {
  const SweepView& view = answer.view;
  const auto left = time_left(view);
  if (left && left->seconds) {
    return ", about " + format_duration(*left->seconds) + " left with " +
           count_of(left->workers, "worker");
  }
  if (!view.running.empty() || view.status.planned == 0) return "";
  return "; nobody works on it now" +
         (left ? " (" + format_duration(left->worker_seconds) + " of one worker are left)"
               : std::string()) +
         ": isoflop sweep run with its grid goes on";
}

std::string troubles_text(const SweepView& view) {
  const auto gone = std::count_if(view.running.begin(), view.running.end(),
                                  [](const LiveAttempt& attempt) { return attempt.gone; });
  std::string text;
  for (const FailureClass& failure : view.failures) {
    text += "; " + std::to_string(failure.trials) + " " + words_of(failure.state);
  }
  if (gone > 0) {
    text += "; " + std::to_string(gone) + " of the running " +
            (gone == 1 ? "has no living process" : "have no living process") +
            ": isoflop sweep run takes over";
  }
  return text;
}

}  // namespace

std::string trunks_text(double flops, double flops_alone) {
  return "shared trunks: " + format_flops(flops) + " FLOP instead of " + format_flops(flops_alone) +
         " (" + std::to_string(std::lround(100 * flops / flops_alone)) + " %)";
}

std::string edge_warning(const RateRung& rung) {
  const double off = std::max(rung.ratio, 1 / rung.ratio);
  return "the best rate of the " + format_quantity(rung.params) + " rung is at the " +
         (rung.best == 0 ? "lower" : "upper") +
         " edge of its bracket: the sweep's rate may be off by " + short_number(off) +
         "x or more there; widen with rate = " + short_number(2 * off) +
         " under [bracket], or set train.rate";
}

std::string retry_command(const std::string& state, const std::string& store_flags) {
  const char* flag = state == "out_of_memory" ? " --oom"
                     : state == "diverged"    ? " --diverged"
                     : state == "cancelled"   ? " --cancelled"
                                              : " --failed";
  return "isoflop sweep retry" + std::string(flag) + store_flags;
}

std::string headline(const StatusAnswer& answer) {
  const SweepStatus& status = answer.view.status;
  std::string text = "study " + status.study + ": ";
  const bool ended = status.ended() == status.trials();
  if (!ended) text += share_text(status.flops_done, status.flops_total) + " of the FLOP, ";
  text += std::to_string(status.done) + " of " + count_of(status.trials(), "trial") + " done";
  if (status.running > 0) text += ", " + std::to_string(status.running) + " running";
  if (status.leased > 0) text += ", " + std::to_string(status.leased) + " leased";
  if (!ended) text += open_text(answer);
  return text + troubles_text(answer.view);
}

std::string status_text(const StatusAnswer& answer) {
  return headline(answer) + "\n" + groups_text(answer.view) + running_text(answer) +
         held_text(answer.view) + failures_text(answer) + totals_text(answer) +
         rungs_text(answer.rungs);
}

}  // namespace isoflop
