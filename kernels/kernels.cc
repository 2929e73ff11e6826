#include "kernels/kernels.h"

#include <vector>

namespace isoflop {

namespace baseline {
extern const Kernels kTable;
}
#if defined(ISOFLOP_X86_64)
namespace avx2 {
extern const Kernels kTable;
}
namespace avx512 {
extern const Kernels kTable;
}
#endif

namespace {

std::vector<Kernels> find_usable() {
  std::vector<Kernels> usable{baseline::kTable};
#if defined(ISOFLOP_X86_64)
  if (__builtin_cpu_supports("x86-64-v3")) usable.push_back(avx2::kTable);
  if (__builtin_cpu_supports("x86-64-v4")) usable.push_back(avx512::kTable);
#endif
  return usable;
}

}  // namespace

std::span<const Kernels> usable_kernels() {
  static const std::vector<Kernels> usable = find_usable();
  return usable;
}

const Kernels& best_kernels() { return usable_kernels().back(); }

}  // namespace isoflop
