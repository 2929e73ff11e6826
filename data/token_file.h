// A prepared corpus' tokens on disk, read where they lie.
//
// The file (tokens.bin) is nothing but ids, one byte each, in the order of the text. It is mapped
// read-only: opening costs no memory, pages come in when windows are read, and workers of one
// machine share them.
//
// Errors: Error(kFailed) naming the file and both sizes when it is missing or not as long as its
// manifest says. Threads: reading is safe from any number. The file must not be rewritten while
// open; prepare_text never does that.
#ifndef ISOFLOP_DATA_TOKEN_FILE_H_
#define ISOFLOP_DATA_TOKEN_FILE_H_

#include <cstdint>
#include <span>
#include <string>

#include "core/corpus_manifest.h"

namespace isoflop {

inline constexpr const char* kTokenFileName = "tokens.bin";

class TokenFile {
 public:
  // Opens `corpus_dir`/tokens.bin, which must hold exactly manifest.tokens ids.
  TokenFile(const std::string& corpus_dir, const CorpusManifest& manifest);
  ~TokenFile();
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  std::int64_t size() const { return size_; }  // tokens

  // Copies the ids [first, first + out.size()). Throws Error(kFailed) past the end.
  void read(std::int64_t first, std::span<std::int32_t> out) const;

 private:
  std::string path_;
  const std::uint8_t* ids_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TOKEN_FILE_H_
