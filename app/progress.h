// The one line that says how far a long command is: overwritten on a terminal, every few seconds
// elsewhere, on stderr, not before two seconds have passed.
#ifndef ISOFLOP_APP_PROGRESS_H_
#define ISOFLOP_APP_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/stopwatch.h"
#include "core/sweep_status.h"

namespace isoflop {

// Wipes the line of a ProgressLine off the terminal, if one stands there; it comes again at its
// next turn. For whoever has something to say meanwhile.
void clear_progress_line();

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const SweepStatus& status, std::optional<double> eta_seconds);
  // "read 1.2G of 20G bytes"
  void show_reading(std::int64_t bytes, std::int64_t of);

 private:
  bool due() const;
  void print(const std::string& text);

  bool quiet_;
  bool terminal_;
  bool shown_ = false;
  Stopwatch start_;
  Stopwatch last_;
};

// "17 of 25 trials  64 % of the FLOPs  1 min 20 s left"
std::string progress_text(const SweepStatus& status, std::optional<double> eta_seconds);

}  // namespace isoflop

#endif  // ISOFLOP_APP_PROGRESS_H_
