// A prepared corpus' tokens on disk, read where they lie.
//
// The ids are one row, though they may lie in many files: the corpus' own tokens.bin (nothing but
// ids, manifest.token_bytes each) or the shards that its manifest lists, which stay where another
// tool wrote them. Ids take 1, 2, 4 or 8 bytes, little-endian, by the shard, and are read as int32.
//
// Every file is mapped read-only: opening costs no memory and reads no page, whatever the size;
// pages come in when windows are read, and workers of one machine share them.
//
// Errors: Error(kFailed) naming the file when it is missing, not as long as its manifest says, or,
// for a shard, written since the corpus was prepared (the ids could be others: a trial's identity
// names them by hash). Threads: reading is safe from any number. Files must not be rewritten while
// open; data/prepare_corpus.h never does that.
#ifndef ISOFLOP_DATA_TOKEN_FILE_H_
#define ISOFLOP_DATA_TOKEN_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"

namespace isoflop {

inline constexpr const char* kTokenFileName = "tokens.bin";

// A whole file, mapped for reading; empty files are no error and map nothing.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::string& path);  // Error(kFailed): cannot be opened or mapped
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::uint8_t> bytes() const { return bytes_; }
  std::int64_t modified() const { return modified_; }  // seconds since 1970

 private:
  std::span<const std::uint8_t> bytes_;
  std::int64_t modified_ = 0;
};

class TokenFile {
 public:
  // Opens what the manifest says, which must hold exactly manifest.tokens ids.
  TokenFile(const std::string& corpus_dir, const CorpusManifest& manifest);

  std::int64_t size() const { return size_; }  // tokens

  // Copies the ids [first, first + out.size()). Throws Error(kFailed) past the end.
  void read(std::int64_t first, std::span<std::int32_t> out) const;

 private:
  struct Shard {
    MappedFile file;
    const std::uint8_t* ids = nullptr;
    std::int64_t token_bytes = 1;
    std::int64_t end = 0;  // tokens up to and with this shard
  };
  void add(MappedFile file, const TokenShard& shard);

  std::string name_;  // for messages
  std::vector<Shard> shards_;
  std::int64_t size_ = 0;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TOKEN_FILE_H_
