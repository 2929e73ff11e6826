#include "app/run_printer.h"

#include <algorithm>
#include <string>

#include "app/output.h"
#include "core/schedule.h"
#include "core/units.h"
#include "forecast/forecast.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::int64_t kLines = 20;
constexpr double kSecondsALine = 2;  // where the end is not known

std::string forecast_words(const Trial& trial, std::span<const CurvePoint> curve) {
  const Forecast forecast = forecast_final_loss(curve, rate_schedule(schedule_of(trial)));
  if (!forecast.reliable) return "";
  const LossInterval& loss = forecast.heldout ? *forecast.heldout : forecast.train;
  return std::string("  ") + (forecast.heldout ? "held-out" : "train") + " will end at " +
         fixed4(loss.value) + " [" + fixed4(loss.low) + ", " + fixed4(loss.high) + "]";
}

}  // namespace

RunPrinter::RunPrinter(const Trial& trial, double trunk_seconds)
    : trial_(trial), steps_(trunk_seconds > 0 ? 0 : steps_of(trial)) {}

void RunPrinter::add(std::span<const CurvePoint> points) {
  for (const CurvePoint& point : points) {
    curve_.push_back(point);
    const std::int64_t line = steps_ > 0 ? kLines * point.step / steps_
                                         : static_cast<std::int64_t>(point.seconds / kSecondsALine);
    const bool worth_a_line = line > printed_ || point.heldout_loss;
    printed_ = std::max(printed_, line);
    if (worth_a_line && points.size() == 1) print_line(point);
  }
}

void RunPrinter::print_line(const CurvePoint& point) {
  const double speed = point.seconds > 0 ? point.tokens / point.seconds : 0;
  std::string line = "step " + std::to_string(point.step);
  if (steps_ > 0) line += "/" + std::to_string(steps_);
  line += "  " + format_quantity(point.tokens) + " tokens  train " + fixed4(point.train_loss);
  if (point.heldout_loss) {
    line += "  held-out " + fixed4(*point.heldout_loss) + " +- " + fixed4(*point.heldout_error);
  }
  line += "  " + format_quantity(speed) + " tokens/s";
  if (steps_ > 0 && point.step < steps_ && speed > 0) {
    const double left = static_cast<double>(steps_ - point.step) / static_cast<double>(point.step);
    line += "  " + format_duration(left * point.seconds) + " left" + forecast_words(trial_, curve_);
  }
  say(line);
}

}  // namespace isoflop
