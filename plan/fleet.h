// Devices as a budget and as a bill.
//
//   FLOP = devices x peak x MFU x seconds;  money = devices x hours x price;
//   energy = devices x watts x hours, of the devices alone: no host, network or cooling
//
// Nothing is lost to failures, restarts or waiting unless the MFU holds it.
//
// Errors: Error(kUsage) naming the flag or the device, with what is known.
#ifndef ISOFLOP_PLAN_FLEET_H_
#define ISOFLOP_PLAN_FLEET_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/device_peak.h"
#include "core/plan.h"

namespace isoflop {

struct Fleet {
  Device device;
  double count = 1;
  std::optional<double> seconds;  // rented for
  std::string precision = "bf16";
  double mfu = 0.4;             // share of the peak that training reaches
  std::optional<double> price;  // of one device's hour, US dollars; absent: the table's
  std::optional<double> watts;  // absent: the table's
};

// "8xH100*24h", "8xH100" (no time), "H100*30min", "1024xA100*30d".
Fleet parse_fleet(const std::string& text);

double peak_of(const Fleet& fleet);           // one device's FLOP/s at the precision
double flops_per_second(const Fleet& fleet);  // of all, at the MFU
double price_per_hour(const Fleet& fleet);    // of one device
double flops_of_time(const Fleet& fleet);     // needs seconds
double flops_of_money(const Fleet& fleet, double dollars);

// The bill for so many FLOP of training. Without a known price or watts these parts are absent.
DeviceCost cost_of(const Fleet& fleet, double flops);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_FLEET_H_
