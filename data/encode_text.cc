#include "data/encode_text.h"

#include <algorithm>

namespace isoflop {
namespace {

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Where to cut a line that is too long: before a space in the second half of what fits, else
// between two characters.
std::size_t cut_position(std::string_view line) {
  const std::size_t space = line.rfind(' ', kLongestSegment);
  if (space != std::string_view::npos && space > kLongestSegment / 2) return space;
  std::size_t at = kLongestSegment;
  while (at > kLongestSegment - 4 && continues_a_character(line[at])) --at;
  return at;
}

}  // namespace

void Segments::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    line_ += piece.substr(0, end);
    cut_long_line();
    if (end == std::string_view::npos) return;
    end_line();
    newline_();
    piece.remove_prefix(end + 1);
  }
}

// What is cut depends on the line only, not on the pieces it came in.
void Segments::cut_long_line() {
  std::string_view rest = line_;
  while (rest.size() > kLongestSegment) {
    const std::size_t at = cut_position(rest);
    emit(rest.substr(0, at));
    rest.remove_prefix(at);
  }
  if (rest.size() < line_.size()) line_ = std::string(rest);
}

void Segments::end_line() {
  emit(line_);
  line_.clear();
}

void Segments::emit(std::string_view text) {
  while (!text.empty()) {
    const std::size_t at = text.find(kSpaceSymbol);
    const std::size_t end = at == 0 ? kSpaceSymbol.size() : std::min(at, text.size());
    segment_(text.substr(0, end));
    text.remove_prefix(end);
  }
}

TextEncoder::TextEncoder(Tokenizer& tokenizer, IdSink sink)
    : tokenizer_(tokenizer),
      sink_(std::move(sink)),
      segments_([this](std::string_view segment) { take(segment); },
                [this] {
                  const std::int32_t id = tokenizer_.newline();
                  sink_({&id, 1});
                  ++offset_;
                }) {}

void TextEncoder::take(std::string_view segment) {
  ids_.clear();
  decoded_.clear();
  tokenizer_.encode_segment(segment, ids_);
  tokenizer_.decode_segment(ids_, decoded_);
  if (!first_difference_ && decoded_ != segment) {
    const auto differs =
        std::mismatch(decoded_.begin(), decoded_.end(), segment.begin(), segment.end());
    first_difference_ = offset_ + (differs.second - segment.begin());
  }
  offset_ += static_cast<std::int64_t>(segment.size());
  sink_(ids_);
}

}  // namespace isoflop
