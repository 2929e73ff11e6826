#include "app/sweep_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/units.h"
#include "io/json.h"
#include "report/text_table.h"

namespace isoflop {
namespace {

std::string loss_text(double loss) {
  if (!std::isfinite(loss)) return "diverged";
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", loss);
  return text;
}

// 2, 2.5: to the hundredth, without zeros.
std::string short_number(double value) { return exact_number(std::round(100 * value) / 100); }

std::string ratio_text(double ratio) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", ratio);
  return text;
}

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
                          ratio_text(rung.ratio), rung.at_edge ? "yes" : "",
                          joined(rung.rates, format_quantity), joined(rung.losses, loss_text)});
  }
  return table;
}

Json rung_json(const RateRung& rung) {
  Json losses = Json::array();
  for (const double loss : rung.losses) losses.push_back(std::isfinite(loss) ? Json(loss) : Json());
  return {{"params", rung.params},   {"tokens", rung.tokens},
          {"rate", rung.rate},       {"rates", rung.rates},
          {"losses", losses},        {"best", rung.best},
          {"at_edge", rung.at_edge}, {"best_rate", rung.best_rate},
          {"ratio", rung.ratio}};
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

std::string status_text(const SweepStatus& status, const std::vector<RateRung>& rungs) {
  std::string text = "study " + status.study + ": " + std::to_string(status.done) + " done, " +
                     std::to_string(status.running) + " running, " +
                     std::to_string(status.planned) + " planned, " +
                     std::to_string(status.diverged) + " diverged, " +
                     std::to_string(status.failed) + " failed; " + format_flops(status.flops_done) +
                     " of " + format_flops(status.flops_total) + " FLOP (exact), " +
                     format_duration(status.seconds) + " of training\n";
  if (status.trunks > 0) text += trunks_text(status.flops_total, status.flops_alone) + "\n";
  if (rungs.empty()) return text;
  text += "\n" + aligned_text(rung_table(rungs));
  for (const RateRung& rung : rungs) {
    if (rung.at_edge) text += edge_warning(rung) + "\n";
  }
  return text;
}

Json status_json(const SweepStatus& status, const std::vector<RateRung>& rungs) {
  Json json{{"study", status.study},
            {"trials",
             {{"planned", status.planned},
              {"running", status.running},
              {"done", status.done},
              {"failed", status.failed},
              {"diverged", status.diverged}}},
            {"flops", status.flops_done},
            {"flops_total", status.flops_total},
            {"flops_alone", status.flops_alone},
            {"trunks", status.trunks},
            {"seconds", status.seconds}};
  Json list = Json::array();
  for (const RateRung& rung : rungs) list.push_back(rung_json(rung));
  json["rungs"] = list;
  return json;
}

}  // namespace isoflop
