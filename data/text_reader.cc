#include "data/text_reader.h"

#include <optional>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "data/jsonl.h"
#include "data/staging.h"
#include "data/utf8.h"

namespace isoflop {
namespace {

constexpr std::size_t kReadAtOnce = 1 << 20;

Error bad_text(const InputFile& file, const std::string& what) {
  return usage_error("prepare: " + file.path.string() + ": " + what);
}

// Reads a file piece by piece and hashes it on the way.
ReadText read_pieces(const InputFile& file, const TextSink& sink) {
  File in = File::reading(file.path);
  Sha256 digest;
  ReadText read{.source = {.name = file.path.filename().string(), .licence = file.licence}};
  std::vector<char> buffer(kReadAtOnce);
  while (const std::size_t count = in.read(buffer)) {
    const std::string_view bytes(buffer.data(), count);
    digest.update(bytes);
    sink(bytes);
    read.source.bytes += static_cast<std::int64_t>(count);
  }
  if (read.source.bytes == 0) throw bad_text(file, "is empty: leave it out");
  read.source.sha256 = digest.hex();
  return read;
}

void refuse_nul(const InputFile& file, std::string_view bytes, std::int64_t offset) {
  const std::size_t nul = bytes.find('\0');
  if (nul == std::string_view::npos) return;
  throw bad_text(file, "byte " + std::to_string(offset + static_cast<std::int64_t>(nul)) +
                           " is NUL: not a text file (binary, or UTF-16, which must be converted "
                           "to UTF-8); leave it out");
}

void refuse_bad_utf8(const InputFile& file, std::optional<std::int64_t> byte) {
  if (!byte) return;
  throw bad_text(file, "byte " + std::to_string(*byte) +
                           " is not UTF-8, which SentencePiece needs: convert the file (iconv -f "
                           "latin1 -t utf-8), or prepare it as bytes, without a tokenizer");
}

ReadText read_plain(const InputFile& file, const TextRules& rules, const TextSink& sink) {
  Utf8Checker checker;
  std::int64_t offset = 0;
  ReadText read = read_pieces(file, [&](std::string_view bytes) {
    refuse_nul(file, bytes, offset);
    if (rules.utf8) refuse_bad_utf8(file, checker.feed(bytes));
    offset += static_cast<std::int64_t>(bytes.size());
    sink(bytes);
  });
  if (rules.utf8) refuse_bad_utf8(file, checker.finish());
  read.text_bytes = read.source.bytes;
  return read;
}

// Collects lines from pieces and gives on the text of each.
class DocumentReader {
 public:
  DocumentReader(const InputFile& file, const TextRules& rules, const TextSink& sink)
      : file_(file), rules_(rules), sink_(sink) {}

  void feed(std::string_view bytes) {
    for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos;) {
      line_ += bytes.substr(0, end);
      end_line();
      bytes.remove_prefix(end + 1);
    }
    line_ += bytes;
  }

  void finish(ReadText& read) {
    if (!line_.empty()) end_line();
    read.text_bytes = counts_.text_bytes;
    read.documents = counts_.documents;
    read.empty_documents = counts_.empty_documents;
    read.first_empty_line = counts_.first_empty_line;
    if (read.documents == 0) {
      throw bad_text(file_, "holds no document with text in \"" + rules_.key + "\": leave it out");
    }
  }

 private:
  void end_line() {
    ++number_;
    if (line_.find_first_not_of(" \t\r") != std::string::npos)
      take(read_jsonl_line(line_, rules_.key));
    start_ += static_cast<std::int64_t>(line_.size()) + 1;
    line_.clear();
  }

  void take(const JsonlDocument& document) {
    if (!document.wrong.empty()) {
      throw bad_text(file_, "line " + std::to_string(number_) + ", byte " +
                                std::to_string(start_ + document.byte) + ": " + document.wrong);
    }
    if (document.text.empty()) {
      if (counts_.empty_documents++ == 0) counts_.first_empty_line = number_;
      return;
    }
    sink_(document.text);
    sink_(rules_.separator);
    ++counts_.documents;
    counts_.text_bytes += static_cast<std::int64_t>(document.text.size() + rules_.separator.size());
  }

  const InputFile& file_;
  const TextRules& rules_;
  const TextSink& sink_;
  std::string line_;
  std::int64_t number_ = 0;  // of the line, from 1
  std::int64_t start_ = 0;   // of the line, in bytes
  ReadText counts_;
};

ReadText read_jsonl(const InputFile& file, const TextRules& rules, const TextSink& sink) {
  DocumentReader documents(file, rules, sink);
  ReadText read = read_pieces(file, [&](std::string_view bytes) { documents.feed(bytes); });
  documents.finish(read);
  return read;
}

}  // namespace

ReadText read_text(const InputFile& file, const TextRules& rules, const TextSink& sink) {
  return file.kind == FileKind::kJsonl ? read_jsonl(file, rules, sink)
                                       : read_plain(file, rules, sink);
}

}  // namespace isoflop
