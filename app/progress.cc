#include "app/progress.h"

#include <atomic>
#include <cstdio>
#include <unistd.h>

#include "core/units.h"

namespace isoflop {
namespace {

constexpr double kFirstAfterSeconds = 2;
constexpr double kLinesEverySeconds = 10;
constexpr double kTerminalEverySeconds = 0.2;

std::atomic<bool> line_on_terminal{false};

}  // namespace

std::string progress_text(const SweepStatus& status, std::optional<double> eta_seconds) {
  std::string text =
      std::to_string(status.ended()) + " of " + std::to_string(status.trials()) + " trials";
  if (status.flops_total > 0) {
    const auto percent = static_cast<int>(100 * status.flops_done / status.flops_total);
    text += "  " + std::to_string(percent) + " % of the FLOPs";
  }
  const auto add = [&](std::int64_t count, const char* state) {
    if (count > 0) text += "  " + std::to_string(count) + " " + state;
  };
  add(status.running, "running");
  add(status.leased, "leased");
  add(status.failed, "failed");
  add(status.out_of_memory, "out of memory");
  add(status.diverged, "diverged");
  add(status.cancelled, "cancelled");
  if (eta_seconds) text += "  " + format_duration(*eta_seconds) + " left";
  return text;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (line_on_terminal.exchange(false)) std::fputs("\n", stderr);
}

void clear_progress_line() {
  if (line_on_terminal.exchange(false)) std::fputs("\r\033[K", stderr);
}

bool ProgressLine::due() const {
  if (quiet_ || start_.seconds() < kFirstAfterSeconds) return false;
  return !shown_ || last_.seconds() >= (terminal_ ? kTerminalEverySeconds : kLinesEverySeconds);
}

void ProgressLine::print(const std::string& text) {
  // \033[K clears what a longer line before left.
  std::fprintf(stderr, terminal_ ? "\r%s\033[K" : "%s\n", text.c_str());
  std::fflush(stderr);
  shown_ = true;
  if (terminal_) line_on_terminal = true;
  last_.restart();
}

void ProgressLine::show(const SweepStatus& status, std::optional<double> eta_seconds) {
  if (due()) print(progress_text(status, eta_seconds));
}

void ProgressLine::show_reading(std::int64_t bytes, std::int64_t of) {
  if (!due()) return;
  print("read " + format_quantity(static_cast<double>(bytes)) + " of " +
        format_quantity(static_cast<double>(of)) + " bytes");
}

}  // namespace isoflop
