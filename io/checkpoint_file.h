// A trial's state on disk: all that its next step depends on.
//
//   "ISOFCKP1"             8 bytes
//   length of the header   u64
//   header                 JSON: the trial field by field, counters, lengths of the arrays
//   arrays                 float64: sums, of sparse models the router's too; then the curve, 9
//                          numbers a point (absent: NaN), of sparse models 15;
//                          float32: weights, means, squares, gradients
//   SHA-256                64 hexadecimal characters, of everything before
//
// Little-endian, as every machine that LibTorch runs on. There is no state of a random generator:
// initial weights and the order of the data are functions of the seed, and the data's position is
// step x batch + sequences of the step that were used.
//
// Writing is atomic and durable (io/atomic_file.h). It is not begun where the disk has no room for
// the file and a reserve of 64 MiB, or 5 % of a smaller disk: Error(kFailed, "disk_full"), and what
// was there before stays as it is. Reading verifies the checksum first: a file that is cut short or
// differs in one bit is Error(kRefused, "damaged_checkpoint"); one of another version of isoflop is
// Error(kRefused, "incompatible_checkpoint"); one that is not there is Error(kUsage).
#ifndef ISOFLOP_IO_CHECKPOINT_FILE_H_
#define ISOFLOP_IO_CHECKPOINT_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/router_stats.h"
#include "core/trial.h"
#include "core/trial_runner.h"

namespace isoflop {

struct Checkpoint {
  // The trial, or its trunk_of (core/schedule.h) while nothing else has mattered.
  Trial trial = {};
  std::int64_t micro_batch = 0;  // of the run: RunContext::micro_batch
  std::int64_t step = 0;         // optimizer steps done
  std::int64_t sequences = 0;    // of the step under way whose gradients are in `gradients`
  double step_loss = 0;          // their part of its loss

  // What the curve and the verdict of divergence go on from.
  double first_loss = 0;
  double loss_sum = 0;  // over `loss_count` steps since the curve's last point
  std::int64_t loss_count = 0;
  double average_loss = 0;  // exponential moving average
  std::int64_t steps_above = 0;
  double seconds = 0;  // of training so far
  // Of sparse models: summed like step_loss, and like loss_sum.
  RouterStats step_router = {};
  RouterStats router_sum = {};
  std::vector<CurvePoint> curve = {};

  // AdamW's, flat, in the order of the model's parameter groups.
  std::vector<float> weights = {};
  std::vector<float> means = {};
  std::vector<float> squares = {};
  std::vector<float> gradients = {};  // empty between steps
};

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
Checkpoint read_checkpoint(const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_IO_CHECKPOINT_FILE_H_
