// What is in a prepared corpus; stored beside its tokens as manifest.json (io/manifest_json.h).
#ifndef ISOFLOP_CORE_CORPUS_MANIFEST_H_
#define ISOFLOP_CORE_CORPUS_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

struct CorpusSource {
  std::string name;  // file name without its folder
  std::int64_t bytes = 0;
  std::string sha256;   // of the file
  std::string licence;  // as given by the user; "not stated" otherwise

  bool operator==(const CorpusSource&) const = default;
};

// Tokens are split into blocks; a block is held out when a hash of (split_seed, block index) says
// so, so that the held-out set is spread over the whole corpus and never its tail.
struct CorpusManifest {
  std::string name;
  std::string tokenizer = "bytes";
  std::int64_t vocab = 256;
  std::int64_t token_bytes = 1;  // bytes an id takes in the file
  std::int64_t tokens = 0;
  std::int64_t text_bytes = 0;
  std::string tokens_sha256;  // of the token file
  std::int64_t block_tokens = 65536;
  std::int64_t split_seed = 0;
  double heldout_fraction = 0.05;
  std::int64_t train_tokens = 0;
  std::int64_t heldout_tokens = 0;
  std::vector<CorpusSource> sources;

  // What a trial's identity names: tokens, tokenizer and split together.
  std::string identity() const;

  bool operator==(const CorpusManifest&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_CORPUS_MANIFEST_H_
