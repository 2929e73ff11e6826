// Text in pieces to token ids, and the check that the ids give the text back.
#ifndef ISOFLOP_DATA_ENCODE_TEXT_H_
#define ISOFLOP_DATA_ENCODE_TEXT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.h"

namespace isoflop {

using IdSink = std::function<void(std::span<const std::int32_t>)>;

// Cuts text into the segments of data/tokenizer.h. Every byte fed comes out once, in order: in a
// segment or as a newline.
class Segments {
 public:
  // `segment` gets what lies between newlines, `newline` is called for each of them.
  Segments(std::function<void(std::string_view)> segment, std::function<void()> newline)
      : segment_(std::move(segment)), newline_(std::move(newline)) {}

  void feed(std::string_view piece);
  void finish() { end_line(); }

 private:
  void cut_long_line();
  void end_line();
  void emit(std::string_view text);

  std::function<void(std::string_view)> segment_;
  std::function<void()> newline_;
  std::string line_;
};

// Encodes and checks: decode(encode(text)) == text is verified for every segment.
class TextEncoder {
 public:
  TextEncoder(Tokenizer& tokenizer, IdSink sink);

  void feed(std::string_view piece) { segments_.feed(piece); }
  void finish() { segments_.finish(); }

  // The first byte of the text that does not come back, if any.
  std::optional<std::int64_t> first_difference() const { return first_difference_; }

 private:
  void take(std::string_view segment);

  Tokenizer& tokenizer_;
  IdSink sink_;
  Segments segments_;
  std::vector<std::int32_t> ids_;
  std::string decoded_;
  std::int64_t offset_ = 0;
  std::optional<std::int64_t> first_difference_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_ENCODE_TEXT_H_
