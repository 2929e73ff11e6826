#include "trainer/own_stream.h"

#include <algorithm>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace isoflop {

c10::Stream StreamPool::take(torch::Device device) {
  if (!device.has_index()) {
    device = c10::impl::VirtualGuardImpl(device.type()).getDevice();  // the current one
  }
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(free_.begin(), free_.end(), [&](const c10::Stream& stream) {
    return stream.device() == device;
  });
  if (found == free_.end()) return next_(device);
  const c10::Stream stream = *found;
  free_.erase(found);
  return stream;
}

void StreamPool::give_back(c10::Stream stream) {
  const std::lock_guard lock(mutex_);
  free_.push_back(stream);
}

std::unique_ptr<OwnStream> own_stream(torch::Device device) {
  if (device.is_cpu()) return nullptr;
  static auto* pool = new StreamPool([](torch::Device on) {
    return c10::impl::VirtualGuardImpl(on.type()).getStreamFromGlobalPool(on);
  });
  return std::make_unique<OwnStream>(*pool, device);
}

}  // namespace isoflop
