#include "imports/logged_run.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "core/units.h"

namespace isoflop {
namespace {

// Whether tokens are known now.
bool place_tokens(std::vector<ImportedPoint>& points, const LoggedRun& run,
                  const ImportOptions& options) {
  const double last_step = static_cast<double>(points.back().step);
  if (options.batch_tokens) {
    set_tokens(points, *options.batch_tokens);
  } else if (has_tokens(points)) {
    fill_tokens(points);
  } else if (run.batch_tokens) {
    set_tokens(points, *run.batch_tokens);
  } else if (run.total_tokens && last_step > 0) {
    set_tokens(points, *run.total_tokens / last_step);
  } else if (run.total_tokens) {
    points.back().tokens = *run.total_tokens;
  } else {
    return false;
  }
  return true;
}

const ImportedPoint* last_with(const std::vector<ImportedPoint>& points,
                               std::optional<double> ImportedPoint::*field) {
  const auto found = std::find_if(points.rbegin(), points.rend(),
                                  [&](const ImportedPoint& p) { return (p.*field).has_value(); });
  return found == points.rend() ? nullptr : &*found;
}

struct ReadLoss {
  const ImportedPoint* point = nullptr;
  bool is_heldout = false;
  double value = 0;
  std::string why_not;
};

ReadLoss final_loss(const std::vector<ImportedPoint>& points) {
  const ImportedPoint* heldout = last_with(points, &ImportedPoint::heldout_loss);
  const ImportedPoint* train = last_with(points, &ImportedPoint::train_loss);
  ReadLoss out;
  out.is_heldout = heldout != nullptr;
  out.point = heldout != nullptr ? heldout : train;
  if (out.point == nullptr) {
    out.why_not = "has no loss";
    return out;
  }
  out.value = out.is_heldout ? *heldout->heldout_loss : *train->train_loss;
  const std::string of = " loss at step ";
  if (!std::isfinite(out.value)) {
    out.why_not = std::string("diverged: its ") + (out.is_heldout ? "held-out" : "training") + of +
                  std::to_string(out.point->step) + " is not a finite number";
  } else if (train != nullptr && train->step >= out.point->step &&
             !std::isfinite(*train->train_loss)) {
    out.why_not =
        "diverged: its training" + of + std::to_string(train->step) + " is not a finite number";
  } else if (!(out.value > 0)) {
    out.why_not = "its loss at step " + std::to_string(out.point->step) + " is " +
                  exact_number(out.value) + ", and a loss is positive";
  }
  return out;
}

struct FinishedRun {
  std::optional<ImportedRun> run = {};
  std::string why_not = {};
  bool is_lack = false;  // a flag would help
  bool is_heldout = true;
  std::int64_t loss_step = 0, last_step = 0;
};

std::string lack_of_params(const LoggedRun& run) {
  std::string text =
      "does not say how many parameters its model has; give them with --params, e.g. "
      "--params 124M";
  const auto other = run.extra.find("nonembedding_params");
  if (other != run.extra.end()) {
    text += " (without embeddings they are " + format_quantity(other->second) + ")";
  }
  return text;
}

constexpr std::string_view kLackOfTokens =
    "does not say how many tokens a step has; give them with --batch-tokens, e.g. "
    "--batch-tokens 524288";

std::string derived_flops(const LoggedRun& run, const ImportOptions& options, Observation& seen) {
  const auto rest = run.extra.find("nonembedding_params");
  if (options.convention == FlopConvention::k6nd) {
    seen.flops = 6 * seen.params * seen.tokens;
    return "flops = 6 params tokens [6nd]";
  }
  if (options.convention == FlopConvention::kKaplan && rest != run.extra.end()) {
    seen.flops = 6 * rest->second * seen.tokens;
    return "flops = 6 nonembedding_params tokens [kaplan]";
  }
  return "";
}

// Sets C and says how; false where the convention needs more than the log says. The log's own C is
// of its end, the loss perhaps of a point before it.
bool set_flops(const LoggedRun& run, const ImportOptions& options, double last_tokens,
               ImportedRun& out) {
  if (run.flops && run.flops_convention == options.convention) {
    const double share = out.observation.tokens / last_tokens;
    out.observation.flops = *run.flops * share;
    if (share != 1) out.derived = "flops = the run's flops x tokens / the run's tokens";
    return true;
  }
  out.derived = derived_flops(run, options, out.observation);
  return !out.derived.empty();
}

FinishedRun lacking(std::string why) { return {.why_not = std::move(why), .is_lack = true}; }

ImportedRun imported_run(LoggedRun& run, const ReadLoss& loss) {
  ImportedRun out;
  out.source_id = run.source_id;
  out.line = run.line;
  out.observation.params = *run.params;
  out.observation.tokens = loss.point->tokens;
  out.observation.loss = loss.value;
  out.observation.seed = run.seed;
  out.observation.trial = run.label;
  out.observation.extra = run.extra;
  // Whatever bytes a log holds, its provenance is UTF-8.
  out.provenance = run.said.dump(-1, ' ', false, Json::error_handler_t::replace);
  return out;
}

FinishedRun finish_run(LoggedRun& run, const ImportOptions& options) {
  if (!run.why_not.empty()) return {.why_not = run.why_not, .is_lack = run.why_not_is_lack};
  std::vector<ImportedPoint> points = run.curve.take();
  if (points.empty()) return {.why_not = "has no loss"};
  const ReadLoss early = final_loss(points);
  if (!early.why_not.empty()) return {.why_not = early.why_not};
  if (options.params) run.params = options.params;
  if (!run.params) return lacking(lack_of_params(run));
  if (!place_tokens(points, run, options))
    return lacking(std::string(kLackOfTokens) + run.tokens_hint);
  if (run.is_per_step_seconds) sum_seconds(points);
  const ReadLoss loss = final_loss(points);
  if (!std::isfinite(loss.point->tokens)) return {.why_not = "its tokens are beyond a number"};
  if (loss.point->tokens <= 0) return {.why_not = "its only loss is at step 0, before any token"};
  if (!(*run.params > 0) || !std::isfinite(*run.params)) {
    return lacking("its parameters are no positive number; give them with --params");
  }
  FinishedRun out{.run = imported_run(run, loss),
                  .is_heldout = loss.is_heldout,
                  .loss_step = loss.point->step,
                  .last_step = points.back().step};
  if (!set_flops(run, options, points.back().tokens, *out.run)) {
    return lacking("C under convention " + std::string(name_of(options.convention)) +
                   " needs the model's shape, which a log does not say; leave the convention at "
                   "6nd, or name a column with --map flops=");
  }
  remove_non_finite(points);
  out.run->points = std::move(points);
  return out;
}

void name_fields(RunImport& read, const LoggedRun& run, const ImportOptions& options,
                 const ImportedRun& made) {
  const auto field = [&](const char* name, bool flag, const char* how, const std::string& from) {
    read.fields.push_back(flag ? FieldSource{name, "", how} : FieldSource{name, from, "the log"});
  };
  field("params", options.params.has_value(), "--params", run.params_from);
  field("tokens", options.batch_tokens.has_value(), "step x --batch-tokens", run.tokens_from);
  field("loss", false, "", run.loss_from.empty() ? "loss" : run.loss_from);
  if (!made.derived.empty()) read.fields.push_back({"flops", "", made.derived});
}

std::string of_runs(std::int64_t count, const char* one, const char* many) {
  return count == 1 ? std::string(one) : std::to_string(count) + " " + many;
}

struct RunTally {
  std::int64_t train_only = 0, repeated = 0, lacks = 0;
  std::string first_lack;
};

void note_tally(RunImport& read, const RunTally& tally) {
  if (tally.train_only > 0) {
    read.notes.push_back(of_runs(tally.train_only, "The run has", "runs have") +
                         " no held-out loss: the last training loss stands for it, which falls "
                         "below the held-out loss where data are repeated");
  }
  if (tally.repeated > 0) {
    read.notes.push_back(
        of_runs(tally.repeated, "One step was", "steps were") +
        " logged more than once, as after a restart: the later line for the same step counts");
  }
}

void take_run(RunImport& read, RunTally& tally, LoggedRun& run, const ImportOptions& options,
              bool only_one) {
  FinishedRun done = finish_run(run, options);
  tally.repeated += run.curve.repeated();
  if (!done.run) {
    tally.lacks += done.is_lack;
    if (done.is_lack && tally.first_lack.empty()) tally.first_lack = done.why_not;
    read.dropped.push_back({run.line, run.label + ": " + done.why_not});
    return;
  }
  if (read.runs.empty()) name_fields(read, run, options, *done.run);
  tally.train_only += !done.is_heldout;
  if (only_one && done.loss_step < done.last_step) {
    read.notes.push_back("The last held-out loss is of step " + std::to_string(done.loss_step) +
                         " of " + std::to_string(done.last_step) + ": D is what was seen by then");
  }
  done.run->observation.row = static_cast<std::int64_t>(read.runs.size());
  if (only_one && !options.label.empty()) done.run->observation.trial = options.label;
  read.runs.push_back(std::move(*done.run));
}

}  // namespace

void add_logged_runs(RunImport& read, std::vector<LoggedRun> runs, const ImportSource& source,
                     const ImportOptions& options) {
  RunTally tally;
  for (LoggedRun& run : runs) {
    if (run.source_id.empty()) run.source_id = run_name_of(source.path);
    if (run.label.empty()) run.label = run.source_id;
    take_run(read, tally, run, options, runs.size() == 1);
  }
  if (read.runs.empty() && tally.lacks > 0) {
    throw usage_error(source.path + ": " + (runs.size() == 1 ? "" : "no run can be used: ") +
                      tally.first_lack);
  }
  read.convention = options.convention;
  note_tally(read, tally);
}

bool is_same_for_all_runs(const std::string& path) {
  static constexpr std::array<std::string_view, 11> kNames = {
      "main",   "log",    "trainer_state", "metrics", "tracker_metrics", "train",
      "stdout", "output", "training",      "run",     "mlflow"};
  const std::filesystem::path file(path);
  return std::find(kNames.begin(), kNames.end(), file.stem().string()) != kNames.end() ||
         file.filename().string().find("tfevents") != std::string::npos;
}

std::string run_name_of(const std::string& path) {
  const std::filesystem::path file(path);
  const std::filesystem::path folder = file.parent_path();
  const std::string stem = file.stem().string(), parent = folder.filename().string();
  if (!is_same_for_all_runs(path) || parent.empty() || parent == "." || parent == "..") {
    return stem.empty() ? path : stem;
  }
  const std::string above = folder.parent_path().filename().string();
  if (above.empty()) return parent;
  if (parent.starts_with("checkpoint-")) return above;
  return parent.starts_with("version_") ? above + "/" + parent : parent;
}

Error no_usable_line(const ImportSource& source, const std::string& what,
                     const std::string& expected) {
  return usage_error(source.path + ": no usable line of " + what + ": expected lines as \"" +
                     expected + "\"; see isoflop import --help for other formats");
}

}  // namespace isoflop
