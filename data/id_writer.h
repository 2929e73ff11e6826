// A corpus' own token file (data/token_file.h) as it is written: ids little-endian, hashed on the
// way.
//
// Errors: Error(kFailed) naming the file.
#ifndef ISOFLOP_DATA_ID_WRITER_H_
#define ISOFLOP_DATA_ID_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/corpus_manifest.h"
#include "core/hash.h"
#include "data/staging.h"

namespace isoflop {

class IdWriter {
 public:
  // Creates tokens.bin in `folder`, with ids of 1, 2 or 4 bytes.
  IdWriter(const std::filesystem::path& folder, std::int64_t token_bytes);

  void write(std::span<const std::int32_t> ids);
  // Ids of one byte as they are.
  void write_bytes(std::string_view bytes);

  // Everything to the disk; fills token_bytes, tokens and tokens_sha256.
  void finish(CorpusManifest& manifest);

 private:
  File file_;
  std::int64_t token_bytes_;
  std::int64_t bytes_ = 0;
  Sha256 digest_;
  std::string buffer_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_ID_WRITER_H_
