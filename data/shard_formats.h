// Token files of other tools: where in them the ids lie.
//
//   nanoGPT     no header: little-endian uint16 (or uint32) ids, as numpy's tofile writes them
//   llm.c       256 int32: magic, version, number of ids, zeros; then the ids. 20240520 version 1:
//               uint16; 20240801 version 7: uint32. 20240522 are evaluation sets and are refused
//   Megatron    FILE.idx: "MMIDIDX\0\0", u64 version 1, u8 type, u64 sequences, u64 documents,
//               int32 lengths[sequences], int64 byte offsets[sequences], int64 document
//               indices[documents], perhaps int8 modes[sequences]; FILE.bin: the ids. All integer
//               types (u8, i8, i16, u16, i32, i64). The sequences must follow one another and fill
//               FILE.bin
//   NumPy       .npy, format 1 to 3: one-dimensional little-endian u1, u2, u4, i1, i2, i4, i8
//
// Sources: karpathy/nanoGPT data/openwebtext/prepare.py; karpathy/llm.c dev/data/data_common.py and
// llmc/dataloader.h; NVIDIA/Megatron-LM megatron/core/datasets/indexed_dataset.py; numpy
// lib/format.py.
//
// Errors: Error(kUsage) naming the file, the byte and both sizes when a file is empty, cut, or says
// of itself what does not agree; and what to do with kinds that cannot be read.
#ifndef ISOFLOP_DATA_SHARD_FORMATS_H_
#define ISOFLOP_DATA_SHARD_FORMATS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/corpus_manifest.h"
#include "data/input_files.h"

namespace isoflop {

inline constexpr std::int32_t kLlmcMagic16 = 20240520;
inline constexpr std::int32_t kLlmcMagic32 = 20240801;
inline constexpr std::int32_t kLlmcMagicEval = 20240522;
inline constexpr std::string_view kMegatronMagic{"MMIDIDX\0\0", 9};
inline constexpr std::string_view kNumpyMagic{"\x93NUMPY", 6};

// A shard as its file describes it. `is_signed` is of the ids' type: a negative id must not be
// taken for a large one.
struct DescribedShard {
  TokenShard shard;
  bool is_signed = false;
};

// Reads headers and index, not the ids. `token_bytes` is used for files without a header.
DescribedShard describe_shard(const InputFile& file, std::int64_t token_bytes);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_SHARD_FORMATS_H_
