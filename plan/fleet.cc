#include "plan/fleet.h"

#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr double kSecondsPerHour = 3600;

[[noreturn]] void bad_fleet(const std::string& text) {
  throw usage_error("--gpus: \"" + text +
                    "\": write devices and how long, like 8xH100*24h, or devices alone, like "
                    "8xH100");
}

// The place of the x in "8xH100"; npos where the text begins with the device.
std::size_t times_at(const std::string& text) {
  const auto digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string::npos) return std::string::npos;
  return text[digits] == 'x' || text[digits] == 'X' ? digits : std::string::npos;
}

void check_positive(const char* flag, double value) {
  if (value > 0 && std::isfinite(value)) return;
  throw usage_error(fmt::format("{}: {}: must be positive", flag, value));
}

std::optional<double> known(std::optional<double> given, double table) {
  if (given) return given;
  if (table > 0) return table;
  return std::nullopt;
}

}  // namespace

Fleet parse_fleet(const std::string& text) {
  Fleet fleet;
  std::string devices = text;
  if (const auto star = text.find('*'); star != std::string::npos) {
    devices = text.substr(0, star);
    fleet.seconds = parse_duration(text.substr(star + 1), "--gpus");
    check_positive("--gpus", *fleet.seconds);
  }
  const auto times = times_at(devices);
  if (times != std::string::npos) {
    fleet.count = parse_quantity(devices.substr(0, times), "--gpus");
    devices = devices.substr(times + 1);
  }
  if (devices.empty() || fleet.count < 1 || fleet.count != std::floor(fleet.count)) {
    bad_fleet(text);
  }
  fleet.device = require_device(devices, "--gpus");
  return fleet;
}

double peak_of(const Fleet& fleet) {
  const double peak = peak_of(fleet.device, fleet.precision);
  if (peak > 0) return peak;
  throw usage_error(fmt::format("--precision: {}: a {} has no such arithmetic: try bf16",
                                fleet.precision, fleet.device.name));
}

double flops_per_second(const Fleet& fleet) {
  if (!(fleet.mfu > 0 && fleet.mfu <= 1)) {
    throw usage_error(fmt::format(
        "--mfu: {}: must be above 0 and at most 1: it is the share of the peak, like 0.4",
        fleet.mfu));
  }
  return fleet.count * peak_of(fleet) * fleet.mfu;
}

double price_per_hour(const Fleet& fleet) {
  const auto price = known(fleet.price, fleet.device.price);
  if (!price) {
    throw usage_error(
        fmt::format("--price: no price of a {} is known: add --price 2.50, in US "
                    "dollars an hour of one",
                    fleet.device.name));
  }
  check_positive("--price", *price);
  return *price;
}

double flops_of_time(const Fleet& fleet) {
  if (!fleet.seconds) {
    throw usage_error("--gpus: says no time: write it like 8xH100*24h, or give a budget beside it");
  }
  return flops_per_second(fleet) * *fleet.seconds;
}

double flops_of_money(const Fleet& fleet, double dollars) {
  check_positive("--money", dollars);
  const double device_seconds = dollars / price_per_hour(fleet) * kSecondsPerHour;
  return flops_per_second(fleet) / fleet.count * device_seconds;
}

DeviceCost cost_of(const Fleet& fleet, double flops) {
  DeviceCost cost{.device = std::string(fleet.device.name),
                  .count = fleet.count,
                  .precision = fleet.precision,
                  .peak_flops = peak_of(fleet),
                  .mfu = fleet.mfu};
  cost.seconds = flops / flops_per_second(fleet);
  cost.device_hours = fleet.count * cost.seconds / kSecondsPerHour;
  cost.watts = known(fleet.watts, fleet.device.watts);
  if (cost.watts) {
    check_positive("--watts", *cost.watts);
    cost.energy_kwh = cost.device_hours * *cost.watts / 1000;
  }
  cost.price = known(fleet.price, fleet.device.price);
  if (cost.price) {
    cost.money = cost.device_hours * price_per_hour(fleet);
    cost.price_source = fleet.price ? "as given" : std::string(fleet.device.price_source);
  }
  return cost;
}

}  // namespace isoflop
