#include "imports/json_walk.h"

#include <algorithm>

namespace isoflop {

char JsonWalk::peek() {
  at_ = std::min(text_.find_first_not_of(kJsonBlanks, at_), text_.size());
  return done() ? '\0' : text_[at_];
}

bool JsonWalk::take(char c) {
  if (peek() != c) return false;
  ++at_;
  return true;
}

void JsonWalk::skip_string() {
  for (++at_; !done() && text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\';
  at_ = std::min(at_ + 1, text_.size());
}

std::string_view JsonWalk::value() {
  peek();
  const std::size_t begin = at_;
  std::size_t depth = 0;
  do {
    const char c = text_.substr(at_, 1).empty() ? '\0' : text_[at_];
    if (c == '"') {
      skip_string();
      if (depth == 0) break;
      continue;
    }
    if (depth == 0 && (c == ',' || c == ']' || c == '}')) break;
    depth += c == '{' || c == '[';
    depth -= c == '}' || c == ']';
    ++at_;
    if (depth == 0 && (c == '}' || c == ']')) break;
  } while (!done());
  at_ = std::min(at_, text_.size());
  closed_ = depth == 0;
  return text_.substr(begin, at_ - begin);
}

std::string with_words_quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 64);
  std::size_t copied = 0;
  const auto quote = [&](std::size_t at, std::size_t length) {
    out.append(text.substr(copied, at - copied)).append("\"").append(text.substr(at, length)) +=
        '"';
    copied = at + length;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
      continue;
    }
    for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
      if (text.substr(i).starts_with(word)) {
        quote(i, word.size());
        i += word.size() - 1;
        break;
      }
    }
  }
  out.append(text.substr(copied));
  return out;
}

bool names_no_number(std::string_view text) {
  return text.find("NaN") != text.npos || text.find("Infinity") != text.npos;
}

std::string on_one_line(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      out.append(text.substr(i++, 2));
      continue;
    }
    in_string ^= c == '"';
    if (!in_string && kJsonBlanks.find(c) != kJsonBlanks.npos) {
      if (!out.ends_with(' ')) out += ' ';
      continue;
    }
    out += c;
  }
  return out;
}

}  // namespace isoflop
