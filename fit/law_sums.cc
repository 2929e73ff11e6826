#include "fit/law_sums.h"

#include <vector>

namespace isoflop {

namespace baseline {
extern const LawSums kLawSums;
}
#if defined(ISOFLOP_FIT_X86_64)
namespace avx2 {
extern const LawSums kLawSums;
}
#endif

namespace {

std::vector<LawSums> find_law_sums() {
  std::vector<LawSums> usable{baseline::kLawSums};
#if defined(ISOFLOP_FIT_X86_64)
  if (__builtin_cpu_supports("x86-64-v3")) usable.push_back(avx2::kLawSums);
#endif
  return usable;
}

}  // namespace

std::span<const LawSums> usable_law_sums() {
  static const std::vector<LawSums> usable = find_law_sums();
  return usable;
}

const LawSums& law_sums() {
  static const LawSums& best = usable_law_sums().back();
  return best;
}

}  // namespace isoflop
