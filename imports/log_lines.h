// A log's lines, as a person would read them, and a cursor over one of them.
//
// Lines end with LF, CRLF or CR alone (progress bars overwrite their line that way); terminal
// colours and other escape sequences are taken out. The last line of a log that is still being
// written may be cut in the middle of a number: it is marked as torn, and a format believes a
// number at its end only when it has the decimals that the format prints.
//
// Views are into the bytes that were given or into the reader's own buffer: valid until next().
#ifndef ISOFLOP_IMPORTS_LOG_LINES_H_
#define ISOFLOP_IMPORTS_LOG_LINES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

class LogLines {
 public:
  explicit LogLines(std::string_view bytes) : rest_(bytes) {}

  bool next();  // false after the last line
  std::string_view text() const { return text_; }
  std::int64_t number() const { return number_; }  // from 1; CR alone does not count
  bool is_torn() const { return torn_; }

 private:
  std::string_view rest_;
  std::string_view text_;
  std::string plain_;  // text_ without escape sequences, where there are any
  std::int64_t number_ = 0;
  bool counts_ = true;  // the next line begins a new number
  bool torn_ = false;
};

class LineCursor {
 public:
  explicit LineCursor(std::string_view text) : rest_(text) {}

  void skip_spaces();
  // Goes past `word` if it stands here.
  bool word(std::string_view word);
  // Goes to just after the next `word`, if there is one.
  bool after(std::string_view word);
  // A whole number, a number ("nan" and "inf" too). What follows must not be a letter, a digit or
  // a point, unless a unit may follow. Nothing is read when it does not fit.
  std::optional<std::int64_t> whole();
  std::optional<double> number(bool unit_may_follow = false);
  int decimals() const { return decimals_; }  // digits after the point of the last number
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  int decimals_ = 0;
};

// Without white space at either end.
std::string_view trimmed_text(std::string_view text);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_LOG_LINES_H_
