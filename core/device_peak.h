// Accelerators: peak arithmetic, memory, power and price. What MFU is a share of, and what time,
// energy and money are counted from. The CPU's peak is measured instead (kernels/peak.h).
//
// Peaks are dense, in FLOP/s, as the makers state them; numbers "with sparsity" are halved. Watts
// are the makers' highest board power, of the SXM form where there are two. Sources: NVIDIA's data
// sheets of each product.
//
// Prices are what an hour of one device on demand usually costs, in US dollars, with source and
// date. They move: give your own.
#ifndef ISOFLOP_CORE_DEVICE_PEAK_H_
#define ISOFLOP_CORE_DEVICE_PEAK_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

struct Device {
  std::string_view name;
  double float32 = 0;   // outside the tensor cores
  double tf32 = 0;      // 0: has none
  double bfloat16 = 0;  // float16 where there is no bfloat16
  double float8 = 0;    // 0: has none
  double watts = 0;
  double memory = 0;     // bytes
  double bandwidth = 0;  // of the memory, bytes/s
  double price = 0;      // US dollars an hour; 0: none is known
  std::string_view price_source;
};

const std::vector<Device>& devices();

// The device whose name is the longest that occurs in `name` ("NVIDIA H100 80GB HBM3" is an H100),
// whatever the case.
std::optional<Device> find_device(std::string_view name);
// The same; throws Error(kUsage) naming `what` that lists the devices.
Device require_device(std::string_view name, std::string_view what);

// "bf16", "bfloat16", "fp16", "float16", "tf32", "fp32", "float32", "fp8", "float8" -> bfloat16,
// tf32, float32 or float8. Throws Error(kUsage).
std::string parse_precision(std::string_view text);
// Bytes of one weight: 4, 2 or 1.
double bytes_of(std::string_view precision);

// Dense FLOP/s at a precision; 0 where the device has none.
double peak_of(const Device& device, std::string_view precision);

// FLOP/s from what a person gives: a number ("67T") or a device ("h200", for `dtype` float32, tf32
// or bfloat16). Throws Error(kUsage) that lists the devices.
double parse_peak(const std::string& text, std::string_view dtype);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_DEVICE_PEAK_H_
