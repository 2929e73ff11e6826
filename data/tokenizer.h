// SentencePiece: training a lossless BPE, and text to ids with any SentencePiece model.
//
// A trained model gives back every byte of UTF-8 text: no normalization, no removed or added
// spaces, and pieces for the 256 bytes that stand in for characters without a piece
// (normalization_rule_name=identity, remove_extra_whitespaces=false, add_dummy_prefix=false,
// byte_fallback=true). Training is deterministic.
//
// SentencePiece works on lines. Text is cut into segments at newlines, at a literal U+2581 (which
// SentencePiece uses for the space; it is written as its three bytes) and, in lines beyond
// kLongestSegment bytes, at a space. A newline never enters a piece: it is the model's piece for
// "\n", else <0x0A>.
//
// Where no piece holds a space but at its start, segments are encoded word by word with a cache,
// which gives the same ids many times faster (tests compare).
//
// Errors: Error(kUsage) when a model cannot be read or has no piece for newline, or a vocabulary is
// impossible. Threads: one object, one thread.
// Source: Kudo and Richardson 2018, arXiv:1808.06226; google/sentencepiece, doc/options.md.
#ifndef ISOFLOP_DATA_TOKENIZER_H_
#define ISOFLOP_DATA_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

inline constexpr std::size_t kLongestSegment = 16384;       // bytes
inline constexpr std::string_view kSpaceSymbol = "\u2581";  // U+2581, how pieces write a space

// Trains a BPE model of `vocab` pieces on segments and returns it as the bytes of a .model file.
std::string train_bpe(const std::vector<std::string>& segments, std::int64_t vocab);

class Tokenizer {
 public:
  explicit Tokenizer(const std::string& model, const std::string& name);  // bytes; for messages
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  std::int64_t vocab() const;

  // Appends the ids of one segment: no newline in it, and kSpaceSymbol only as the whole of it.
  void encode_segment(std::string_view segment, std::vector<std::int32_t>& ids);
  // Appends the bytes that the ids of one segment stand for.
  void decode_segment(const std::vector<std::int32_t>& ids, std::string& text) const;
  std::int32_t newline() const;
  // By id: the piece starts with white space (data/word_starts.h).
  std::vector<bool> word_starts() const;

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TOKENIZER_H_
