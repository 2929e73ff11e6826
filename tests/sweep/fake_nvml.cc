// A libnvidia-ml.so.1 of two devices, the second without an energy counter. FAKE_NVML is a file
// with
// "<milliwatts> <millijoules>"; without it nothing can be read.
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace {

int g_device[2];

bool read_file(unsigned long long& milliwatts, unsigned long long& millijoules) {
  const char* name = std::getenv("FAKE_NVML");
  return name != nullptr && (std::ifstream(name) >> milliwatts >> millijoules);
}

}  // namespace

extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index > 1) return 2;
  *device = &g_device[index];
  return 0;
}
int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  if (std::strcmp(uuid, "GPU-two") != 0) return 6;
  *device = &g_device[1];
  return 0;
}
int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) {
  unsigned long long power = 0, energy = 0;
  if (!read_file(power, energy)) return 3;
  *milliwatts = static_cast<unsigned>(power);
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  unsigned long long power = 0;
  if (device == &g_device[1] || !read_file(power, *millijoules)) return 3;
  return 0;
}
}
