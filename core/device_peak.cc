#include "core/device_peak.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

double of_dtype(const DevicePeak& device, std::string_view dtype) {
  if (dtype == "bfloat16" || dtype == "float16") return device.bfloat16;
  return dtype == "tf32" ? device.tf32 : device.float32;
}

}  // namespace

const std::vector<DevicePeak>& device_peaks() {
  static const std::vector<DevicePeak> peaks{
      {"T4", 8.1e12, 0, 65e12},
      {"V100", 15.7e12, 0, 125e12},
      {"A10", 31.2e12, 62.5e12, 125e12},
      {"A30", 10.3e12, 82e12, 165e12},
      {"A40", 37.4e12, 74.8e12, 149.7e12},
      {"A100", 19.5e12, 156e12, 312e12},
      {"L4", 30.3e12, 60e12, 121e12},
      {"L40", 90.5e12, 90.5e12, 181e12},
      {"L40S", 91.6e12, 183e12, 362e12},
      {"RTX 3090", 35.6e12, 35.6e12, 71e12},
      {"RTX 4090", 82.6e12, 82.6e12, 165.2e12},
      {"H100", 67e12, 494.5e12, 989e12},
      {"H100 PCIe", 51e12, 378e12, 756e12},
      {"H100 NVL", 60e12, 417.5e12, 835e12},
      {"H200", 67e12, 494.5e12, 989e12},
      {"B200", 75e12, 1125e12, 2250e12},
  };
  return peaks;
}

std::optional<DevicePeak> find_device_peak(std::string_view name) {
  const std::string wanted = lower_case(name);
  std::optional<DevicePeak> found;
  for (const DevicePeak& device : device_peaks()) {
    if (wanted.find(lower_case(device.name)) == std::string::npos) continue;
    if (!found || device.name.size() > found->name.size()) found = device;
  }
  return found;
}

double parse_peak(const std::string& text, std::string_view dtype) {
  if (const auto number = try_parse_quantity(text)) {
    if (*number > 0) return *number;
  } else if (const auto device = find_device_peak(text)) {
    const double peak = of_dtype(*device, dtype);
    if (peak > 0) return peak;
  }
  std::string known;
  for (const DevicePeak& device : device_peaks()) known += ", " + std::string(device.name);
  throw usage_error("peak: \"" + text + "\": no peak for " + std::string(dtype) +
                    " is known: give FLOP/s (67T) or one of" + known.substr(1));
}

}  // namespace isoflop
