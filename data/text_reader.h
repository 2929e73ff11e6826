// The text of a file, in pieces: plain text as it lies, JSON Lines document by document.
//
// Plain text may be any bytes but NUL; where `utf8` is asked for it must be UTF-8. After each JSONL
// document comes the separator. Empty lines are skipped, and so are empty documents, which the
// count tells.
//
// Errors: Error(kUsage) naming file, line (JSONL) and byte of what cannot be read, or the file that
// is empty or holds no document; Error(kFailed) when reading fails. Memory: one buffer or line.
#ifndef ISOFLOP_DATA_TEXT_READER_H_
#define ISOFLOP_DATA_TEXT_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/corpus_manifest.h"
#include "data/input_files.h"

namespace isoflop {

struct TextRules {
  std::string key = "text";
  std::string separator = "\n";
  bool utf8 = false;
};

struct ReadText {
  CorpusSource source;               // of the file, not of the text in it
  std::int64_t text_bytes = 0;       // given to `sink`
  std::int64_t documents = 0;        // JSONL
  std::int64_t empty_documents = 0;  // skipped, the first of them at line
  std::int64_t first_empty_line = 0;
};

using TextSink = std::function<void(std::string_view)>;

ReadText read_text(const InputFile& file, const TextRules& rules, const TextSink& sink);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TEXT_READER_H_
