// What a person sees while one trial trains: a line on stderr about every twentieth of it, with the
// loss so far, the speed, the time left and where it will end (forecast/forecast.h).
//
//   step 400/1000  51.2k tokens  train 2.7312  410k tokens/s  2 s left  ends at 2.41 [2.36, 2.47]
#ifndef ISOFLOP_APP_RUN_PRINTER_H_
#define ISOFLOP_APP_RUN_PRINTER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/trial_runner.h"

namespace isoflop {

class RunPrinter {
 public:
  // `trunk_seconds` as in RunContext: until the cooldown begins nobody knows the end.
  RunPrinter(const Trial& trial, double trunk_seconds);

  // Points in order of steps; those of earlier attempts come first and are not printed.
  void add(std::span<const CurvePoint> points);

 private:
  void print_line(const CurvePoint& point);

  Trial trial_;
  std::int64_t steps_;  // 0: not known
  std::int64_t printed_ = -1;
  std::vector<CurvePoint> curve_;
};

}  // namespace isoflop

#endif  // ISOFLOP_APP_RUN_PRINTER_H_
