// The residual addition and the norm after it in one pass, and their gradients in another.
//
//   x' = x + y,  n = (x' - m) r gain + bias        r = 1 / sqrt(v + epsilon)
//   RMSNorm:    m = 0, v = mean(x'^2), no bias     (Zhang and Sennrich 2019)
//   LayerNorm:  m = mean(x'), v = mean((x' - m)^2) (Ba et al. 2016)
//
// With h = (x' - m) r and g = dn gain, all means over a row:
//
//   dx' = r (g - h mean(g h) [- mean(g)]) + what comes to x' by the residual stream
//   dgain = sum over rows of dn h,  dbias = sum over rows of dn
//
// x and y both have dx' for their gradient. The residual stream (x, x' and their gradients),
// statistics and sums are float32; y and n, which products write and read, are of `element`. A row
// lies in the registers of its threads, which is why its width has a limit. Sums over rows go
// through partial sums in a fixed order: no atomics, the same bits every time.
//
// Pointers are of the device, rows are contiguous. Throws Error(kFailed) when a kernel cannot be
// launched.
#ifndef ISOFLOP_MODEL_CUDA_NORM_H_
#define ISOFLOP_MODEL_CUDA_NORM_H_

#include <cstdint>

#include "model/cuda/element.h"

namespace isoflop {

// Up to 8192 values a row where they are a multiple of 8, else up to 1024.
bool norm_takes(std::int64_t width);

struct AddNormForward {
  Element element = Element::kFloat;  // of y and n
  const float* x = nullptr;           // [rows, width]
  const void* y = nullptr;            // [rows, width]; null: x' is x
  const float* gain = nullptr;        // [width]
  const float* bias = nullptr;        // [width]; null: RMSNorm
  float* sum = nullptr;               // x' [rows, width]; null where y is
  void* normed = nullptr;             // n [rows, width]
  float* means = nullptr;             // m [rows]; null: RMSNorm
  float* inverses = nullptr;          // r [rows]
  float epsilon = 0;
  std::int64_t rows = 0, width = 0;
};

void add_norm_forward(const AddNormForward& pass, GpuStream stream);

struct AddNormBackward {
  Element element = Element::kFloat;  // of dn and of dy
  const void* d_normed = nullptr;     // [rows, width]
  const float* d_sum = nullptr;       // [rows, width], by the residual stream; null: 0
  const float* sum = nullptr;         // x' [rows, width]
  const float* gain = nullptr;        // [width]
  const float* means = nullptr;       // [rows]; null: RMSNorm
  const float* inverses = nullptr;    // [rows]
  float* d_x = nullptr;               // [rows, width]
  void* d_y = nullptr;                // [rows, width]: d_x rounded; null: not wanted
  float* d_gain = nullptr;            // [width]
  float* d_bias = nullptr;            // [width]; null: RMSNorm
  float* partial = nullptr;           // scratch of add_norm_partials(rows, width) numbers
  std::int64_t rows = 0, width = 0;
};

std::int64_t add_norm_partials(std::int64_t rows, std::int64_t width);
void add_norm_backward(const AddNormBackward& pass, GpuStream stream);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_NORM_H_
