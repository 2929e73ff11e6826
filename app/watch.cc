#include "app/watch.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/error.h"

namespace isoflop {
namespace {

constexpr char kHideCursor[] = "\033[?25l";
constexpr char kShowCursor[] = "\033[?25h";

bool watches_on_terminal = false;  // for the handler below

void write_all(const char* text, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(STDOUT_FILENO, text, size);
    if (written <= 0) return;
    text += written;
    size -= static_cast<std::size_t>(written);
  }
}

// Async-signal-safe: the store is only read, so that there is nothing else to put in order.
void end_watching(int signal) {
  if (watches_on_terminal) write_all(kShowCursor, sizeof kShowCursor - 1);
  if (signal == SIGINT) ::_exit(0);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

struct Window {
  std::size_t columns = 80;
  std::size_t rows = 24;
  bool operator==(const Window&) const = default;
};

Window window_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {size.ws_col, size.ws_row};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The first `columns` code points.
std::string cut(const std::string& line, std::size_t columns) {
  std::size_t points = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xC0) != 0x80;
    if (begins && ++points > columns) return line.substr(0, at);
  }
  return line;
}

// The answer is in the first line, so that it is folded at blanks and not cut.
void fold_first(std::vector<std::string>& lines, std::size_t columns) {
  for (std::size_t i = 0; i < lines.size() && lines[i].size() > columns; ++i) {
    const std::size_t blank = lines[i].rfind(' ', columns);
    if (blank == std::string::npos || blank == 0) return;
    const std::string rest = lines[i].substr(blank + 1);
    lines[i].resize(blank);
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
    if (rest.size() <= columns) return;
  }
}

class Screen {
 public:
  Screen() : terminal_(::isatty(STDOUT_FILENO) == 1) {
    watches_on_terminal = terminal_;
    if (terminal_) write_all(kHideCursor, sizeof kHideCursor - 1);
    std::signal(SIGINT, end_watching);
    std::signal(SIGTERM, end_watching);
  }
  ~Screen() {
    if (terminal_) write_all(kShowCursor, sizeof kShowCursor - 1);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void show(const Look& look) {
    if (terminal_) return redraw(look.text);
    const std::string line = look.line + "\n";
    write_all(line.data(), line.size());  // at once: stdio would keep a pipe waiting
  }

 private:
  void redraw(const std::string& text) {
    const Window window = window_size();
    std::string frame;
    if (shown_ > 0 && window == window_) {
      frame = "\033[" + std::to_string(shown_) + "A\r";
    } else if (shown_ > 0) {
      frame = "\033[2J\033[H";  // lines of another width were wrapped: start over
    }
    const auto lines = lines_of(fitted(text, window.columns, window.rows - 1));
    for (const std::string& line : lines) frame += line + "\033[K\n";
    frame += "\033[J";
    write_all(frame.data(), frame.size());
    shown_ = lines.size();
    window_ = window;
  }

  bool terminal_;
  std::size_t shown_ = 0;  // lines of the last look
  Window window_;
};

// What can pass: another process has the store, or has just put another in its place.
Look look_again(const std::function<Look()>& look) {
  try {
    return look();
  } catch (const Error& error) {
    const std::string line = std::string(error.what()) + "; looking again";
    return {.text = line + "\n", .line = line};
  }
}

}  // namespace

std::string fitted(const std::string& text, std::size_t columns, std::size_t rows) {
  auto lines = lines_of(text);
  fold_first(lines, columns);
  const std::size_t shown =
      lines.size() <= rows ? lines.size() : std::max<std::size_t>(rows, 1) - 1;
  std::string fit;
  for (std::size_t i = 0; i < shown; ++i) fit += cut(lines[i], columns) + "\n";
  if (shown < lines.size()) {
    fit += cut("... " + std::to_string(lines.size() - shown) + " more lines", columns) + "\n";
  }
  return fit;
}

void watch(double seconds, const std::function<Look()>& look) {
  Look now = look();
  Screen screen;
  while (true) {
    screen.show(now);
    if (now.last) return;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    now = look_again(look);
  }
}

}  // namespace isoflop
