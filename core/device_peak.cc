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

std::string known_devices() {
  std::string known;
  for (const Device& device : devices()) {
    known += (known.empty() ? "" : ", ") + std::string(device.name);
  }
  return known;
}

// RunPod's list as of March 2026, read at deploybase.ai/articles/runpod-gpu-pricing; devices that
// it does not have carry no price.
constexpr std::string_view kRunPod = "RunPod's list, March 2026";

}  // namespace

// name, float32, tf32, bfloat16, float8, watts, memory, bandwidth, price, its source. Peaks, watts,
// memory and bandwidth are those of NVIDIA's data sheets; the float8 of an RTX 4090 is its white
// paper's with float32 sums.
const std::vector<Device>& devices() {
  static const std::vector<Device> table{
      {"T4", 8.1e12, 0, 65e12, 0, 70, 16e9, 320e9, 0, ""},
      {"V100", 15.7e12, 0, 125e12, 0, 300, 32e9, 900e9, 0, ""},
      {"A10", 31.2e12, 62.5e12, 125e12, 0, 150, 24e9, 600e9, 0, ""},
      {"A30", 10.3e12, 82e12, 165e12, 0, 165, 24e9, 933e9, 0, ""},
      {"A40", 37.4e12, 74.8e12, 149.7e12, 0, 300, 48e9, 696e9, 0, ""},
      {"A100", 19.5e12, 156e12, 312e12, 0, 400, 80e9, 2039e9, 1.39, kRunPod},
      {"L4", 30.3e12, 60e12, 121e12, 242.5e12, 72, 24e9, 300e9, 0.44, kRunPod},
      {"L40", 90.5e12, 90.5e12, 181e12, 362e12, 300, 48e9, 864e9, 0.69, kRunPod},
      {"L40S", 91.6e12, 183e12, 362e12, 733e12, 350, 48e9, 864e9, 0.79, kRunPod},
      {"RTX 3090", 35.6e12, 35.6e12, 71e12, 0, 350, 24e9, 936e9, 0.22, kRunPod},
      {"RTX 4090", 82.6e12, 82.6e12, 165.2e12, 330.3e12, 450, 24e9, 1008e9, 0.34, kRunPod},
      {"H100", 67e12, 494.5e12, 989e12, 1979e12, 700, 80e9, 3350e9, 2.69, kRunPod},
      {"H100 PCIe", 51e12, 378e12, 756e12, 1513e12, 350, 80e9, 2000e9, 1.99, kRunPod},
      {"H100 NVL", 60e12, 417.5e12, 835e12, 1670e12, 400, 94e9, 3900e9, 0, ""},
      {"H200", 67e12, 494.5e12, 989e12, 1979e12, 700, 141e9, 4800e9, 3.59, kRunPod},
      {"B200", 75e12, 1125e12, 2250e12, 4500e12, 1000, 180e9, 7700e9, 5.98, kRunPod},
  };
  return table;
}

std::optional<Device> find_device(std::string_view name) {
  const std::string wanted = lower_case(name);
  std::optional<Device> found;
  for (const Device& device : devices()) {
    if (wanted.find(lower_case(device.name)) == std::string::npos) continue;
    if (!found || device.name.size() > found->name.size()) found = device;
  }
  return found;
}

Device require_device(std::string_view name, std::string_view what) {
  if (const auto device = find_device(name)) return *device;
  throw usage_error(std::string(what) + ": \"" + std::string(name) +
                    "\": no such device is known: give one of " + known_devices() +
                    ", or the budget in FLOP with --flops");
}

std::string parse_precision(std::string_view text) {
  const std::string word = lower_case(text);
  if (word == "bf16" || word == "bfloat16" || word == "fp16" || word == "float16") {
    return "bfloat16";
  }
  if (word == "tf32") return "tf32";
  if (word == "fp32" || word == "float32") return "float32";
  if (word == "fp8" || word == "float8") return "float8";
  throw usage_error("precision: \"" + std::string(text) +
                    "\" is not known: use bf16, fp8, tf32 or fp32");
}

double bytes_of(std::string_view precision) {
  const std::string name = parse_precision(precision);
  return name == "float8" ? 1 : name == "bfloat16" ? 2 : 4;
}

double peak_of(const Device& device, std::string_view precision) {
  const std::string name = parse_precision(precision);
  if (name == "float8") return device.float8;
  if (name == "bfloat16") return device.bfloat16;
  return name == "tf32" ? device.tf32 : device.float32;
}

double parse_peak(const std::string& text, std::string_view dtype) {
  if (const auto number = try_parse_quantity(text)) {
    if (*number > 0) return *number;
  } else if (const auto device = find_device(text)) {
    const double peak = peak_of(*device, dtype);
    if (peak > 0) return peak;
  }
  throw usage_error("peak: \"" + text + "\": no peak for " + std::string(dtype) +
                    " is known: give FLOP/s (67T) or one of " + known_devices());
}

}  // namespace isoflop
