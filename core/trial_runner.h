// The contract between a sweep, which knows which trials to run, and a trainer, which knows how.
// Neither includes the other; the program hands one to the other.
#ifndef ISOFLOP_CORE_TRIAL_RUNNER_H_
#define ISOFLOP_CORE_TRIAL_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/router_stats.h"
#include "core/trial.h"

namespace isoflop {

// One line of a training curve. Losses are nats per predicted token.
struct CurvePoint {
  std::int64_t step = 0;
  double tokens = 0;                         // seen so far
  double flops = 0;                          // spent so far, convention "exact"
  double train_loss = 0;                     // mean over the steps since the last point
  std::optional<double> heldout_loss = {};   // where it was evaluated, on a small fixed subset
  std::optional<double> heldout_error = {};  // its standard error
  double rate = 0;
  double grad_norm = 0;  // before clipping
  double seconds = 0;    // of training so far, earlier attempts and the trunk included
  // Of sparse models: mean over the steps since the last point.
  std::optional<RouterStats> router = {};
};

// A loss on one named held-out set at the end of the trial.
struct Evaluation {
  std::string heldout = "heldout";
  double loss = 0;                           // nats per predicted token
  double standard_error = 0;                 // of that mean, over windows; 0 for exact losses
  std::optional<double> bits_per_byte = {};  // where a token is known to be so many bytes
  double tokens = 0;                         // evaluated
  // Loss above the source's own entropy where that is known, by the control variate
  // mean[log p_true - log p_model] (data/zipf_facts.h).
  std::optional<double> excess = {};
  std::optional<double> excess_error = {};
  // Next-sentence prediction: the share of windows that it got right. For whoever ran the trial:
  // the store does not keep it.
  std::optional<double> accuracy = {};
};

enum class OutcomeStatus { kDone, kDiverged, kInterrupted, kOutOfMemory, kFailed };

struct Outcome {
  OutcomeStatus status = OutcomeStatus::kFailed;
  std::string reason = "was not run";  // empty when done
  std::vector<Evaluation> evaluations = {};
  std::int64_t steps = 0;
  double tokens = 0;
  double seconds = 0;           // of this attempt
  double unique_tokens = 0;     // U_D: distinct tokens among them
  double epochs = 0;            // passes over the training data, tokens / tokens in one pass
  double flops = 0;             // spent by this attempt, convention "exact"
  std::int64_t resumed_at = 0;  // the step of the checkpoint that it went on from; 0: none
  // Model FLOPs utilisation: FLOPs (exact) of this attempt / its training seconds / the device's
  // peak. Empty when the peak is not known.
  std::optional<double> mfu = {};
  // Joules that the device drew for it (sweep/energy_meter.h); empty: not measured.
  std::optional<double> energy = {};
  // What whoever looks after the run should know: a damaged checkpoint that was passed over, an MFU
  // above 1 that was left out.
  std::vector<std::string> notes = {};
};

// What a runner may use while it runs. All calls come from the runner's own thread.
struct RunContext {
  std::string corpus_dir;  // of the prepared corpus; empty for synthetic data
  std::string device = "cpu";
  // Where checkpoints are written and looked for; empty: none are. Trials with the same beginning
  // share them: see trainer/checkpoint.h.
  std::string checkpoint_dir = {};
  double checkpoint_seconds = 300;  // wall-clock between two
  // A checkpoint file to begin with, whatever checkpoint_dir holds; refused when it is another
  // trial's.
  std::string resume_from = {};
  // Schedule `cooldown` only: the cooldown begins after so many seconds of training instead of
  // where the trial's tokens would have it, and the outcome's tokens are the D that has its branch
  // there. 0: as the trial says.
  double trunk_seconds = 0;
  // Sequences of one forward and backward pass; a step's batch is the sum of several. 0: the whole
  // batch at once. Results agree to rounding, not to the bit, so that it stays the same in a trial.
  std::int64_t micro_batch = 0;
  double peak_flops = 0;  // FLOP/s of the device or core, for MFU; 0: not known
  std::function<void(std::span<const CurvePoint>)> record_curve = [](auto) {};
  // What the user should know before the end, such as a checkpoint that is passed over; it is among
  // the outcome's notes too.
  std::function<void(const std::string&)> note_early = [](const std::string&) {};
  // Called at least every few steps; true means: save what you can and return kInterrupted.
  std::function<bool(double tokens_done)> should_stop = [](double) { return false; };
  // TrialRunner::run_stack only: this trial has ended, and others may go on.
  std::function<void(const Outcome&)> ended = [](const Outcome&) {};
};

class TrialRunner {
 public:
  virtual ~TrialRunner() = default;
  // Runs a pack of trials that share a process; one outcome a trial, in order. Throws only for what
  // would fail every trial alike (no corpus, no device).
  virtual std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) = 0;
  // Trials of equal keys can be trained as one batched model, by run_stack; empty: alone.
  virtual std::string stack_key(const Trial&) const { return ""; }
  // Runs trials of one key and one micro_batch together, each with a context of its own; one
  // outcome a trial, in order. kOutOfMemory means that so many at once found none.
  virtual std::vector<Outcome> run_stack(std::span<const Trial> trials,
                                         std::span<RunContext* const> contexts) {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      outcomes.push_back(run(trials.subspan(i, 1), *contexts[i]).front());
      contexts[i]->ended(outcomes.back());
    }
    return outcomes;
  }
  // The trial is done and its outcome is saved for good: what only an unfinished trial needs in
  // RunContext::checkpoint_dir can go. Not before, or a kill in between would cost the whole trial.
  virtual void forget(const Trial&, const std::string& /*checkpoint_dir*/) {}
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_TRIAL_RUNNER_H_
