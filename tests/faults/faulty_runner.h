// A trainer whose trials go wrong in a way that their seeds say, and whose every bit depends on all
// steps before it: a trial that went on from a wrong or damaged state ends with another loss.
//
// It keeps its state as the real trainer does (trainer/checkpoint_folder.h): checkpoints by time,
// at the branch of a trunk and when asked to stop, none that was made with another micro-batch.
#ifndef ISOFLOP_TESTS_FAULTS_FAULTY_RUNNER_H_
#define ISOFLOP_TESTS_FAULTS_FAULTY_RUNNER_H_

#include <bit>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fcntl.h>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/hash.h"
#include "core/schedule.h"
#include "core/stopwatch.h"
#include "core/trial_runner.h"
#include "trainer/checkpoint_folder.h"

namespace isoflop {

// trial.seed / kFaultStride
enum class Fault {
  kNone,
  kDiverges,      // says so
  kLossIsNaN,     // does not notice it
  kOutOfMemory,   // above two sequences at a time
  kSegmentation,  // crashes, the first time
  kAbort,         // the same
  kThrows,        // the same, with an exception
  kAlwaysCrashes,
};
inline constexpr std::int64_t kFaultStride = 1000;
inline constexpr std::int64_t kFaultStep = 5;
inline constexpr std::int64_t kMostSequences = 2;

inline Fault fault_of(const Trial& trial) { return static_cast<Fault>(trial.seed / kFaultStride); }

class FaultyRunner : public TrialRunner {
 public:
  struct Options {
    std::chrono::microseconds step_time = {};
    // Where a trial notes that it has crashed; empty: trials do not crash.
    std::string crashes = {};
  };
  explicit FaultyRunner(Options options) : options_(std::move(options)) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    std::vector<Outcome> outcomes;
    for (const Trial& trial : pack) outcomes.push_back(Run(trial, context, options_).outcome());
    return outcomes;
  }

  void forget(const Trial& trial, const std::string& checkpoint_dir) override {
    CheckpointFolder(checkpoint_dir, trial).remove_own();
  }

 private:
  class Run {
   public:
    Run(const Trial& trial, RunContext& context, const Options& options)
        : trial_(trial), context_(context), options_(options), schedule_(schedule_of(trial)) {
      state_.micro_batch = context.micro_batch;
      state_.weights.assign(kWeights, 0);
      if (!context.checkpoint_dir.empty()) folder_.emplace(context.checkpoint_dir, trial);
    }

    Outcome outcome() {
      resume();
      const std::int64_t first = state_.step;
      OutcomeStatus status = OutcomeStatus::kDone;
      while (state_.step < schedule_.steps && status == OutcomeStatus::kDone) status = take_step();
      Outcome end{
          .status = status,
          .reason = status == OutcomeStatus::kDone ? "" : "at step " + std::to_string(state_.step),
          .steps = state_.step,
          .tokens = tokens(),
          .seconds = watch_.seconds(),
          .flops = static_cast<double>(state_.step - first),
          .resumed_at = first,
          .notes = notes_};
      if (status != OutcomeStatus::kDone) return end;
      const bool lost = fault_of(trial_) == Fault::kLossIsNaN;
      end.evaluations = {{.loss = lost ? std::nan("") : loss(), .tokens = 100}};
      return end;
    }

   private:
    static constexpr std::size_t kWeights = 2000;  // a checkpoint of 24 kB

    void resume() {
      const auto found = folder_ ? folder_->newest(context_.micro_batch, notes_) : std::nullopt;
      if (!found) return;
      state_ = *found;
      resumed_at_ = state_.step;
      context_.record_curve(state_.curve);
    }

    OutcomeStatus take_step() {
      if (state_.step == schedule_.branch_step && folder_ && resumed_at_ != state_.step) save();
      if (state_.step == kFaultStep) misbehave();
      if (state_.step == kFaultStep && fault_of(trial_) == Fault::kDiverges) {
        return OutcomeStatus::kDiverged;
      }
      std::this_thread::sleep_for(options_.step_time);
      mix();
      ++state_.step;
      note_point();
      const bool stop = context_.should_stop(tokens());
      const bool due = since_save_.seconds() >= context_.checkpoint_seconds;
      const bool last = state_.step == schedule_.steps;
      if (folder_ && (stop || due) && !last) save();
      return stop && !last ? OutcomeStatus::kInterrupted : OutcomeStatus::kDone;
    }

    void misbehave() {
      if (fault_of(trial_) == Fault::kOutOfMemory && sequences() > kMostSequences) {
        throw std::bad_alloc();
      }
      if (fault_of(trial_) < Fault::kSegmentation || !may_crash()) return;
      if (fault_of(trial_) == Fault::kSegmentation) ::raise(SIGSEGV);
      if (fault_of(trial_) == Fault::kThrows) throw std::runtime_error("a tensor of no shape");
      ::abort();
    }

    // The note comes first, so that no trial crashes twice.
    bool may_crash() const {
      if (options_.crashes.empty()) return false;
      if (fault_of(trial_) == Fault::kAlwaysCrashes) return true;
      const std::string note = options_.crashes + "/" + identity(trial_);
      const int file = ::open(note.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
      if (file >= 0) ::close(file);
      return file >= 0;
    }

    std::int64_t sequences() const {
      const std::int64_t batch = trial_.train.batch;
      return context_.micro_batch > 0 ? std::min(context_.micro_batch, batch) : batch;
    }

    // Before its branch a trial knows nothing but its trunk.
    void mix() {
      const bool trunk = state_.step < schedule_.branch_step && !trunk_.empty();
      std::uint64_t x = std::stoull((trunk ? trunk_ : own_).substr(0, 15), nullptr, 16);
      x = splitmix64(x + static_cast<std::uint64_t>(64 * state_.step + sequences()));
      for (float& weight : state_.weights) {
        x = splitmix64(x ^ std::bit_cast<std::uint32_t>(weight));
        weight = static_cast<float>(x >> 40) * 0x1p-24f;
      }
    }

    double loss() const {
      double sum = 0;
      for (const float weight : state_.weights) sum += weight;
      return 2 + sum / static_cast<double>(kWeights);
    }

    void note_point() {
      const CurvePoint point{.step = state_.step, .tokens = tokens(), .train_loss = loss()};
      state_.curve.push_back(point);
      context_.record_curve({&point, 1});
    }

    void save() {
      state_.means = state_.squares = state_.weights;
      folder_->save(state_);
      since_save_.restart();
    }

    double tokens() const {
      return trial_.train.tokens * static_cast<double>(state_.step) /
             static_cast<double>(schedule_.steps);
    }

    const Trial& trial_;
    RunContext& context_;
    const Options& options_;
    Schedule schedule_;
    std::string own_ = identity(trial_);
    std::string trunk_ = trunk_identity(trial_);
    std::optional<CheckpointFolder> folder_;
    Checkpoint state_;
    std::int64_t resumed_at_ = 0;
    std::vector<std::string> notes_;
    Stopwatch watch_;
    Stopwatch since_save_;
  };

  Options options_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FAULTS_FAULTY_RUNNER_H_
