#include "kernels/peak.h"

#include <algorithm>

#include "core/stopwatch.h"

namespace isoflop {

MeasuredPeak measured_peak(const Kernels& kernels) {
  constexpr std::int64_t kRounds = 20000;  // about 0.1 ms
  constexpr double kSeconds = 0.02;
  const double flops = 2.0 * 12.0 * kernels.lanes * static_cast<double>(kRounds);
  const Stopwatch total;
  double best = 0;
  while (total.seconds() < kSeconds) {
    const Stopwatch watch;
    volatile float result =
        kernels.multiply_adds(kRounds, 0.999f, 0.001f);  // used: not optimised away
    static_cast<void>(result);
    best = std::max(best, flops / watch.seconds());
  }
  return {best, kernels.name};
}

}  // namespace isoflop
