// The memory of a TransformerPass: one stretch for all activations, taken when first needed, and
// taken anew only for a larger pass.
#ifndef ISOFLOP_KERNELS_PASS_MEMORY_H_
#define ISOFLOP_KERNELS_PASS_MEMORY_H_

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "core/model_config.h"
#include "core/router_stats.h"
#include "kernels/transformer.h"

namespace isoflop {

// Hands out stretches of one block of memory; without memory it only counts.
template <class T>
class Arena {
 public:
  explicit Arena(T* memory) : memory_(memory) {}
  T* take(std::int64_t count) {
    T* here = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (count + 15) / 16 * 16;
    return here;
  }
  std::int64_t used() const { return used_; }

 private:
  T* memory_;
  std::int64_t used_ = 0;
};

class PassMemory {
 public:
  explicit PassMemory(const ModelConfig& config);

  // Windows that lie side by side in a chunk.
  std::int64_t per_chunk() const { return per_chunk_; }
  // For a pass of this many windows: chunk after chunk where they are more than per_chunk().
  void make_room(std::int64_t windows);
  // How a pass of this many windows, for which there is room, lies.
  TokenChunks tokens(std::int64_t windows) const;
  ExpertsShape experts(std::int64_t windows) const;

  const TransformerBuffers& buffers() const { return buffers_; }

 private:
  struct Arenas {
    Arena<float> floats;
    Arena<std::int32_t> words;
    Arena<std::int64_t> places;
  };
  void lay_out(Arenas& arenas);
  void lay_out_blocks(Arenas& arenas);
  void lay_out_experts(Arenas& arenas);
  void lay_out_scratch(Arenas& arenas);
  void lay_out_ends(Arenas& arenas);
  void share_among_chunks();
  void fill_rotary_tables();
  float* rows(Arenas& arenas, std::int64_t count) const {
    return arenas.floats.take(count * stride_);
  }
  bool keeps_tiles() const;

  struct AlignedDelete {
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
  };

  ModelConfig config_;
  std::int64_t padded_ = 0, per_chunk_ = 0;
  // What there is memory for: windows, chunks, columns of a chunk and the rows of these.
  std::int64_t windows_ = 0, room_ = 0, columns_ = 0, stride_ = 0;
  std::unique_ptr<float[], AlignedDelete> floats_;
  std::vector<std::int32_t> words_;
  std::vector<std::int64_t> places_;
  std::vector<BlockState> blocks_;
  std::vector<ExpertsState> experts_;
  std::vector<RouterStats> router_stats_;
  float *cos_ = nullptr, *sin_ = nullptr;
  TransformerBuffers buffers_{};
};

}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_PASS_MEMORY_H_
