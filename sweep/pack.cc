#include "sweep/pack.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "core/stopwatch.h"

namespace isoflop {
namespace {

using namespace std::chrono_literals;

// What the slots tell the one who decides.
struct PackMeter {
  std::atomic<double> flops{0};
  std::atomic<int> training{0};   // slots inside a trial
  std::atomic<int> sizes{1};      // that the pack has had
  std::atomic<int> too_large{0};  // the last of them at which memory ran out
};

// Counts what a runner does, and keeps memory that several need from being one trial's fault.
class MeteredRunner : public TrialRunner {
 public:
  MeteredRunner(std::unique_ptr<TrialRunner> runner, PackMeter& meter)
      : runner_(std::move(runner)), meter_(meter) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    RunContext metered = counted(pack[0], context);
    return watched(pack.size(), [&] { return runner_->run(pack, metered); });
  }
  std::string stack_key(const Trial& trial) const override { return runner_->stack_key(trial); }
  std::vector<Outcome> run_stack(std::span<const Trial> trials,
                                 std::span<RunContext* const> contexts) override {
    std::vector<RunContext> metered;
    std::vector<RunContext*> pointers;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      metered.push_back(counted(trials[i], *contexts[i]));
    }
    for (RunContext& context : metered) pointers.push_back(&context);
    return watched(trials.size(), [&] { return runner_->run_stack(trials, pointers); });
  }
  void forget(const Trial& trial, const std::string& checkpoint_dir) override {
    runner_->forget(trial, checkpoint_dir);
  }

 private:
  using Run = std::function<std::vector<Outcome>()>;

  RunContext counted(const Trial& trial, RunContext& context) {
    const double rate = flops_per_token(trial, FlopConvention::kExact);
    RunContext metered = context;
    // -1: the first report may come from a checkpoint.
    metered.should_stop = [this, rate, seen = -1.0, &context](double tokens) mutable {
      if (seen >= 0 && tokens > seen) meter_.flops.fetch_add(rate * (tokens - seen));
      seen = tokens;
      return context.should_stop(tokens);
    };
    return metered;
  }

  std::vector<Outcome> watched(std::size_t trials, const Run& run) {
    const int size = meter_.sizes.load();
    const bool beside_others = meter_.training.fetch_add(1) > 0;
    std::vector<Outcome> outcomes = or_memory(trials, run);
    const bool others = meter_.training.fetch_sub(1) > 1 || beside_others;
    for (Outcome& outcome : outcomes) {
      if (outcome.status != OutcomeStatus::kOutOfMemory || !others) continue;
      meter_.too_large = size;
      outcome = {.status = OutcomeStatus::kInterrupted,
                 .reason = "out of memory beside other trials of its pack"};
    }
    return outcomes;
  }

  std::vector<Outcome> or_memory(std::size_t trials, const Run& run) {
    try {
      return run();
    } catch (const std::bad_alloc&) {
      return std::vector<Outcome>(
          trials, {.status = OutcomeStatus::kOutOfMemory, .reason = "out of memory"});
    } catch (...) {
      meter_.training.fetch_sub(1);
      throw;
    }
  }

  std::unique_ptr<TrialRunner> runner_;
  PackMeter& meter_;
};

void add_to(WorkerReport& sum, const WorkerReport& report) {
  sum.done += report.done;
  sum.diverged += report.diverged;
  sum.failed += report.failed;
  sum.lost += report.lost;
  if (!report.disk_full.empty()) sum.disk_full = report.disk_full;
}

class PackOfSlots {
 public:
  PackOfSlots(const std::string& db, const std::string& study,
              const std::function<std::unique_ptr<TrialRunner>()>& make_runner,
              const WorkerOptions& options, const PackOptions& pack)
      : db_(db),
        study_(study),
        make_runner_(make_runner),
        options_(options),
        pack_(pack),
        size_(pack) {}

  PackReport run();

 private:
  struct Slot {
    std::thread thread;
    std::atomic<bool> retired{false};
    std::atomic<bool> ended{false};
  };

  void add_slot();
  void work(Slot& slot);
  void resize();
  void obey_memory();
  void measure();
  bool all_ended() const;
  bool halted() const { return halt_.load() || options_.attempt.stop(); }

  const std::string& db_;
  const std::string& study_;
  const std::function<std::unique_ptr<TrialRunner>()>& make_runner_;
  const WorkerOptions& options_;
  PackOptions pack_;
  PackSize size_;
  PackMeter meter_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::atomic<bool> halt_{false};  // one slot has met what would fail them all
  std::mutex mutex_;               // of the two below
  WorkerReport report_;
  std::exception_ptr error_;
  Stopwatch phase_;
  double flops_at_phase_ = 0;
  bool measuring_ = false;
};

void PackOfSlots::add_slot() {
  slots_.push_back(std::make_unique<Slot>());
  Slot& slot = *slots_.back();
  slot.thread = std::thread([this, &slot] { work(slot); });
}

// A trial that failed ends run_worker; in a pack the slot goes on, because a fresh process would
// cost the others their trials.
void PackOfSlots::work(Slot& slot) {
  WorkerOptions options = options_;
  options.attempt.stop = [&] { return slot.retired.load() || halted(); };
  try {
    Store store(db_);
    bool go_on = true;
    while (go_on) {
      MeteredRunner runner(make_runner_(), meter_);
      const WorkerReport report = run_worker(store, study_, runner, options);
      go_on = report.failed > 0 && report.disk_full.empty() && !options.attempt.stop();
      const std::lock_guard lock(mutex_);
      add_to(report_, report);
      if (!report.disk_full.empty()) halt_ = true;
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    halt_ = true;
  }
  slot.ended = true;
}

bool PackOfSlots::all_ended() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const auto& s) { return s->ended.load(); });
}

void PackOfSlots::resize() {
  while (static_cast<int>(slots_.size()) > size_.slots()) {
    slots_.back()->retired = true;
    slots_.back()->thread.join();
    slots_.pop_back();
  }
  while (static_cast<int>(slots_.size()) < size_.slots()) add_slot();
  phase_.restart();
  measuring_ = false;
}

void PackOfSlots::obey_memory() {
  if (meter_.too_large.load() < meter_.sizes.load()) return;  // of a size that it no longer has
  size_.ran_out_of_memory();
  resize();
  meter_.sizes.fetch_add(1);
}

// Not at the end of a study, where slots find nothing more to do.
void PackOfSlots::measure() {
  if (size_.settled()) return;
  if (std::any_of(slots_.begin(), slots_.end(), [](const auto& s) { return s->ended.load(); })) {
    return;
  }
  if (!measuring_ && phase_.seconds() >= pack_.settle_seconds) {
    measuring_ = true;
    flops_at_phase_ = meter_.flops.load();
    phase_.restart();
  } else if (measuring_ && phase_.seconds() >= pack_.measure_seconds) {
    size_.measured((meter_.flops.load() - flops_at_phase_) / phase_.seconds());
    resize();
  }
}

PackReport PackOfSlots::run() {
  resize();
  while (!all_ended()) {
    std::this_thread::sleep_for(10ms);
    if (halted()) continue;
    obey_memory();
    measure();
  }
  for (const auto& slot : slots_) slot->thread.join();
  if (error_) std::rethrow_exception(error_);
  report_.interrupted = options_.attempt.stop();
  return {.worker = report_, .slots = size_.slots(), .rates = size_.rates()};
}

}  // namespace

PackSize::PackSize(const PackOptions& options)
    : options_(options), limit_(std::max(1, options.most_slots)), settled_(limit_ == 1) {}

void PackSize::measured(double flops_per_second) {
  if (settled_) return;
  rates_.push_back(flops_per_second);
  if (slots_ > 1) {
    const double before = rates_[rates_.size() - 2];
    const double share = before / (slots_ - 1);
    if (flops_per_second - before < options_.gain * share) {
      --slots_;
      settled_ = true;
      return;
    }
  }
  settled_ = slots_ == limit_;
  if (!settled_) ++slots_;
}

void PackSize::ran_out_of_memory() {
  limit_ = slots_ = std::max(1, slots_ - 1);
  settled_ = true;
}

PackReport run_pack(const std::string& db, const std::string& study,
                    const std::function<std::unique_ptr<TrialRunner>()>& make_runner,
                    const WorkerOptions& options, const PackOptions& pack) {
  return PackOfSlots(db, study, make_runner, options, pack).run();
}

}  // namespace isoflop
