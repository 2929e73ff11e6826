#include "data/word_starts.h"

#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/hash.h"
#include "data/staging.h"
#include "data/tokenizer.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

std::string tokenizer_bytes(const std::string& corpus_dir, const CorpusManifest& manifest) {
  const fs::path path = fs::path(corpus_dir) / manifest.tokenizer_file;
  const std::string where = "corpus " + manifest.name + ": " + path.string();
  if (manifest.tokenizer_file.empty() || !fs::is_regular_file(path)) {
    throw usage_error(where + ": the tokenizer is not there, and without it words are not known: " +
                      "put it back, or leave out train.whole_words");
  }
  File file = File::reading(path);
  std::string bytes(static_cast<std::size_t>(fs::file_size(path)), '\0');
  bytes.resize(file.read(bytes));
  if (sha256(bytes) == manifest.tokenizer_sha256) return bytes;
  throw usage_error(where + ": is not the tokenizer that the corpus was made with: put that one " +
                    "back, or prepare the corpus again");
}

}  // namespace

bool is_white_space(char byte) {
  return std::string_view(" \t\n\v\f\r").find(byte) != std::string_view::npos;
}

void require_known_words(const CorpusManifest& manifest) {
  if (manifest.tokenizer == "bytes" || manifest.tokenizer == "sentencepiece") return;
  throw usage_error("train.whole_words: corpus " + manifest.name + ": its tokens are of " +
                    "another tool, and which of them begin a word is not known: leave out " +
                    "train.whole_words, or prepare the corpus from its text");
}

WordStarts read_word_starts(const std::string& corpus_dir, const CorpusManifest& manifest) {
  require_known_words(manifest);
  if (manifest.tokenizer == "sentencepiece") {
    const Tokenizer tokenizer(tokenizer_bytes(corpus_dir, manifest), manifest.tokenizer_file);
    return WordStarts(tokenizer.word_starts());
  }
  std::vector<bool> begins(256);
  for (std::size_t byte = 0; byte < begins.size(); ++byte) {
    begins[byte] = is_white_space(static_cast<char>(byte));
  }
  return WordStarts(std::move(begins));
}

}  // namespace isoflop
