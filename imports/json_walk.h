// JSON as text: its values one after the other without reading them, and small changes to it. For
// texts that are known to be JSON as for those that are not: nothing looks past the end or takes
// longer than in proportion.
#ifndef ISOFLOP_IMPORTS_JSON_WALK_H_
#define ISOFLOP_IMPORTS_JSON_WALK_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace isoflop {

inline constexpr std::string_view kJsonBlanks = " \t\r\n";

class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : text_(text) {}

  std::size_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }
  // The next character that is not blank; 0 at the end.
  char peek();
  bool take(char c);
  // A value, or what stands in the place of one.
  std::string_view value();
  // Whether the last value's brackets were all closed.
  bool closed() const { return closed_; }

 private:
  void skip_string();

  std::string_view text_;
  std::size_t at_ = 0;
  bool closed_ = false;
};

// NaN, Infinity and -Infinity outside strings, as strings.
std::string with_words_quoted(std::string_view text);
bool names_no_number(std::string_view text);

// White space between values as one blank.
std::string on_one_line(std::string_view text);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_JSON_WALK_H_
