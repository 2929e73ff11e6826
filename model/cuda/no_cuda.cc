// Stands in for the kernels where the build has no CUDA. No tensor is on a device there, so that
// none of these is called.
#include "core/error.h"
#include "model/cuda/cross_entropy.h"
#include "model/cuda/heads.h"
#include "model/cuda/norm.h"
#include "model/cuda/stream.h"

namespace isoflop {
namespace {

[[noreturn]] void no_kernels() {
  throw failure(
      "CUDA: this isoflop was built without it: build with preset cuda, or train on the "
      "CPU");
}

}  // namespace

GpuStream current_stream() { no_kernels(); }
bool has_kernels() { return false; }

void cross_entropy(const CrossEntropyRows&, GpuStream) { no_kernels(); }

bool norm_takes(std::int64_t) { return false; }
void add_norm_forward(const AddNormForward&, GpuStream) { no_kernels(); }
std::int64_t add_norm_partials(std::int64_t, std::int64_t) { no_kernels(); }
void add_norm_backward(const AddNormBackward&, GpuStream) { no_kernels(); }

bool heads_take(const HeadShape&) { return false; }
void turn_heads(const TurnHeads&, GpuStream) { no_kernels(); }
std::int64_t turn_heads_partials(const HeadShape&) { no_kernels(); }
void turn_heads_backward(const TurnHeadsBackward&, GpuStream) { no_kernels(); }

}  // namespace isoflop
