#include "core/device_peak.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

TEST(DevicePeak, FindsADeviceInTheNameThatADriverGives) {
  EXPECT_EQ(find_device("NVIDIA A100-SXM4-80GB")->bfloat16, 312e12);
  EXPECT_EQ(find_device("NVIDIA H100 80GB HBM3")->bfloat16, 989e12);
  EXPECT_EQ(find_device("NVIDIA H100 PCIe")->bfloat16, 756e12);
  EXPECT_EQ(find_device("NVIDIA L40S")->name, "L40S");
  EXPECT_FALSE(find_device("GeForce 9800"));
}

TEST(DevicePeak, TakesANumberOrADevice) {
  EXPECT_EQ(parse_peak("67T", "float32"), 67e12);
  EXPECT_EQ(parse_peak("h200", "float32"), 67e12);
  EXPECT_EQ(parse_peak("h200", "bfloat16"), 989e12);
  EXPECT_THROW(parse_peak("v100", "tf32"), Error);
  EXPECT_THROW(parse_peak("abacus", "float32"), Error);
  EXPECT_THROW(parse_peak("-1", "float32"), Error);
}

TEST(DevicePeak, TensorCoresAreNeverSlowerThanTheRest) {
  for (const Device& device : devices()) {
    EXPECT_GE(device.bfloat16, device.float32) << device.name;
    EXPECT_TRUE(device.tf32 == 0 || device.tf32 <= device.bfloat16) << device.name;
  }
}

}  // namespace
}  // namespace isoflop
