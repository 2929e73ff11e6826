#include "plan/size_cap.h"

#include <cmath>
#include <fmt/format.h>

#include "core/error.h"

namespace isoflop {
namespace {

constexpr double kTrainingBytes = 16;  // a parameter

void check_limit(const char* flag, double value) {
  if (value > 0 && std::isfinite(value)) return;
  throw usage_error(fmt::format("{}: {}: must be positive and finite", flag, value));
}

}  // namespace

SizeCap cap_of_params(double params) {
  check_limit("--max-params", params);
  return {.params = params, .reason = "max_params"};
}

SizeCap cap_of_memory(double bytes, std::string_view precision, const SurfaceSettings& settings) {
  check_limit("--memory", bytes);
  return {.params = bytes / bytes_of(precision) / total_params(1, settings), .reason = "memory"};
}

SizeCap cap_of_latency(double seconds, const Device& device, double count,
                       std::string_view precision) {
  check_limit("--latency", seconds);
  return {.params = seconds * count * device.bandwidth / bytes_of(precision), .reason = "latency"};
}

void tighten(std::optional<SizeCap>& cap, const SizeCap& other) {
  if (!cap || other.params < cap->params) cap = other;
}

MemoryNeed memory_need(double total_params, std::string_view precision,
                       std::optional<double> bytes_per_device) {
  MemoryNeed need{.weights = total_params * bytes_of(precision),
                  .training_state = total_params * kTrainingBytes};
  if (bytes_per_device) {
    check_limit("--memory-per-device", *bytes_per_device);
    need.per_device = bytes_per_device;
    need.devices = std::ceil(need.training_state / *bytes_per_device);
  }
  return need;
}

}  // namespace isoflop
