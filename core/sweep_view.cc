#include "core/sweep_view.h"

#include <algorithm>
#include <cmath>

#include "core/device_peak.h"

namespace isoflop {
namespace {

struct Speed {
  double params = 0;
  double flops_per_second = 0;
};

// Of sizes with ended attempts that took time.
std::vector<Speed> measured_speeds(const SweepView& view) {
  std::vector<Speed> speeds;
  for (const SizePace& size : view.sizes) {
    if (size.flops > 0 && size.seconds > 0) {
      speeds.push_back({size.params, size.flops / size.seconds});
    }
  }
  if (!speeds.empty()) return speeds;
  for (const LiveAttempt& attempt : view.running) {
    const double seconds = attempt.heartbeat - attempt.started;
    const double flops = attempt.flops * attempt.tokens_done / attempt.tokens;
    if (flops > 0 && seconds > 0) speeds.push_back({attempt.params, flops / seconds});
  }
  return speeds;
}

double speed_at(const std::vector<Speed>& speeds, double params) {
  const auto distance = [&](const Speed& speed) {
    return std::abs(std::log(speed.params / params));
  };
  return std::min_element(speeds.begin(), speeds.end(),
                          [&](const Speed& a, const Speed& b) { return distance(a) < distance(b); })
      ->flops_per_second;
}

}  // namespace

std::optional<TimeLeft> time_left(const SweepView& view) {
  const std::vector<Speed> speeds = measured_speeds(view);
  if (speeds.empty()) return std::nullopt;
  TimeLeft left;
  left.workers = std::count_if(view.running.begin(), view.running.end(),
                               [](const LiveAttempt& attempt) { return !attempt.gone; });
  for (const SizePace& size : view.sizes) {
    if (size.flops_left > 0) left.worker_seconds += size.flops_left / speed_at(speeds, size.params);
  }
  if (!(left.worker_seconds > 0)) return std::nullopt;
  if (left.workers > 0) left.seconds = left.worker_seconds / static_cast<double>(left.workers);
  return left;
}

SweepBill bill_of(const SweepView& view, const DeviceRates& given) {
  SweepBill bill{.core_hours = 0, .gpu_hours = 0, .energy = 0.0, .money = 0.0};
  for (const DeviceUse& use : view.devices) {
    const double hours = use.seconds / 3600;
    (use.device == "cpu" ? bill.core_hours : bill.gpu_hours) += hours;
    const std::optional<Device> known = find_device(use.device);
    std::optional<double> watts = given.watts;
    std::optional<double> price = given.price;
    if (!watts && known && known->watts > 0) watts = known->watts;
    if (!price && known && known->price > 0) price = known->price;
    bill.energy =
        bill.energy && watts ? std::optional(*bill.energy + hours * *watts / 1000) : std::nullopt;
    bill.money = bill.money && price ? std::optional(*bill.money + hours * *price) : std::nullopt;
  }
  return bill;
}

}  // namespace isoflop
