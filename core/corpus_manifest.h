// What is in a prepared corpus; stored beside its tokens as manifest.json (io/manifest_json.h).
#ifndef ISOFLOP_CORE_CORPUS_MANIFEST_H_
#define ISOFLOP_CORE_CORPUS_MANIFEST_H_

#include <cstdint>
#include <optional>
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

// Tokens that stay in a file of another tool: ids of 1, 2, 4 or 8 bytes, little-endian.
struct TokenShard {
  std::string path;              // absolute, or as seen from the corpus' folder
  std::int64_t offset = 0;       // bytes before the first id
  std::int64_t tokens = 0;       // ids
  std::int64_t token_bytes = 2;  // bytes an id takes
  std::int64_t file_bytes = 0;   // of the whole file, and
  std::int64_t modified = 0;     // when it was last written, seconds since 1970: to see a change
  std::string licence;           // as given by the user; "not stated" otherwise

  bool operator==(const TokenShard&) const = default;
};

// A corpus that a mixture is made of.
struct CorpusPart {
  std::string name;      // the part's own name, no two alike
  std::string dir;       // absolute, or as seen from the mixture's folder
  std::string identity;  // CorpusManifest::identity() of the part
  double weight = 0;     // share of the tokens; all sum to 1

  bool operator==(const CorpusPart&) const = default;
};

// Tokens are split into blocks; a block is held out when a hash of (split_seed, block index) says
// so, so that the held-out set is spread over the whole corpus and never its tail.
struct CorpusManifest {
  std::string name;
  std::string tokenizer = "bytes";  // or "sentencepiece", or "external": not known to us
  std::string tokenizer_file;       // below the corpus' folder; empty where there is none
  std::string tokenizer_sha256;     // of that file
  std::int64_t vocab = 256;
  std::int64_t token_bytes = 1;  // bytes an id takes in the token file: 1, 2 or 4
  std::int64_t tokens = 0;
  std::int64_t text_bytes = 0;  // of the text that the tokens stand for; 0: not known
  std::string tokens_sha256;    // of the ids, token_bytes each
  std::int64_t block_tokens = 65536;
  std::int64_t split_seed = 0;
  double heldout_fraction = 0.05;
  std::int64_t train_tokens = 0;
  std::int64_t heldout_tokens = 0;
  std::vector<CorpusSource> sources;
  // Where the tokens lie, one shard after the other; empty: in the corpus' own token file.
  std::vector<TokenShard> shards;
  // Of a mixture, which has no tokens of its own: name, tokenizer, vocab and these are all it says.
  std::vector<CorpusPart> parts = {};

  // What a trial's identity names: tokens, tokenizer and split together; of a mixture, its parts'
  // identities and weights.
  std::string identity() const;

  // Bytes of text a token stands for; absent where text_bytes is not known.
  std::optional<double> bytes_per_token() const;

  bool operator==(const CorpusManifest&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_CORPUS_MANIFEST_H_
