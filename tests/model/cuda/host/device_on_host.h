// A device of one core: runs CUDA kernels that were compiled as C++, so that their code, their
// indices and their sums can be held to a reference, under AddressSanitizer too, where no GPU is.
//
// One block after the other. A block's threads are fibers of one thread: each runs until it waits
// at a barrier or an exchange of its warp, or ends; then another does. So every program that obeys
// CUDA's rules runs as it would on a device, and one that does not is found:
//
//   - a barrier or an exchange that not all threads reach, or not at the same line, throws;
//   - a read from a lane that takes no part in the exchange throws;
//   - shared memory is NaN when a block begins (without AddressSanitizer);
//   - a missing barrier gives results that depend on the order of the threads: set_order.
//
// What it cannot find: races that no order of whole stretches between barriers shows, memory of the
// device read on the host, code that the hardware rounds otherwise (fast exponentials, fused
// multiply-add), registers and occupancy.
//
// Throws std::logic_error. Not thread-safe.
#ifndef ISOFLOP_TESTS_MODEL_CUDA_HOST_DEVICE_ON_HOST_H_
#define ISOFLOP_TESTS_MODEL_CUDA_HOST_DEVICE_ON_HOST_H_

#include <functional>

namespace isoflop::on_host {

struct Size {
  unsigned x = 1, y = 1, z = 1;

  Size() = default;
  explicit Size(unsigned in_x, unsigned in_y = 1, unsigned in_z = 1) : x(in_x), y(in_y), z(in_z) {}
};

inline constexpr int kLanes = 32;

// Of the thread that runs.
extern Size threadIdx, blockIdx, blockDim, gridDim;
int lane();

// In which order threads that can go on do so: 0 as they are numbered, 1 backwards, else shuffled
// with this seed. Blocks come in the same order.
void set_order(unsigned order);

// Runs the kernel once for every thread; false, and nothing is run, for a grid or a block that no
// device takes.
bool run_grid(Size blocks, Size threads, const std::function<void()>& kernel);

// What the kernels' intrinsics become; `line` is the caller's.
void wait_for_block(int line);
float exchange(unsigned mask, float value, int from_lane, int line);
float fast_exp(float value);

}  // namespace isoflop::on_host

#endif  // ISOFLOP_TESTS_MODEL_CUDA_HOST_DEVICE_ON_HOST_H_
