// The one exception class: thrown when a command cannot go on.
//
// What a sweep must expect (a diverged trial, a fit that does not converge) is a value with a
// status, never an Error. A message reads "what: which: why; what to do next".
#ifndef ISOFLOP_CORE_ERROR_H_
#define ISOFLOP_CORE_ERROR_H_

#include <stdexcept>
#include <string>

namespace isoflop {

// The numbers are the program's exit codes.
enum class ErrorKind {
  kFailed = 1,   // the world failed us: a file, the disk, a process
  kUsage = 2,    // a wrong flag, a malformed file or value
  kRefused = 3,  // well-formed data that cannot answer the question
  kStore = 5,    // the store is locked, newer than this program, or on a network file system
};

class Error : public std::runtime_error {
 public:
  // `code` is a short stable word for scripts ("not_bracketed"); refusals always have one.
  Error(ErrorKind kind, const std::string& message, std::string code = "")
      : std::runtime_error(message), kind_(kind), code_(std::move(code)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& code() const { return code_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
  std::string code_;
};

inline Error usage_error(const std::string& message) { return {ErrorKind::kUsage, message}; }
inline Error failure(const std::string& message) { return {ErrorKind::kFailed, message}; }
inline Error refusal(const std::string& code, const std::string& message) {
  return {ErrorKind::kRefused, message, code};
}

}  // namespace isoflop

#endif  // ISOFLOP_CORE_ERROR_H_
