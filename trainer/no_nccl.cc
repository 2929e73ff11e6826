// A program without NCCL.
#include "core/error.h"
#include "trainer/nccl_group.h"

namespace isoflop {

c10::intrusive_ptr<c10d::Backend> make_nccl_group(const c10::intrusive_ptr<c10d::Store>&, int, int,
                                                  std::chrono::milliseconds) {
  throw failure(
      "several processes on GPUs: this program was built without NCCL: build it with `cmake "
      "--preset cuda && cmake --build --preset cuda`, or train on the CPU");
}

}  // namespace isoflop
