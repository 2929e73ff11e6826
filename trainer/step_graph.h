// Records what a device is told to do once and repeats it with one call. A step of a small model is
// some hundred launches of a few microseconds each, which take the host longer than the device; as
// a CUDA graph it is one.
//
// `work` must be the same every time that its key is: the same operations, on tensors in the same
// places, without waiting for the device and without decisions by what they hold; it must not refer
// to anything that is gone after the call, because it may be kept. What changes from
// step to step is written into such tensors before. On the CPU, and in builds without CUDA, nothing
// is recorded: work is called every time.
#ifndef ISOFLOP_TRAINER_STEP_GRAPH_H_
#define ISOFLOP_TRAINER_STEP_GRAPH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "model/torch_headers.h"

namespace isoflop {

class StepRecorder {
 public:
  virtual ~StepRecorder() = default;
  // Queues on this thread's current stream, or calls `work`, which does.
  virtual void run(std::int64_t key, const std::function<void()>& work) = 0;
  // Why it records nothing, if it was meant to: a word for the outcome's notes.
  virtual std::string note() const { return {}; }
};

// Calls work every time.
class DirectSteps : public StepRecorder {
 public:
  explicit DirectSteps(std::string note = {}) : note_(std::move(note)) {}
  void run(std::int64_t, const std::function<void()>& work) override { work(); }
  std::string note() const override { return note_; }

 private:
  std::string note_;
};

// On CUDA devices: the first few calls of a key are made as they are, because libraries prepare
// themselves; the next is recorded. When that fails all go on as they are, with a note. Needs a
// current stream that is not the default one, and that no other thread has (trainer/own_stream.h).
// DirectSteps elsewhere, and with a note where `waits` says why the work waits for the device.
// Recorders are each of one thread; several may be at work at once.
std::unique_ptr<StepRecorder> make_step_recorder(torch::Device device,
                                                 const std::string& waits = {});

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_STEP_GRAPH_H_
