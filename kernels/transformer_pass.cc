#include "kernels/transformer_pass.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "core/error.h"

namespace isoflop {
namespace {

// Tokens at once: at least 128, and so many that a layer's activations, about 24 d each, outweigh
// its 12 d^2 weights, which every chunk reads anew. More only drives activations out of the cache.
constexpr std::int64_t kFewestTokens = 128;
constexpr std::int64_t kLongestKeptAttention = 512;
constexpr std::int64_t kMostLogits = 512 * 1024;  // floats, but at least 16 columns

std::int64_t rounded_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

// Hands out stretches of one block of memory; without memory it only counts.
class Arena {
 public:
  explicit Arena(float* memory) : memory_(memory) {}
  float* take(std::int64_t count) {
    float* here = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += rounded_up(count, 16);
    return here;
  }
  std::int64_t used() const { return used_; }

 private:
  float* memory_;
  std::int64_t used_ = 0;
};

}  // namespace

class TransformerPass::Workspace {
 public:
  Workspace(const ModelConfig& config, const Kernels& kernels)
      : config_(config), kernels_(kernels) {
    padded_ = rounded_up(config.context, 16);
    const std::int64_t tokens = std::max(kFewestTokens, 2 * config.width);
    most_windows_ = std::max<std::int64_t>(1, tokens / padded_);
  }

  double add_gradients(const TransformerTensors<const float>& weights,
                       const TransformerTensors<float>& d_weights, const TokenBatch& batch,
                       double scale) {
    check(batch);
    const auto predictions = static_cast<double>(
        std::count_if(batch.targets.begin(), batch.targets.end(), [](auto t) { return t >= 0; }));
    double sum = 0;
    for (std::int64_t first = 0; first < batch.sequences; first += most_windows_) {
      const TransformerPassShape shape = load_chunk(batch, first, scale / predictions);
      kernels_.transformer_gradients(shape, weights, buffers_, d_weights);
      for (std::int64_t window = 0; window < shape.grid.windows; ++window) {
        const float* losses = buffers_.losses + window * padded_;
        for (std::int64_t t = 0; t < config_.context; ++t) sum += losses[t];
      }
    }
    return sum / predictions;
  }

  void token_losses(const TransformerTensors<const float>& weights, const TokenBatch& batch,
                    std::span<float> losses) {
    check(batch);
    for (std::int64_t first = 0; first < batch.sequences; first += most_windows_) {
      const TransformerPassShape shape = load_chunk(batch, first, 0.0);
      kernels_.transformer_losses(shape, weights, buffers_);
      for (std::int64_t window = 0; window < shape.grid.windows; ++window) {
        std::copy_n(buffers_.losses + window * padded_, config_.context,
                    losses.begin() + (first + window) * config_.context);
      }
    }
  }

 private:
  // All tokens must exist, and something must be predicted.
  void check(const TokenBatch& batch) const {
    const auto size = static_cast<std::size_t>(batch.sequences * config_.context);
    if (batch.length != config_.context || batch.sequences < 1 || batch.inputs.size() != size ||
        batch.targets.size() != size) {
      throw usage_error("batch: " + std::to_string(batch.inputs.size()) + " tokens in " +
                        std::to_string(batch.sequences) + " sequences are not sequences of " +
                        std::to_string(config_.context) + ": give context tokens for each");
    }
    const auto [least, most] = std::minmax_element(batch.inputs.begin(), batch.inputs.end());
    const auto farthest = *std::max_element(batch.targets.begin(), batch.targets.end());
    if (*least < 0 || std::max(*most, farthest) >= config_.vocab) {
      throw usage_error("batch: token " +
                        std::to_string(*least < 0 ? *least : std::max(*most, farthest)) +
                        " is not in a vocabulary of " + std::to_string(config_.vocab) +
                        ": set model.vocab to the corpus' vocabulary");
    }
    if (farthest < 0) throw usage_error("batch: predicts no token: give targets");
  }

  // Puts the tokens of the next windows in place, with memory for them.
  TransformerPassShape load_chunk(const TokenBatch& batch, std::int64_t first,
                                  double gradient_scale) {
    const std::int64_t windows = std::min(most_windows_, batch.sequences - first);
    make_room(std::min(most_windows_, batch.sequences));
    std::fill(inputs_.begin(), inputs_.end(), -1);
    std::fill(targets_.begin(), targets_.end(), -1);
    for (std::int64_t window = 0; window < windows; ++window) {
      const std::int64_t from = (first + window) * config_.context;
      std::copy_n(batch.inputs.begin() + from, config_.context, inputs_.begin() + window * padded_);
      std::copy_n(batch.targets.begin() + from, config_.context,
                  targets_.begin() + window * padded_);
    }
    const double relative_width = config_.mup_base > 0 ? static_cast<double>(config_.width) /
                                                             static_cast<double>(config_.mup_base)
                                                       : 1.0;
    return {.config = config_,
            .grid = {windows, padded_, stride_},
            .logit_scale = static_cast<float>(1.0 / relative_width),
            .gradient_scale = static_cast<float>(gradient_scale)};
  }

  void make_room(std::int64_t windows) {
    if (windows * padded_ <= columns_) return;
    columns_ = windows * padded_;
    // Rows a power of two apart would share the few sets of a cache.
    stride_ = columns_ + 16;
    inputs_.resize(static_cast<std::size_t>(stride_));
    targets_.resize(static_cast<std::size_t>(stride_));
    blocks_.resize(static_cast<std::size_t>(config_.layers));
    Arena counter(nullptr);
    lay_out(counter);
    const auto size = static_cast<std::size_t>(counter.used());
    memory_.reset();
    memory_.reset(
        static_cast<float*>(::operator new[](size * sizeof(float), std::align_val_t{64})));
    std::fill_n(memory_.get(), size, 0.0f);
    Arena arena(memory_.get());
    lay_out(arena);
    fill_rotary_tables();
  }

  float* take_rows(Arena& arena, std::int64_t rows) const { return arena.take(rows * stride_); }

  void lay_out(Arena& arena) {
    const std::int64_t d = config_.width, mixed = config_.heads * config_.head_size;
    const std::int64_t inner =
        (config_.feed_forward == FeedForward::kSwiglu ? 2 : 1) * config_.hidden;
    const auto rows = [&](std::int64_t count) { return take_rows(arena, count); };
    const bool keep = padded_ <= kLongestKeptAttention;
    const std::int64_t tiles =
        keep ? ISOFLOP_ISA::attention_tiles_size(padded_) : ISOFLOP_ISA::kQueries * padded_;
    const std::int64_t tile_sets = keep ? columns_ / padded_ * config_.heads : 1;
    for (BlockState& block : blocks_) {
      block = {.attention_unit = rows(d),
               .attention_inverse = rows(1),
               .attention_in = rows(d),
               .qkv = rows(3 * mixed),
               .qk_inverse = rows(2 * config_.heads),
               .turned = rows(2 * mixed),
               .tiles = arena.take(tiles * tile_sets),
               .inverse_sums = rows(config_.heads),
               .mixed = rows(mixed),
               .feed_forward_unit = rows(d),
               .feed_forward_inverse = rows(1),
               .feed_forward_in = rows(d),
               .slope = rows(inner),
               .active = rows(config_.hidden)};
    }
    lay_out_rotary(arena);
    BlockScratch& scratch = buffers_.scratch;
    scratch.cos = cos_;
    scratch.sin = sin_;
    scratch.tiles_per_head = keep ? tiles : 0;
    scratch.d_narrow = rows(std::max(d, mixed));
    scratch.d_wide = rows(std::max(3 * mixed, inner));
    scratch.d_turned = rows(2 * mixed);
    scratch.attention = arena.take(ISOFLOP_ISA::attention_scratch_size(config_.head_size, padded_));
    lay_out_ends(arena);
  }

  void lay_out_ends(Arena& arena) {
    const std::int64_t d = config_.width;
    const auto rows = [&](std::int64_t count) { return take_rows(arena, count); };
    buffers_.blocks = blocks_.data();
    buffers_.x = rows(d);
    buffers_.final_unit = rows(d);
    buffers_.final_inverse = rows(1);
    buffers_.final_norm = rows(d);
    buffers_.d_x = rows(d);
    buffers_.by_token = rows(d);
    buffers_.head_columns =
        std::clamp<std::int64_t>(kMostLogits / config_.vocab / 16 * 16, 16, columns_);
    buffers_.logits = arena.take(config_.vocab * buffers_.head_columns);
    buffers_.sums = rows(1);
    buffers_.losses = rows(1);
    buffers_.inputs = inputs_.data();
    buffers_.targets = targets_.data();
  }

  void lay_out_rotary(Arena& arena) {
    if (config_.positions != Positions::kRotary) return;
    cos_ = take_rows(arena, config_.head_size / 2);
    sin_ = take_rows(arena, config_.head_size / 2);
  }

  void fill_rotary_tables() {
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

  struct AlignedDelete {
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
  };

  ModelConfig config_;
  Kernels kernels_;
  std::int64_t padded_ = 0, most_windows_ = 0;
  std::int64_t columns_ = 0, stride_ = 0;  // what there is memory for
  std::unique_ptr<float[], AlignedDelete> memory_;
  std::vector<BlockState> blocks_;
  std::vector<std::int32_t> inputs_, targets_;
  float *cos_ = nullptr, *sin_ = nullptr;
  TransformerBuffers buffers_{};
};

TransformerPass::TransformerPass(const ModelConfig& config, const Kernels& kernels)
    : workspace_(std::make_unique<Workspace>(config, kernels)) {}
TransformerPass::~TransformerPass() = default;
TransformerPass::TransformerPass(TransformerPass&&) noexcept = default;
TransformerPass& TransformerPass::operator=(TransformerPass&&) noexcept = default;

double TransformerPass::add_gradients(const TransformerTensors<const float>& weights,
                                      const TransformerTensors<float>& d_weights,
                                      const TokenBatch& batch, double scale) {
  return workspace_->add_gradients(weights, d_weights, batch, scale);
}

void TransformerPass::token_losses(const TransformerTensors<const float>& weights,
                                   const TokenBatch& batch, std::span<float> losses) {
  workspace_->token_losses(weights, batch, losses);
}

}  // namespace isoflop
