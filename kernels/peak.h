// The most floating-point operations a second that one core reaches, measured: the denominator of
// model FLOPs utilisation (MFU).
//
// Independent fused multiply-adds in registers, 2 FLOPs a lane, with the instruction set that the
// kernels use; the best of some repetitions, 20 ms in all. On a machine that is busy the result is
// too low, never too high.
#ifndef ISOFLOP_KERNELS_PEAK_H_
#define ISOFLOP_KERNELS_PEAK_H_

#include "kernels/kernels.h"

namespace isoflop {

struct MeasuredPeak {
  double flops_per_second;
  const char* instruction_set;  // "baseline", "avx2" or "avx512"
};

MeasuredPeak measured_peak(const Kernels& kernels = best_kernels());

}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_PEAK_H_
