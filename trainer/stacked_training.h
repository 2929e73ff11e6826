// Trials of one shape trained in lock step as one batched model (model/stacked_transformer.h):
// seeds of a cell and the rungs of a rate bracket, on devices that one small model does not fill.
//
// Which can be stacked: stack_key. Equal keys mean the same model, data, tokens, batch, schedule
// and objective; seed (and with it the order of the data), peak rate, weight decay and clipping may
// differ. Each trial has its own curve, verdict, outcome and checkpoints, in the present format, so
// that a trial can begin in a stack and end alone, or the other way round, with the same losses to
// rounding. One that has diverged, or was told to stop, ends at once (RunContext::ended); its row
// is carried along, and what it becomes touches no other.
//
// Trials go on together from checkpoints at the same step; others make groups of their own, one
// after the other, and those that stopped between micro-batches go on alone (trainer/training.h).
//
// A step is one function over static buffers without waiting for the device: batch and rates go in,
// losses and norms come out. While the device works the host reads the next step's windows; it
// waits once a step, for 2 K numbers.
//
// Time: a trial's share of the stack's, so that the seconds of all are the device's, and the MFU
// of each is the device's.
#ifndef ISOFLOP_TRAINER_STACKED_TRAINING_H_
#define ISOFLOP_TRAINER_STACKED_TRAINING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/trial_runner.h"
#include "data/batch_maker.h"
#include "model/stacked_transformer.h"
#include "trainer/stacked_adamw.h"
#include "trainer/stacked_losses.h"
#include "trainer/step_graph.h"
#include "trainer/trial_progress.h"

namespace isoflop {

// Trials of equal keys can be stacked; empty: this one only runs alone.
std::string stack_key(const Trial& trial);

struct StackMember {
  const Trial* trial = nullptr;
  const TokenSource* source = nullptr;
  RunContext* context = nullptr;
};

// One outcome a member, in order. The members' keys and micro-batches are equal. A stack that finds
// no memory gives kOutOfMemory to those that had not ended. Not thread-safe.
std::vector<Outcome> run_stacked(std::span<const StackMember> members, torch::Device device);

// Trials that begin at the same step.
class StackedTraining {
 public:
  struct Row {
    std::unique_ptr<TrialProgress> progress;
    std::optional<Checkpoint> checkpoint;  // to go on from
    Outcome* outcome = nullptr;            // where it goes
    bool ended = false;
  };

  StackedTraining(std::vector<Row>& rows, torch::Device device);
  // Fills every row's outcome.
  void run();

 private:
  TrialProgress& progress(std::size_t k) { return *rows_[k].progress; }
  const Trial& first() { return progress(0).trial(); }
  void restore();
  void read_batch(std::int64_t step);
  void take_step();
  void compute();
  void add_part(std::int64_t begin, std::int64_t count);
  void end_step(double seconds);
  void note_curves();
  void obey();
  void save(std::size_t k);
  void end(std::size_t k, Verdict verdict);
  std::int64_t live() const;
  std::int64_t step() const;

  std::vector<Row>& rows_;
  StackedTransformer model_;
  StackedAdamW optimizer_;
  StackedLosses losses_;
  std::unique_ptr<StepRecorder> recorder_;
  std::int64_t part_ = 0;            // sequences at a time
  torch::Tensor host_batch_[2];      // inputs and targets int64 [2, K, B, T]; one is read while the
                                     // other is filled
  torch::Tensor batch_;              // the same on the device
  torch::Tensor results_;            // [2, K]: losses, norms
  int filled_ = 0;                   // which of host_batch_ is the next step's
  std::vector<BatchMaker> batches_;  // a row each
  TokenBatch tokens_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_STACKED_TRAINING_H_
