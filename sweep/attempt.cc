#include "sweep/attempt.h"

#include <algorithm>
#include <memory>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/units.h"
#include "sweep/scribe.h"

namespace isoflop {
namespace {

bool reads_text(const Trial& trial) {
  return trial.data.source == "text" && trial.trainer != "tabular";
}

std::string sequences_at_a_time(const Claim& claim) {
  const std::int64_t batch = claim.trial.train.batch;
  const std::int64_t count = claim.micro_batch > 0 ? std::min(claim.micro_batch, batch) : batch;
  return ", with " + std::to_string(count) + " of its batch of " + std::to_string(batch) +
         " sequences at a time" +
         (needs_whole_batch(claim.trial)
              ? ": in parts its experts would be balanced and filled otherwise; give fewer experts "
                "or a smaller train.batch"
              : "");
}

// A reason is one line; what else there is goes to the notes.
Outcome failed_with(const std::string& what) {
  Outcome outcome{.status = OutcomeStatus::kFailed, .reason = what.substr(0, what.find('\n'))};
  if (outcome.reason.size() < what.size()) outcome.notes.push_back(what);
  return outcome;
}

// What `run` returns, or what went wrong as an outcome.
Outcome guarded(const std::string& checkpoint_dir, const std::function<Outcome()>& run) {
  try {
    return run();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    return {.status = OutcomeStatus::kOutOfMemory, .reason = "out of memory"};
  } catch (const std::system_error& error) {
    if (means_disk_full(error.code().value())) throw disk_full_error(checkpoint_dir, error.what());
    return failed_with(error.what());
  } catch (const std::exception& error) {
    return failed_with(error.what());
  } catch (...) {
    return failed_with("the trainer threw something that is not a std::exception");
  }
}

Outcome run_trial(TrialRunner& runner, const Claim& claim, RunContext& context) {
  return guarded(context.checkpoint_dir, [&] {
    std::vector<Outcome> outcomes = runner.run({&claim.trial, 1}, context);
    if (!outcomes.empty()) return std::move(outcomes.front());
    return failed_with("the trainer gave no outcome");
  });
}

std::string claim_name(const Claim& claim) { return "trial " + claim.identity.substr(0, 12); }

// What the store has in more columns; a log is read where the process has died.
void tell_begin(const Claim& claim, const AttemptOptions& options) {
  options.note(claim_name(claim) + ": N " + format_quantity(params_of(claim.trial)) + ", D " +
               format_quantity(claim.trial.train.tokens));
}

void tell_end(const Claim& claim, const Outcome& outcome, const AttemptOptions& options) {
  for (const std::string& line : outcome.notes) options.note(line);
  const char* verdict = outcome.status == OutcomeStatus::kDiverged      ? "diverged"
                        : outcome.status == OutcomeStatus::kOutOfMemory ? "does not fit"
                        : outcome.status == OutcomeStatus::kFailed      ? "failed"
                                                                        : nullptr;
  if (verdict == nullptr) return;
  options.note(claim_name(claim) + ": " + verdict + ": " + outcome.reason);
}

using EnergyPart = std::unique_ptr<EnergyMeter::Part>;

EnergyPart energy_of(const Claim& claim, const AttemptOptions& options) {
  if (!options.energy) return nullptr;
  return options.energy->begin(flops_per_token(claim.trial, FlopConvention::kExact));
}

RunContext context_for(const Claim& claim, const AttemptOptions& options, Scribe& scribe,
                       EnergyMeter::Part* energy) {
  RunContext context{.corpus_dir = reads_text(claim.trial) ? options.corpus_dir(claim.trial) : "",
                     .device = options.device,
                     .checkpoint_dir = options.checkpoint_dir,
                     .checkpoint_seconds = options.checkpoint_seconds,
                     .micro_batch = claim.micro_batch,
                     .peak_flops = options.peak_flops};
  context.record_curve = [&](std::span<const CurvePoint> points) { scribe.add(points); };
  context.should_stop = [&scribe, &options, energy](double tokens) {
    if (energy != nullptr) energy->reached(tokens);
    return scribe.should_stop(tokens) || options.stop();
  };
  return context;
}

// One of those that run together.
struct StackedAttempt {
  StackedAttempt(const Claim& the_claim, AttemptLog& log, const AttemptOptions& options)
      : claim(the_claim),
        scribe(the_claim, log, options),
        energy(energy_of(the_claim, options)),
        context(context_for(the_claim, options, scribe, energy.get())) {}

  const Claim& claim;
  Scribe scribe;
  EnergyPart energy;
  RunContext context;
  bool finished = false;
};

class Stack {
 public:
  Stack(TrialRunner& runner, std::span<const Claim> claims, std::span<AttemptLog* const> logs,
        const AttemptOptions& options, const FinishStacked& finish)
      : runner_(runner), options_(options), finish_(finish) {
    for (std::size_t i = 0; i < claims.size(); ++i) {
      tell_begin(claims[i], options);
      attempts_.push_back(std::make_unique<StackedAttempt>(claims[i], *logs[i], options));
      StackedAttempt& attempt = *attempts_.back();
      attempt.context.ended = [this, i](const Outcome& outcome) { end(i, outcome); };
      contexts_.push_back(&attempt.context);
      trials_.push_back(claims[i].trial);
    }
  }

  StackTrouble run() {
    std::vector<Outcome> outcomes;
    const Outcome whole = guarded(options_.checkpoint_dir, [&] {
      outcomes = runner_.run_stack(trials_, contexts_);
      if (outcomes.size() != trials_.size()) return failed_with("the trainer gave no outcome");
      return Outcome{.status = OutcomeStatus::kDone, .reason = ""};
    });
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
      if (attempts_[i]->finished) continue;
      end(i, whole.status == OutcomeStatus::kDone ? outcomes[i] : whole);
    }
    return trouble_;
  }

 private:
  // What needed the room of several, or was thrown among several, is nobody's fault yet.
  Outcome beside_others(const Outcome& outcome) {
    const std::string where = " in a stack of " + std::to_string(trials_.size());
    if (outcome.status == OutcomeStatus::kOutOfMemory) {
      trouble_ = std::max(trouble_, StackTrouble::kMemory);
      return {.status = OutcomeStatus::kInterrupted, .reason = "out of memory" + where};
    }
    if (outcome.status == OutcomeStatus::kFailed) {
      trouble_ = StackTrouble::kBug;
      return {.status = OutcomeStatus::kInterrupted,
              .reason = "failed" + where + ": " + outcome.reason,
              .notes = outcome.notes};
    }
    return outcome;
  }

  void end(std::size_t i, const Outcome& given) {
    StackedAttempt& attempt = *attempts_[i];
    Outcome outcome = beside_others(given);
    if (attempt.energy) outcome.energy = attempt.energy->end();
    attempt.finished = true;
    tell_end(attempt.claim, outcome, options_);
    attempt.scribe.end();
    finish_(i, outcome);
  }

  TrialRunner& runner_;
  const AttemptOptions& options_;
  const FinishStacked& finish_;
  std::vector<std::unique_ptr<StackedAttempt>> attempts_;
  std::vector<RunContext*> contexts_;
  std::vector<Trial> trials_;
  StackTrouble trouble_ = StackTrouble::kNone;
};

}  // namespace

Outcome run_attempt(TrialRunner& runner, const Claim& claim, AttemptLog& log,
                    const AttemptOptions& options) {
  tell_begin(claim, options);
  Scribe scribe(claim, log, options);
  const EnergyPart energy = energy_of(claim, options);
  RunContext context = context_for(claim, options, scribe, energy.get());
  Outcome outcome = run_trial(runner, claim, context);
  if (energy) outcome.energy = energy->end();
  if (outcome.status == OutcomeStatus::kOutOfMemory) outcome.reason += sequences_at_a_time(claim);
  tell_end(claim, outcome, options);
  scribe.end();
  return outcome;
}

StackTrouble run_stacked_attempts(TrialRunner& runner, std::span<const Claim> claims,
                                  std::span<AttemptLog* const> logs, const AttemptOptions& options,
                                  const FinishStacked& finish) {
  return Stack(runner, claims, logs, options, finish).run();
}

}  // namespace isoflop
