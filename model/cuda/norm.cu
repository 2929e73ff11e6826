#include "model/cuda/block.h"
#include "model/cuda/column_sums.h"
#include "model/cuda/norm.h"

namespace isoflop {
namespace {

constexpr int kMostValues = 8;             // a thread holds
constexpr int kMostThreads = 1024;         // a row has
constexpr int kThreadsABlock = 256;        // where rows are narrow
constexpr std::int64_t kMostBlocks = 256;  // of the backward pass; fixed, and so are its sums

// Threads of a row (x) and rows of a block (y).
struct Layout {
  unsigned threads = 0, rows = 0;
};

Layout layout_of(std::int64_t width, int values) {
  const std::int64_t threads = divide_up(divide_up(width, values), kWarp) * kWarp;
  const std::int64_t rows = threads < kThreadsABlock ? kThreadsABlock / threads : 1;
  return {static_cast<unsigned>(threads), static_cast<unsigned>(rows)};
}

std::int64_t backward_blocks(std::int64_t rows, Layout layout) {
  const std::int64_t blocks = divide_up(rows, layout.rows);
  return blocks < kMostBlocks ? blocks : kMostBlocks;
}

// Where this thread's values of the row are, and whether there are any.
template <int N>
struct Place {
  std::int64_t column = static_cast<std::int64_t>(threadIdx.x) * N;
  std::int64_t at = 0;
  bool is_inside = false;

  __device__ Place(std::int64_t row, std::int64_t rows, std::int64_t width)
      : at(row * width + column), is_inside(row < rows && column < width) {}
};

template <int N>
__device__ void set(float (&values)[N], float to) {
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] = to;
}

template <int N>
__device__ float sum_of(const float (&values)[N]) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < N; ++i) sum += values[i];
  return sum;
}

template <int N>
__device__ float product_sum(const float (&a)[N], const float (&b)[N]) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < N; ++i) sum += a[i] * b[i];
  return sum;
}

template <class T, int N>
__device__ void load_sum(const Place<N>& place, const float* x, const T* y, float* sum,
                         float (&values)[N]) {
  load(x + place.at, values);
  if (y == nullptr) return;
  float other[N];
  load(y + place.at, other);
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] += other[i];
  store(sum + place.at, values);
}

template <class T, int N>
__global__ __launch_bounds__(kMostThreads) void add_norm_forward_kernel(
    const float* x, const T* y, const float* gain, const float* bias, float* sum, T* normed,
    float* means, float* inverses, float epsilon, std::int64_t rows, std::int64_t width) {
  __shared__ float of_warps[kWarp];
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const Place<N> place(row, rows, width);
  const auto over_width = 1.0f / static_cast<float>(width);
  float values[N], centred[N], scale[N], shift[N];
  set(values, 0.0f);
  if (place.is_inside) load_sum(place, x, y, sum, values);
  const float mean = means == nullptr ? 0.0f : row_sum(sum_of(values), of_warps) * over_width;
#pragma unroll
  for (int i = 0; i < N; ++i) centred[i] = place.is_inside ? values[i] - mean : 0.0f;
  const float variance = row_sum(product_sum(centred, centred), of_warps) * over_width;
  const float inverse = rsqrtf(variance + epsilon);
  if (!place.is_inside) return;
  if (threadIdx.x == 0) {
    inverses[row] = inverse;
    if (means != nullptr) means[row] = mean;
  }
  load(gain + place.column, scale);
  set(shift, 0.0f);
  if (bias != nullptr) load(bias + place.column, shift);
#pragma unroll
  for (int i = 0; i < N; ++i) centred[i] = centred[i] * inverse * scale[i] + shift[i];
  store(normed + place.at, centred);
}

template <class T>
struct BackwardPointers {
  const T* d_normed;
  const float *d_sum, *sum, *gain, *means, *inverses;
  float* d_x;
  T* d_y;
  float *gain_partial, *bias_partial;
};

// One row's dx', and its share of dgain and dbias added to what the thread has of them.
template <class T, int N>
__device__ void backward_row(const BackwardPointers<T>& tensors, std::int64_t row,
                             std::int64_t rows, std::int64_t width, float* of_warps,
                             float (&d_gain)[N], float (&d_bias)[N]) {
  const Place<N> place(row, rows, width);
  const auto over_width = 1.0f / static_cast<float>(width);
  float d_normed[N], normal[N], slope[N], past[N];
  set(d_normed, 0.0f);
  set(normal, 0.0f);
  set(slope, 0.0f);
  set(past, 0.0f);
  float inverse = 0;
  if (place.is_inside) {
    inverse = tensors.inverses[row];
    const float mean = tensors.means == nullptr ? 0.0f : tensors.means[row];
    load(tensors.d_normed + place.at, d_normed);
    load(tensors.sum + place.at, normal);
    load(tensors.gain + place.column, slope);
    if (tensors.d_sum != nullptr) load(tensors.d_sum + place.at, past);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      normal[i] = (normal[i] - mean) * inverse;
      d_gain[i] += d_normed[i] * normal[i];
      d_bias[i] += d_normed[i];
      slope[i] *= d_normed[i];
    }
  }
  const float along = row_sum(product_sum(slope, normal), of_warps) * over_width;
  const float level =
      tensors.means == nullptr ? 0.0f : row_sum(sum_of(slope), of_warps) * over_width;
  if (!place.is_inside) return;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    past[i] += inverse * (slope[i] - normal[i] * along - level);
  }
  store(tensors.d_x + place.at, past);
  if (tensors.d_y != nullptr) store(tensors.d_y + place.at, past);
}

template <class T, int N>
__global__ __launch_bounds__(kMostThreads) void add_norm_backward_kernel(
    BackwardPointers<T> tensors, std::int64_t rows, std::int64_t width) {
  __shared__ float of_warps[kWarp];
  float d_gain[N], d_bias[N];
  set(d_gain, 0.0f);
  set(d_bias, 0.0f);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  // All threads of a block go round as often: row_sum waits for them.
  for (std::int64_t row = first; row < rows; row += stride) {
    backward_row(tensors, row + threadIdx.y, rows, width, of_warps, d_gain, d_bias);
  }
  const Place<N> place(first + threadIdx.y, stride, width);
  if (!place.is_inside) return;
  store(tensors.gain_partial + place.at, d_gain);
  if (tensors.bias_partial != nullptr) store(tensors.bias_partial + place.at, d_bias);
}

template <class T, int N>
void launch_forward(const AddNormForward& pass, GpuStream stream) {
  const Layout layout = layout_of(pass.width, N);
  const dim3 grid(static_cast<unsigned>(divide_up(pass.rows, layout.rows)));
  launch("add_norm_forward", add_norm_forward_kernel<T, N>, grid, dim3(layout.threads, layout.rows),
         stream, pass.x, static_cast<const T*>(pass.y), pass.gain, pass.bias, pass.sum,
         static_cast<T*>(pass.normed), pass.means, pass.inverses, pass.epsilon, pass.rows,
         pass.width);
}

template <class T, int N>
void launch_backward(const AddNormBackward& pass, GpuStream stream) {
  const Layout layout = layout_of(pass.width, N);
  const std::int64_t blocks = backward_blocks(pass.rows, layout), sums = blocks * layout.rows;
  const BackwardPointers<T> tensors{
      static_cast<const T*>(pass.d_normed),
      pass.d_sum,
      pass.sum,
      pass.gain,
      pass.means,
      pass.inverses,
      pass.d_x,
      static_cast<T*>(pass.d_y),
      pass.partial,
      pass.d_bias == nullptr ? nullptr : pass.partial + sums * pass.width};
  launch("add_norm_backward", add_norm_backward_kernel<T, N>, dim3(static_cast<unsigned>(blocks)),
         dim3(layout.threads, layout.rows), stream, tensors, pass.rows, pass.width);
  column_sums(tensors.gain_partial, pass.d_gain, 1, sums, pass.width, stream);
  if (pass.d_bias != nullptr) {
    column_sums(tensors.bias_partial, pass.d_bias, 1, sums, pass.width, stream);
  }
}

int values_a_thread(std::int64_t width) { return width % kMostValues == 0 ? kMostValues : 1; }

}  // namespace

bool norm_takes(std::int64_t width) {
  return width <= static_cast<std::int64_t>(kMostThreads) * values_a_thread(width);
}

void add_norm_forward(const AddNormForward& pass, GpuStream stream) {
  if (pass.rows == 0) return;
  const bool packed = values_a_thread(pass.width) == kMostValues;
  if (pass.element == Element::kFloat) {
    packed ? launch_forward<float, kMostValues>(pass, stream)
           : launch_forward<float, 1>(pass, stream);
  } else {
    packed ? launch_forward<__nv_bfloat16, kMostValues>(pass, stream)
           : launch_forward<__nv_bfloat16, 1>(pass, stream);
  }
}

std::int64_t add_norm_partials(std::int64_t rows, std::int64_t width) {
  const Layout layout = layout_of(width, values_a_thread(width));
  return 2 * backward_blocks(rows, layout) * layout.rows * width;
}

void add_norm_backward(const AddNormBackward& pass, GpuStream stream) {
  const bool packed = values_a_thread(pass.width) == kMostValues;
  if (pass.element == Element::kFloat) {
    packed ? launch_backward<float, kMostValues>(pass, stream)
           : launch_backward<float, 1>(pass, stream);
  } else {
    packed ? launch_backward<__nv_bfloat16, kMostValues>(pass, stream)
           : launch_backward<__nv_bfloat16, 1>(pass, stream);
  }
}

}  // namespace isoflop
