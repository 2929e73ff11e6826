// Which tokens begin a word, for whole-word masking.
//
// A word is a run of tokens of which only the first begins one. What begins a word is the white
// space before it, as SentencePiece writes it: a piece that starts with U+2581 (the space), with a
// newline or other white space; among bytes space, tab, line feed, vertical tab, form feed and
// carriage return. So "the law.\nof" is "the", " law.", "\nof".
//
// Errors: Error(kUsage) where nobody can know: token files of another tool (tokenizer "external"),
// a tokenizer's file that is gone or not the corpus' own.
#ifndef ISOFLOP_DATA_WORD_STARTS_H_
#define ISOFLOP_DATA_WORD_STARTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"

namespace isoflop {

class WordStarts {
 public:
  explicit WordStarts(std::vector<bool> begins) : begins_(std::move(begins)) {}
  // Tokens that the corpus does not have begin a word.
  bool operator()(std::int32_t token) const {
    const auto id = static_cast<std::size_t>(token);
    return id >= begins_.size() || begins_[id];
  }

 private:
  std::vector<bool> begins_;  // by id
};

bool is_white_space(char byte);

// Of the corpus in that folder; of a mixture, `corpus_dir` and `manifest` are those of any part.
WordStarts read_word_starts(const std::string& corpus_dir, const CorpusManifest& manifest);

// Throws as read_word_starts does where the manifest alone says that words are not known.
void require_known_words(const CorpusManifest& manifest);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_WORD_STARTS_H_
