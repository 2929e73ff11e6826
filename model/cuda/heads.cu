#include <limits>

#include "model/cuda/block.h"
#include "model/cuda/column_sums.h"
#include "model/cuda/heads.h"

namespace isoflop {
namespace {

// A vector is one head of one token's q, k or v. A team of lanes, a power of two of them, has it in
// registers: lane l the pairs (i, i + size/2) for i = l P ... l P + P - 1.
constexpr int kThreads = 256;
constexpr int kPairs = 4;                          // P, where size is a multiple of 8; else 1
constexpr std::int64_t kMostBackwardBlocks = 512;  // fixed, and so is the order of the sums

int pairs_of(std::int64_t size) { return size % (2 * kPairs) == 0 ? kPairs : 1; }

int team_of(std::int64_t size) {
  int team = 1;
  while (team * pairs_of(size) < size / 2) team *= 2;
  return team;
}

// Of q and k apart (blockIdx.y), so that a team's gain is one.
std::int64_t blocks_of(const HeadShape& shape) {
  return divide_up(shape.tokens * shape.heads, kThreads / team_of(shape.size));
}

std::int64_t backward_blocks(const HeadShape& shape) {
  const std::int64_t blocks = blocks_of(shape);
  return blocks < kMostBackwardBlocks ? blocks : kMostBackwardBlocks;
}

struct Team {
  int lanes, lane;
  std::int64_t first, stride;  // of the vectors that it goes through

  __device__ explicit Team(int team)
      : lanes(team),
        lane(static_cast<int>(threadIdx.x) % team),
        first((static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / team),
        stride(static_cast<std::int64_t>(gridDim.x) * (kThreads / team)) {}
};

// The two halves of a vector, as far as this lane has them.
template <int P>
struct Halves {
  float low[P], high[P];
};

template <class T, int P>
__device__ Halves<P> load_halves(const T* vector, const Team& team, int half, bool is_there) {
  Halves<P> values{};
  const int i = team.lane * P;
  if (!is_there || i >= half) return values;
  load(vector + i, values.low);
  load(vector + i + half, values.high);
  return values;
}

template <class T, int P>
__device__ void store_halves(const Halves<P>& values, T* vector, const Team& team, int half) {
  const int i = team.lane * P;
  if (i >= half) return;
  store(vector + i, values.low);
  store(vector + i + half, values.high);
}

template <int P>
__device__ float team_product(const Halves<P>& a, const Halves<P>& b, const Team& team) {
  float sum = 0;
#pragma unroll
  for (int p = 0; p < P; ++p) sum += a.low[p] * b.low[p] + a.high[p] * b.high[p];
  return lanes_sum(sum, team.lanes);
}

template <int P>
__device__ Halves<P> times(const Halves<P>& a, const Halves<P>& b) {
  Halves<P> product;
#pragma unroll
  for (int p = 0; p < P; ++p) {
    product.low[p] = a.low[p] * b.low[p];
    product.high[p] = a.high[p] * b.high[p];
  }
  return product;
}

template <int P>
__device__ Halves<P> times(const Halves<P>& a, float by) {
  Halves<P> product;
#pragma unroll
  for (int p = 0; p < P; ++p) {
    product.low[p] = a.low[p] * by;
    product.high[p] = a.high[p] * by;
  }
  return product;
}

// By the angles of the table's row; `way` -1 turns back.
template <int P>
__device__ Halves<P> turn(const Halves<P>& u, const float* cos, const float* sin, const Team& team,
                          int half, float way) {
  const int first = team.lane * P;
  if (first >= half) return u;
  Halves<P> turned;
  float c[P], s[P];
  load(cos + first, c);
  load(sin + first + half, s);
#pragma unroll
  for (int p = 0; p < P; ++p) {
    turned.low[p] = u.low[p] * c[p] - u.high[p] * way * s[p];
    turned.high[p] = u.high[p] * c[p] + u.low[p] * way * s[p];
  }
  return turned;
}

// The vector of q (which = 0), k (1) or v (2) in qkv. Divisions of 32 bits: of 64 they would take
// longer than all else.
__device__ std::int64_t place_in_qkv(const HeadShape& shape, std::int64_t vector, int which) {
  const auto heads = static_cast<unsigned>(shape.heads), v = static_cast<unsigned>(vector);
  const std::int64_t token = v / heads, head = v % heads;
  return ((token * 3 + which) * shape.heads + head) * shape.size;
}

__device__ std::int64_t table_row(const HeadShape& shape, std::int64_t vector) {
  const unsigned token = static_cast<unsigned>(vector) / static_cast<unsigned>(shape.heads);
  return static_cast<std::int64_t>(token % static_cast<unsigned>(shape.length)) * shape.size;
}

template <class T, int P>
__global__ void turn_heads_kernel(TurnHeads pass, int lanes) {
  const HeadShape& shape = pass.shape;
  const Team team(lanes);
  const int half = static_cast<int>(shape.size / 2), which = static_cast<int>(blockIdx.y);
  const std::int64_t vectors = shape.tokens * shape.heads, vector = team.first;
  const bool is_there = vector < vectors;
  const T* from = static_cast<const T*>(pass.qkv) + place_in_qkv(shape, vector, which);
  Halves<P> u = load_halves<T, P>(from, team, half, is_there);
  if (pass.gain != nullptr) {
    const float mean = team_product(u, u, team) / static_cast<float>(shape.size);
    const float* gain = pass.gain + which * shape.size;
    u = times(times(u, rsqrtf(mean + shape.epsilon)),
              load_halves<float, P>(gain, team, half, true));
  }
  if (!is_there) return;
  if (pass.cos != nullptr) {
    const std::int64_t row = table_row(shape, vector);
    u = turn(u, pass.cos + row, pass.sin + row, team, half, 1.0f);
  }
  T* to = static_cast<T*>(pass.turned) + (which * vectors + vector) * shape.size;
  store_halves(u, to, team, half);
}

// dx of one vector of q or k; adds to d_gain.
template <class T, int P>
__device__ Halves<P> backward_vector(const TurnHeadsBackward& pass, const Team& team, int half,
                                     std::int64_t vector, int which, bool is_there,
                                     Halves<P>& d_gain) {
  const HeadShape& shape = pass.shape;
  const auto* d_turned = static_cast<const T*>(which == 0 ? pass.d_q : pass.d_k);
  Halves<P> du = load_halves<T, P>(d_turned + vector * shape.size, team, half, is_there);
  if (pass.cos != nullptr && is_there) {
    const std::int64_t row = table_row(shape, vector);
    du = turn(du, pass.cos + row, pass.sin + row, team, half, -1.0f);
  }
  if (pass.gain == nullptr) return du;
  const T* from = static_cast<const T*>(pass.qkv) + place_in_qkv(shape, vector, which);
  const Halves<P> x = load_halves<T, P>(from, team, half, is_there);
  const auto over_size = 1.0f / static_cast<float>(shape.size);
  const float inverse = rsqrtf(team_product(x, x, team) * over_size + shape.epsilon);
  const Halves<P> normal = times(x, inverse), share = times(du, normal);
  const Halves<P> slope =
      times(du, load_halves<float, P>(pass.gain + which * shape.size, team, half, true));
  const float along = team_product(slope, normal, team) * over_size;
  Halves<P> dx;
#pragma unroll
  for (int p = 0; p < P; ++p) {
    d_gain.low[p] += share.low[p];
    d_gain.high[p] += share.high[p];
    dx.low[p] = inverse * (slope.low[p] - normal.low[p] * along);
    dx.high[p] = inverse * (slope.high[p] - normal.high[p] * along);
  }
  return dx;
}

template <class T, int P>
__global__ void turn_heads_backward_kernel(TurnHeadsBackward pass, int lanes) {
  const HeadShape& shape = pass.shape;
  const Team team(lanes);
  const int half = static_cast<int>(shape.size / 2), which = static_cast<int>(blockIdx.y);
  const std::int64_t vectors = shape.tokens * shape.heads;
  // The first vector of this block: all its threads go round as often, because lanes exchange.
  const std::int64_t ahead = team.first - static_cast<std::int64_t>(threadIdx.x) / lanes;
  Halves<P> d_gain{};
  for (std::int64_t block = ahead; block < vectors; block += team.stride) {
    const std::int64_t vector = block + team.first - ahead;
    const bool is_there = vector < vectors;
    const Halves<P> dx =
        which == 2 ? load_halves<T, P>(static_cast<const T*>(pass.d_v) + vector * shape.size, team,
                                       half, is_there)
                   : backward_vector<T, P>(pass, team, half, vector, which, is_there, d_gain);
    if (!is_there) continue;
    T* to = static_cast<T*>(pass.d_qkv) + place_in_qkv(shape, vector, which);
    store_halves(dx, to, team, half);
  }
  if (pass.gain == nullptr || which == 2) return;
  store_halves(d_gain, pass.partial + (which * team.stride + team.first) * shape.size, team, half);
}

template <class T>
void launch_turn(const TurnHeads& pass, GpuStream stream) {
  const dim3 grid(static_cast<unsigned>(blocks_of(pass.shape)), 2);
  const bool packed = pairs_of(pass.shape.size) == kPairs;
  launch("turn_heads", packed ? turn_heads_kernel<T, kPairs> : turn_heads_kernel<T, 1>, grid,
         dim3(kThreads), stream, pass, team_of(pass.shape.size));
}

template <class T>
void launch_turn_backward(const TurnHeadsBackward& pass, GpuStream stream) {
  const dim3 grid(static_cast<unsigned>(backward_blocks(pass.shape)), 3);
  const bool packed = pairs_of(pass.shape.size) == kPairs;
  launch("turn_heads_backward",
         packed ? turn_heads_backward_kernel<T, kPairs> : turn_heads_backward_kernel<T, 1>, grid,
         dim3(kThreads), stream, pass, team_of(pass.shape.size));
}

std::int64_t teams_of_backward(const HeadShape& shape) {
  return backward_blocks(shape) * (kThreads / team_of(shape.size));
}

}  // namespace

bool heads_take(const HeadShape& shape) {
  return shape.size % 2 == 0 && team_of(shape.size) <= kWarp &&
         shape.tokens * shape.heads <= std::numeric_limits<std::int32_t>::max();
}

void turn_heads(const TurnHeads& pass, GpuStream stream) {
  if (pass.shape.tokens == 0) return;
  if (pass.element == Element::kFloat) return launch_turn<float>(pass, stream);
  launch_turn<__nv_bfloat16>(pass, stream);
}

std::int64_t turn_heads_partials(const HeadShape& shape) {
  return 2 * teams_of_backward(shape) * shape.size;
}

void turn_heads_backward(const TurnHeadsBackward& pass, GpuStream stream) {
  if (pass.element == Element::kFloat) {
    launch_turn_backward<float>(pass, stream);
  } else {
    launch_turn_backward<__nv_bfloat16>(pass, stream);
  }
  if (pass.d_gain == nullptr) return;
  column_sums(pass.partial, pass.d_gain, 2, teams_of_backward(pass.shape), pass.shape.size, stream);
}

}  // namespace isoflop
