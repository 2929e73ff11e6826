// Peak arithmetic of accelerators, dense, in FLOP/s, as their makers state it: what MFU is a share
// of. The CPU's is measured instead (kernels/peak.h).
//
// Sources: NVIDIA's data sheets of each product; numbers "with sparsity" are halved.
#ifndef ISOFLOP_CORE_DEVICE_PEAK_H_
#define ISOFLOP_CORE_DEVICE_PEAK_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

struct DevicePeak {
  std::string_view name;
  double float32 = 0;   // outside the tensor cores
  double tf32 = 0;      // 0: has none
  double bfloat16 = 0;  // float16 where there is no bfloat16
};

const std::vector<DevicePeak>& device_peaks();

// The device whose name is the longest that occurs in `name` ("NVIDIA H100 80GB HBM3" is an H100),
// whatever the case.
std::optional<DevicePeak> find_device_peak(std::string_view name);

// FLOP/s from what a person gives: a number ("67T") or a device ("h200", for `dtype` float32, tf32
// or bfloat16). Throws Error(kUsage) that lists the devices.
double parse_peak(const std::string& text, std::string_view dtype);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_DEVICE_PEAK_H_
