#include "core/sweep_view.h"

#include <algorithm>
#include <cmath>

#include "core/device_peak.h"
#include "core/units.h"

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

// Of one device, and where the table had to help.
struct Rates {
  std::optional<double> watts;
  std::optional<double> price;
  std::string source;
  bool measured = false;  // the watts
};

std::optional<Device> known_device(const std::string& name, const std::optional<Device>& named) {
  const auto found = find_device(name);
  return found ? found : named;
}

Rates rates_of(const std::optional<Device>& device, const DeviceRates& given) {
  Rates rates{given.watts, given.price, ""};
  if (!device) return rates;
  if (!rates.watts && device->watts > 0) {
    rates.watts = device->watts;
    rates.source = device->name;
  }
  if (!rates.price && device->price > 0) {
    rates.price = device->price;
    rates.source = std::string(device->name) + ": " + std::string(device->price_source);
  }
  return rates;
}

void add_cost(std::optional<double>& sum, double hours, const std::optional<double>& rate) {
  sum = sum && rate ? std::optional(*sum + hours * *rate) : std::nullopt;
}

void add_basis(std::string& basis, const Rates& rates) {
  if (!rates.watts && !rates.price) return;
  std::string text = rates.watts ? format_quantity(*rates.watts) + " W" : "";
  if (rates.measured) text += " measured";
  if (rates.price) text += (text.empty() ? "" : " and ") + format_money(*rates.price) + " an hour";
  if (!rates.source.empty()) text += " (" + rates.source + ")";
  if (basis.find(text) == std::string::npos) basis += (basis.empty() ? "" : "; ") + text;
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
  const std::optional<Device> named =
      given.gpu.empty() ? std::nullopt : std::optional(require_device(given.gpu, "--gpu"));
  SweepBill bill{.energy = 0.0, .money = 0.0};
  for (const DeviceUse& use : view.devices) {
    const double hours = use.seconds / 3600;
    const bool core = use.device == "cpu";
    (core ? bill.core_hours : bill.gpu_hours) += hours;
    Rates rates = rates_of(core ? std::nullopt : known_device(use.device, named), given);
    rates.measured = use.metered > 0;
    if (rates.measured) rates.watts = use.energy / use.metered;
    add_cost(bill.energy, hours / 1000, rates.watts);
    add_cost(bill.money, hours, rates.price);
    add_basis(bill.basis, rates);
  }
  if (view.devices.empty()) bill.energy = bill.money = std::nullopt;
  return bill;
}

}  // namespace isoflop
