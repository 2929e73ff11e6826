#include "imports/tracker_run.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "core/closest_word.h"
#include "core/loss_unit.h"
#include "core/units.h"
#include "imports/table_fields.h"

namespace isoflop {
namespace {

using TagNames = std::span<const std::string_view>;

// In the order in which they are looked for.
constexpr std::string_view kHeldoutNames[] = {
    "heldout_loss",    "val_loss",          "valid_loss",         "validation_loss",
    "eval_loss",       "loss_val",          "loss_validation",    "loss_eval",
    "val_loss_epoch",  "eval_val_loss",     "lm_loss_validation", "validation_metrics_loss",
    "dev_loss",        "val_cross_entropy", "eval_cross_entropy", "val_ce_loss",
    "eval_loss_epoch", "test_loss"};
constexpr std::string_view kTrainNames[] = {"train_loss",
                                            "training_loss",
                                            "loss",
                                            "loss_train",
                                            "train_loss_step",
                                            "lm_loss",
                                            "loss_metrics_global_avg_loss",
                                            "train_cross_entropy_loss",
                                            "train_loss_epoch",
                                            "train_train_loss",
                                            "train_lm_loss"};
constexpr std::string_view kRateNames[] = {"rate",        "lr",         "learning_rate",
                                           "train_lr",    "train_rate", "train_learning_rate",
                                           "lr_adamw",    "lr_adam",    "optim_learning_rate",
                                           "optimizer_lr"};
constexpr std::string_view kNormNames[] = {
    "grad_norm",       "train_grad_norm",       "gradient_norm",
    "grad_norm_total", "optim_total_grad_norm", "gnorm"};
constexpr std::string_view kTokenNames[] = {"tokens",
                                            "tokens_seen",
                                            "total_tokens",
                                            "num_tokens",
                                            "n_tokens",
                                            "num_input_tokens_seen",
                                            "train_num_input_tokens_seen",
                                            "train_tokens",
                                            "train_tokens_seen",
                                            "train_total_tokens",
                                            "consumed_tokens",
                                            "throughput_total_tokens",
                                            "n_tokens_seen",
                                            "num_tokens_seen",
                                            "tokens_trained",
                                            "training_tokens"};
constexpr std::string_view kParamNames[] = {"params",           "n_params",
                                            "num_params",       "n_parameters",
                                            "num_parameters",   "parameters",
                                            "parameter_count",  "param_count",
                                            "total_params",     "total_parameters",
                                            "params_total",     "model_params",
                                            "model_parameters", "model_n_params",
                                            "model_num_params", "model_num_parameters",
                                            "num_model_params", "n"};
constexpr std::string_view kNonembeddingNames[] = {
    "nonembedding_params",    "non_embedding_params",     "n_nonembedding",
    "params_nonembedding",    "num_nonembedding_params",  "num_non_embedding_params",
    "n_params_non_embedding", "non_embedding_num_params", "num_params_non_embedding"};
constexpr std::string_view kBatchNames[] = {"batch_tokens",         "tokens_per_step",
                                            "tokens_per_batch",     "tokens_per_iter",
                                            "tokens_per_iteration", "global_batch_tokens"};
constexpr std::string_view kSecondsNames[] = {"seconds", "runtime", "total_time"};

bool is_one_of(const std::string& name, TagNames usual) {
  return std::find(usual.begin(), usual.end(), name) != usual.end();
}

// The key of a map whose usual form stands first in `usual`; empty: none.
template <typename Map>
std::string usual_key(const Map& map, TagNames usual) {
  std::string best;
  std::size_t rank = usual.size();
  for (const auto& [key, value] : map) {
    const auto found = std::find(usual.begin(), usual.end(), plain_name(key));
    const auto place = static_cast<std::size_t>(found - usual.begin());
    if (place >= rank) continue;
    best = key;
    rank = place;
  }
  return best;
}

struct ChosenNames {
  std::string heldout, train;
  std::string why_not;
};

bool looks_heldout(const std::string& usual) {
  const bool heldout = usual.starts_with("eval_") || usual.starts_with("val_") ||
                       usual.starts_with("valid_") || usual.starts_with("validation_");
  return heldout && usual.ends_with("_loss");
}

// The named loss, which is the held-out one whatever its name.
ChosenNames named_loss(const TrackerRun& run, const std::string& name) {
  ChosenNames out;
  if (run.metrics.count(name) > 0) {
    out.heldout = name;
    return out;
  }
  std::vector<std::string> known;
  for (const auto& metric : run.metrics) known.push_back(metric.first);
  const std::string near = closest_word(name, known);
  out.why_not = "has no metric \"" + name + "\"" +
                (near.empty() ? "; name another with --map loss="
                              : ": did you mean --map loss=" + near + "?");
  return out;
}

ChosenNames choose_losses(const TrackerRun& run, const ImportOptions& options) {
  ChosenNames out;
  if (!options.map.loss.empty()) {
    out = named_loss(run, options.map.loss);
  } else {
    out.heldout = usual_key(run.metrics, kHeldoutNames);
  }
  out.train = usual_key(run.metrics, kTrainNames);
  if (out.train == out.heldout) out.train.clear();
  if (!out.heldout.empty() || !out.why_not.empty()) return out;
  for (const auto& metric : run.metrics) {
    if (!looks_heldout(plain_name(metric.first))) continue;
    if (!out.heldout.empty()) {
      out.why_not = "has several held-out losses (" + out.heldout + ", " + metric.first +
                    ", ...): name one with --map loss=" + out.heldout;
      return out;
    }
    out.heldout = metric.first;
  }
  return out;
}

void add_series(const TrackerRun& run, const std::string& name,
                std::optional<double> ImportedPoint::*field, double start, RunCurve& curve) {
  const auto found = run.metrics.find(name);
  if (name.empty() || found == run.metrics.end()) return;
  for (const TrackedValue& value : found->second) {
    ImportedPoint point{.step = value.step};
    point.*field = value.value;
    if (start > 0 && value.seconds >= start) point.seconds = value.seconds - start;
    curve.add(point);
  }
}

double start_of(const TrackerRun& run) {
  double start = 0;
  for (const auto& [name, series] : run.metrics) {
    for (const TrackedValue& value : series) {
      if (value.seconds > 0 && (start == 0 || value.seconds < start)) start = value.seconds;
    }
  }
  return start;
}

// The name that the map gives for a field, or a usual one that the run has.
std::string field_name(const TrackerRun& run, const std::string& mapped, TagNames usual) {
  if (!mapped.empty()) return mapped;
  const std::string metric = usual_key(run.metrics, usual);
  return metric.empty() ? usual_key(run.facts, usual) : metric;
}

// A field's number: the last value of a series, or a fact.
std::optional<double> single_number(const TrackerRun& run, const std::string& name) {
  const auto series = run.metrics.find(name);
  if (series != run.metrics.end() && !series->second.empty()) return series->second.back().value;
  const auto fact = run.facts.find(name);
  return fact == run.facts.end() ? std::nullopt : try_parse_quantity(fact->second);
}

std::optional<double> positive_number(const TrackerRun& run, const std::string& name) {
  const auto value = single_number(run, name);
  return value && std::isfinite(*value) && *value > 0 ? value : std::nullopt;
}

void take_tokens(const TrackerRun& run, const ImportOptions& options, LoggedRun& out) {
  const std::string name = field_name(run, options.map.tokens, kTokenNames);
  out.tokens_from = name;
  const auto series = run.metrics.find(name);
  if (series == run.metrics.end()) {
    out.total_tokens = positive_number(run, name);
  } else {
    for (const TrackedValue& value : series->second) {
      if (value.value > 0) out.curve.add({.step = value.step, .tokens = value.value});
    }
  }
  const std::string batch = field_name(run, "", kBatchNames);
  out.batch_tokens = positive_number(run, batch);
  out.tokens_hint = ", or name what holds all tokens seen with --map tokens=";
}

void take_facts(const TrackerRun& run, const ImportOptions& options, LoggedRun& out) {
  out.params_from = field_name(run, options.map.params, kParamNames);
  out.params = positive_number(run, out.params_from);
  const auto rest = positive_number(run, field_name(run, "", kNonembeddingNames));
  if (rest) out.extra["nonembedding_params"] = *rest;
  for (const auto& [name, column] : options.map.extra) {
    if (const auto value = single_number(run, column)) out.extra[name] = *value;
  }
  const std::string seed = options.map.seed.empty() ? "seed" : options.map.seed;
  const double said = single_number(run, seed).value_or(0);
  if (std::abs(said) < 9e15) out.seed = static_cast<std::int64_t>(said);
  if (options.map.flops.empty()) return;
  out.flops = positive_number(run, options.map.flops);
  out.flops_convention = options.convention;
}

std::vector<TrackedValue> sorted_by_step(std::vector<TrackedValue> series) {
  std::stable_sort(series.begin(), series.end(),
                   [](const TrackedValue& a, const TrackedValue& b) { return a.step < b.step; });
  return series;
}

std::string no_usual_loss(const TrackerRun& run) {
  std::string names;
  for (const auto& metric : run.metrics) {
    if (names.size() > 200)
      return "has no loss by a usual name (it has " + names + ", ...); name one with --map loss=";
    names += (names.empty() ? "" : ", ") + metric.first;
  }
  return "has no loss by a usual name (it has " + (names.empty() ? "no metric" : names) +
         "); name one with --map loss=";
}

}  // namespace

LoggedRun logged_run_of(TrackerRun run, const ImportOptions& options) {
  LoggedRun out;
  out.source_id = run.source_id;
  out.label = run.label;
  out.line = run.line;
  out.why_not = run.why_not;
  out.said = std::move(run.said);
  if (!out.why_not.empty()) return out;
  const ChosenNames losses = choose_losses(run, options);
  out.why_not = losses.why_not;
  if (out.why_not.empty() && losses.heldout.empty() && losses.train.empty()) {
    out.why_not = no_usual_loss(run);
  }
  out.why_not_is_lack = !out.why_not.empty();
  if (out.why_not_is_lack) return out;
  const double start = start_of(run);
  out.loss_from = losses.heldout;
  out.train_from = losses.train;
  add_series(run, losses.train, &ImportedPoint::train_loss, start, out.curve);
  add_series(run, losses.heldout, &ImportedPoint::heldout_loss, start, out.curve);
  add_series(run, usual_key(run.metrics, kRateNames), &ImportedPoint::rate, 0, out.curve);
  add_series(run, usual_key(run.metrics, kNormNames), &ImportedPoint::grad_norm, 0, out.curve);
  if (start == 0) {
    add_series(run, usual_key(run.metrics, kSecondsNames), &ImportedPoint::seconds, 0, out.curve);
  }
  take_tokens(run, options, out);
  take_facts(run, options, out);
  return out;
}

void add_tracker_runs(RunImport& read, std::vector<TrackerRun> runs, const ImportSource& source,
                      const ImportOptions& options) {
  if (is_bits_per_byte(options.map.loss)) read.loss_unit = kBitsPerByte;
  std::vector<LoggedRun> logged;
  for (TrackerRun& run : runs) {
    for (auto& [name, series] : run.metrics) series = sorted_by_step(std::move(series));
    logged.push_back(logged_run_of(std::move(run), options));
  }
  add_logged_runs(read, std::move(logged), source, options);
}

bool is_usual_train_loss(std::string_view name) { return is_one_of(plain_name(name), kTrainNames); }

bool is_usual_heldout_loss(std::string_view name) {
  const std::string usual = plain_name(name);
  return is_one_of(usual, kHeldoutNames) || looks_heldout(usual);
}

}  // namespace isoflop
