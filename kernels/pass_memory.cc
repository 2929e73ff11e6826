#include "kernels/pass_memory.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/attention.h"

namespace isoflop {
namespace {

// Tokens at once: at least 128, and so many that a layer's activations, about 24 d each, outweigh
// its 12 d^2 weights, which every chunk reads anew. More only drives activations out of the cache.
constexpr std::int64_t kFewestTokens = 128;
constexpr std::int64_t kLongestKeptAttention = 512;
constexpr std::int64_t kMostLogits = 512 * 1024;  // floats, but at least 16 columns

std::int64_t rounded_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

std::int64_t tokens_at_once(const ModelConfig& config) {
  return std::max(kFewestTokens, 2 * config.width);
}

std::int64_t inner_rows(const ModelConfig& config, std::int64_t hidden) {
  return (config.feed_forward == FeedForward::kSwiglu ? 2 : 1) * hidden;
}

// Of the feed-forward that all tokens pass through.
std::int64_t dense_hidden(const ModelConfig& config) {
  return config.sparse() ? config.shared_experts * config.expert_width() : config.hidden;
}

}  // namespace

PassMemory::PassMemory(const ModelConfig& config)
    : config_(config),
      padded_(rounded_up(config.context, 16)),
      per_chunk_(std::max<std::int64_t>(1, tokens_at_once(config) / padded_)) {}

void PassMemory::make_room(std::int64_t windows) {
  if (windows <= windows_) return;
  windows_ = windows;
  room_ = (windows + per_chunk_ - 1) / per_chunk_;
  columns_ = std::min(windows, per_chunk_) * padded_;
  // Rows a power of two apart would share the few sets of a cache.
  stride_ = columns_ + 16;
  Arenas counters{Arena<float>(nullptr), Arena<std::int32_t>(nullptr),
                  Arena<std::int64_t>(nullptr)};
  lay_out(counters);
  const auto size = static_cast<std::size_t>(counters.floats.used());
  floats_.reset();
  floats_.reset(static_cast<float*>(::operator new[](size * sizeof(float), std::align_val_t{64})));
  std::fill_n(floats_.get(), size, 0.0f);
  words_.assign(static_cast<std::size_t>(counters.words.used()), 0);
  places_.assign(static_cast<std::size_t>(counters.places.used()), 0);
  Arenas arenas{Arena<float>(floats_.get()), Arena<std::int32_t>(words_.data()),
                Arena<std::int64_t>(places_.data())};
  lay_out(arenas);
  share_among_chunks();
  fill_rotary_tables();
}

TokenChunks PassMemory::tokens(std::int64_t windows) const {
  return {windows, per_chunk_, config_.context, padded_, stride_};
}

ExpertsShape PassMemory::experts(std::int64_t windows) const {
  if (!config_.sparse()) return {};
  return {.experts = config_.experts,
          .per_token = config_.experts_per_token,
          .width = config_.width,
          .hidden = config_.expert_width(),
          .gated = config_.feed_forward == FeedForward::kSwiglu,
          .tokens = tokens(windows),
          .capacity = 0,
          .block_columns = rounded_up(tokens_at_once(config_), 16)};
}

bool PassMemory::keeps_tiles() const { return padded_ <= kLongestKeptAttention; }

void PassMemory::lay_out(Arenas& arenas) {
  lay_out_blocks(arenas);
  if (config_.sparse()) lay_out_experts(arenas);
  lay_out_scratch(arenas);
  lay_out_ends(arenas);
}

void PassMemory::lay_out_blocks(Arenas& arenas) {
  const std::int64_t d = config_.width, mixed = config_.heads * config_.head_size;
  const std::int64_t hidden = dense_hidden(config_);
  const std::int64_t keys = config_.masked() ? config_.context : 0;
  const auto take = [&](std::int64_t count) { return rows(arenas, count); };
  const std::int64_t tiles = keeps_tiles() ? ISOFLOP_ISA::attention_tiles_size(padded_, keys)
                                           : ISOFLOP_ISA::kQueries * padded_;
  const std::int64_t tile_sets = keeps_tiles() ? columns_ / padded_ * config_.heads : 1;
  buffers_.scratch.tiles_per_head = keeps_tiles() ? tiles : 0;
  blocks_.resize(static_cast<std::size_t>(config_.layers * room_));
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    float* feed_forward_in = take(d * room_);
    for (std::int64_t chunk = 0; chunk < room_; ++chunk) {
      blocks_[static_cast<std::size_t>(layer * room_ + chunk)] = {
          .attention_unit = take(d),
          .attention_inverse = take(1),
          .attention_in = take(d),
          .qkv = take(3 * mixed),
          .qk_inverse = take(2 * config_.heads),
          .turned = take(2 * mixed),
          .tiles = arenas.floats.take(tiles * tile_sets),
          .inverse_sums = take(config_.heads),
          .mixed = take(mixed),
          .feed_forward_unit = take(d),
          .feed_forward_inverse = take(1),
          .feed_forward_in = feed_forward_in,
          .slope = take(inner_rows(config_, hidden)),
          .active = take(hidden)};
    }
  }
  buffers_.blocks = blocks_.data();
  buffers_.room = room_;
}

void PassMemory::lay_out_experts(Arenas& arenas) {
  const std::int64_t E = config_.experts, k = config_.experts_per_token, d = config_.width;
  const ExpertsShape shape = experts(windows_);
  const std::int64_t columns = ISOFLOP_ISA::packed_columns(shape);
  experts_.resize(static_cast<std::size_t>(config_.layers));
  for (ExpertsState& state : experts_) {
    state = {.routers = {.probabilities = rows(arenas, E * room_),
                         .log_sums = rows(arenas, room_),
                         .entropies = rows(arenas, room_),
                         .gates = rows(arenas, k * room_),
                         .chosen = arenas.words.take(k * room_ * stride_)},
             .loads = arenas.places.take(E),
             .taken = arenas.places.take(E),
             .first = arenas.places.take(E),
             .next = arenas.places.take(E),
             .from = arenas.places.take(columns),
             .choice = arenas.places.take(columns),
             .in = arenas.floats.take(d * columns),
             .slope = arenas.floats.take(inner_rows(config_, shape.hidden) * columns),
             .active = arenas.floats.take(shape.hidden * columns)};
  }
  router_stats_.resize(experts_.size());
  buffers_.experts = experts_.data();
  buffers_.router_stats = router_stats_.data();
  const std::int64_t block = ISOFLOP_ISA::block_stride(shape.block_columns);
  buffers_.routed = {
      .block = {.narrow = arenas.floats.take(d * block),
                .wide = arenas.floats.take(inner_rows(config_, shape.hidden) * block),
                .row = arenas.floats.take(block)},
      .d_in = rows(arenas, d * room_),
      .d_gates = rows(arenas, k * room_),
      .d_shares = arenas.floats.take(E)};
}

// What experts take of all chunks at once: each chunk's own part of it.
void PassMemory::share_among_chunks() {
  const ExpertsShape shape = experts(windows_);
  for (std::int64_t place = 0; place < config_.layers * room_; ++place) {
    BlockState& block = blocks_[static_cast<std::size_t>(place)];
    const std::int64_t chunk = place % room_;
    block.feed_forward_in += chunk * config_.width * stride_;
    if (!config_.sparse()) continue;
    const ExpertsState& layer = experts_[static_cast<std::size_t>(place / room_)];
    block.router = ISOFLOP_ISA::router_of(shape, layer, chunk);
  }
}

void PassMemory::lay_out_scratch(Arenas& arenas) {
  const std::int64_t d = config_.width, mixed = config_.heads * config_.head_size;
  const std::int64_t inner = inner_rows(config_, dense_hidden(config_));
  if (config_.positions == Positions::kRotary) {
    cos_ = rows(arenas, config_.head_size / 2);
    sin_ = rows(arenas, config_.head_size / 2);
  }
  BlockScratch& scratch = buffers_.scratch;
  scratch.cos = cos_;
  scratch.sin = sin_;
  scratch.d_narrow = rows(arenas, std::max(d, mixed));
  scratch.d_wide = rows(arenas, std::max({3 * mixed, inner, config_.experts}));
  scratch.d_turned = rows(arenas, 2 * mixed);
  scratch.attention =
      arenas.floats.take(ISOFLOP_ISA::attention_scratch_size(config_.head_size, padded_));
}

void PassMemory::lay_out_ends(Arenas& arenas) {
  const std::int64_t d = config_.width;
  buffers_.x = rows(arenas, d * room_);
  buffers_.final_unit = rows(arenas, d);
  buffers_.final_inverse = rows(arenas, 1);
  buffers_.final_norm = rows(arenas, d);
  buffers_.d_x = rows(arenas, d * room_);
  buffers_.by_token = rows(arenas, d);
  buffers_.head_columns =
      std::clamp<std::int64_t>(kMostLogits / config_.vocab / 16 * 16, 16, columns_);
  buffers_.logits = arenas.floats.take(config_.vocab * buffers_.head_columns);
  buffers_.sums = rows(arenas, 1);
  buffers_.losses = rows(arenas, room_);
  buffers_.inputs = arenas.words.take(room_ * stride_);
  buffers_.targets = arenas.words.take(room_ * stride_);
  if (!config_.masked()) return;
  buffers_.predicted = arenas.words.take(stride_);
  buffers_.predicted_targets = arenas.words.take(stride_);
  buffers_.predicted_losses = rows(arenas, 1);
}

void PassMemory::fill_rotary_tables() {
  if (cos_ == nullptr) return;
  for (std::int64_t i = 0; i < config_.head_size / 2; ++i) {
    const double frequency =
        std::pow(config_.rotary_base,
                 -2.0 * static_cast<double>(i) / static_cast<double>(config_.head_size));
    for (std::int64_t t = 0; t < columns_; ++t) {
      const double angle = static_cast<double>(t % padded_) * frequency;
      cos_[i * stride_ + t] = static_cast<float>(std::cos(angle));
      sin_[i * stride_ + t] = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace isoflop
