#include "imports/log_lines.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr char kEscape = '\x1b';

// The length of the escape sequence at the beginning of `text`: ESC [ ... letter, or ESC and one
// more.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  if (text[1] != '[') return 2;
  std::size_t at = 2;
  while (at < text.size() && (text[at] < '@' || text[at] > '~')) ++at;
  return std::min(at + 1, text.size());
}

void remove_escapes(std::string_view text, std::string& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find(kEscape), text.size());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (!text.empty()) text.remove_prefix(escape_length(text));
  }
}

bool continues_a_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_';
}

int decimals_in(std::string_view number) {
  const std::size_t point = number.find('.');
  if (point == std::string_view::npos) return 0;
  std::size_t at = point + 1;
  while (at < number.size() && number[at] >= '0' && number[at] <= '9') ++at;
  return static_cast<int>(at - point - 1);
}

}  // namespace

bool LogLines::next() {
  if (rest_.empty()) return false;
  if (counts_) ++number_;
  // Two searches for one character are much faster than one for two.
  const std::size_t newline = rest_.find('\n');
  const std::size_t end = std::min(rest_.substr(0, newline).find('\r'), newline);
  torn_ = end == std::string_view::npos;
  text_ = rest_.substr(0, end);
  const bool crlf = !torn_ && rest_[end] == '\r' && end + 1 == newline;
  counts_ = crlf || end == newline;
  rest_ = torn_ ? std::string_view{} : rest_.substr(end + (crlf ? 2 : 1));
  if (text_.find(kEscape) != std::string_view::npos) {
    remove_escapes(text_, plain_);
    text_ = plain_;
  }
  return true;
}

void LineCursor::skip_spaces() {
  while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
}

bool LineCursor::word(std::string_view word) {
  if (!rest_.starts_with(word)) return false;
  rest_.remove_prefix(word.size());
  return true;
}

bool LineCursor::after(std::string_view word) {
  const std::size_t at = rest_.find(word);
  if (at == std::string_view::npos) return false;
  rest_.remove_prefix(at + word.size());
  return true;
}

std::optional<std::int64_t> LineCursor::whole() {
  std::int64_t value = 0;
  const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  const std::size_t length = read.ptr - rest_.data();
  if (length < rest_.size() && continues_a_word(rest_[length])) return std::nullopt;
  rest_.remove_prefix(length);
  return value;
}

std::optional<double> LineCursor::number(bool unit_may_follow) {
  double value = 0;
  const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
  if (read.ec == std::errc::invalid_argument) return std::nullopt;
  // Beyond a double's range the text is a number all the same, but says no loss.
  if (read.ec != std::errc()) value = std::numeric_limits<double>::infinity();
  const std::size_t length = read.ptr - rest_.data();
  if (!unit_may_follow && length < rest_.size() && continues_a_word(rest_[length])) {
    return std::nullopt;
  }
  decimals_ = decimals_in(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return value;
}

std::string_view trimmed_text(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace isoflop
