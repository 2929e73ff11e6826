// A step of training: gradients of one or several micro-batches, clipping, AdamW.
//
//   begin, add, add, ..., update, result
//
// Two ways. host_steps: every call is done when it returns; what runs on the CPU. device_steps: no
// call but result and losses waits for the device; losses, norm, rate and clipping stay there, so
// that the host waits once a step, and a StepRecorder (step_graph.h) turns each micro-batch and the
// update into one launch. Both give the same losses to rounding, on every device.
//
// Between add and update a step can be left (for a checkpoint: losses, AdamW::gradients) and gone
// on with in another process: go_on. Not thread-safe.
#ifndef ISOFLOP_TRAINER_STEP_RUNNER_H_
#define ISOFLOP_TRAINER_STEP_RUNNER_H_

#include <memory>
#include <string>

#include "core/token_batch.h"
#include "model/transformer.h"
#include "trainer/adamw.h"
#include "trainer/data_parallel.h"
#include "trainer/step_graph.h"

namespace isoflop {

struct StepResult {
  BatchLosses losses;  // sum of share x those of each micro-batch
  double norm = 0;     // of the gradients, before clipping
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  virtual void begin() = 0;
  // In the middle of a step: the gradients are the optimizer's, with these losses.
  virtual void go_on(const BatchLosses& so_far) = 0;
  virtual void add(const TokenBatch& batch, double share) = 0;
  virtual BatchLosses losses() = 0;  // so far

  // Clips and steps, where loss and norm are finite; else the weights stay.
  virtual void update(double rate) = 0;
  virtual StepResult result() = 0;

  // What whoever looks after the run should know; mostly nothing.
  virtual std::string note() const { return {}; }
};

// model, optimizer and parallel outlive the runner. Over several processes their gradients and
// losses (go_on) are summed before update.
std::unique_ptr<StepRunner> host_steps(TransformerImpl& model, AdamW& optimizer,
                                       DataParallel& parallel, double clip);
std::unique_ptr<StepRunner> device_steps(TransformerImpl& model, AdamW& optimizer,
                                         std::unique_ptr<StepRecorder> recorder);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_STEP_RUNNER_H_
