#include "sweep/grid_trial.h"

#include <algorithm>
#include <cmath>

#include "core/schedule.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "sweep/bracket.h"
#include "sweep/grid_rates.h"

namespace isoflop {
namespace {

void set_data(Trial& trial, const Keys& keys, const GridContext& context) {
  if (trial.data.source == "text") trial.data.hash = context.corpus_hash;
  if (context.vocab <= 0) return;
  const std::int64_t special = special_tokens(trial.model);
  if (has_key(keys, "model.vocab") && trial.model.vocab != context.vocab + special) {
    throw grid_error(
        "model.vocab",
        "is " + std::to_string(trial.model.vocab) + ", but the data have " +
            std::to_string(context.vocab) + " tokens" +
            (special > 0 ? " and the model " + std::to_string(special) + " more" : "") +
            "; leave it out");
  }
  trial.model.vocab = context.vocab + special;
}

// Dense trials beside sparse ones, and autoregressive ones beside masked ones, are one trial each
// whatever the grid says of experts and masks.
void drop_idle_fields(Trial& trial, const GridSpec& spec) {
  const Trial plain;
  ModelConfig& m = trial.model;
  if (has_axis(spec, "model.experts") && !m.sparse()) {
    m.experts_per_token = plain.model.experts_per_token;
    m.granularity = plain.model.granularity;
    m.shared_experts = plain.model.shared_experts;
    m.router = plain.model.router;
    m.capacity_factor = plain.model.capacity_factor;
    trial.train.balance_loss = plain.train.balance_loss;
    trial.train.router_z_loss = plain.train.router_z_loss;
  }
  if (!has_axis(spec, "model.objective") || m.masked()) return;
  m.next_sentence = plain.model.next_sentence;
  m.mask_fraction = plain.model.mask_fraction;
  trial.train.mask_replaced = plain.train.mask_replaced;
  trial.train.mask_random = plain.train.mask_random;
  trial.train.whole_words = plain.train.whole_words;
}

// The shape of the rule, then whatever of it the grid names itself.
void set_shape(Trial& trial, const Cell& cell, const Keys& keys) {
  if (trial.trainer == "tabular") {
    trial.tabular_params = cell.size.value_or(0);
    return;
  }
  validate_sizes(trial.model);
  trial.model = has_key(keys, "model.width") ? shape_for_width(trial.model.width, trial.model)
                                             : shape_for_params(*cell.size, trial.model);
  for (const auto& [key, value] : keys) {
    if (key.rfind("model.", 0) == 0) set_key(trial, key, value);
  }
  // Heads of another number or width keep the attention as wide as the model, unless both are
  // given.
  ModelConfig& m = trial.model;
  const bool heads = has_key(keys, "model.heads");
  const bool head_size = has_key(keys, "model.head_size");
  if (heads && !head_size) m.head_size = std::max<std::int64_t>(1, m.width / m.heads);
  if (head_size && !heads) m.heads = std::max<std::int64_t>(1, m.width / m.head_size);
}

double wanted_tokens(const Trial& trial, const Cell& cell, const GridSpec& spec) {
  if (cell.budget) return *cell.budget / flops_per_token(trial, spec.convention);
  if (cell.tokens) return *cell.tokens;
  return *cell.ratio * active_params_of(trial);
}

// Far below what a law was measured at, it may ask for more than all tokens at once.
void check_batch_of_law(const Trial& trial, double tokens, const GridSpec& spec) {
  const double batch =
      static_cast<double>(trial.train.batch) * static_cast<double>(trial.model.context);
  if (!spec.rates || trial.train.batch <= 1 || batch <= tokens) return;
  throw grid_error("rates", spec.rates->name + " asks for a batch of " + format_quantity(batch) +
                                " tokens where D is " + format_quantity(tokens) +
                                "; give train.batch, a larger D or another law");
}

// What D is a multiple of, in tokens: with a bracket of batches, all of them divide it.
double whole_batches(const Trial& trial, double tokens, const GridSpec& spec) {
  const auto context = static_cast<double>(trial.model.context);
  if (spec.batch_bracket == 0) return static_cast<double>(trial.train.batch) * context;
  const BatchBracket bracket =
      batches_beside(trial.train.batch, spec.batch_bracket, tokens / context);
  return static_cast<double>(bracket.common) * context;
}

void set_rate_and_tokens(Trial& trial, double tokens, const Keys& keys, const GridSpec& spec,
                         const GridContext& context) {
  if (trial.trainer == "tabular") {
    trial.train.tokens = std::round(tokens);
    return;
  }
  const RateAndBatch rule = grid_rates(spec.rates, trial, tokens);
  if (!has_key(keys, "train.rate")) trial.train.rate = rule.rate;
  if (!has_key(keys, "train.batch")) {
    trial.train.batch = rule.batch;
    check_batch_of_law(trial, tokens, spec);
  }
  if (!has_key(keys, "train.warmup_tokens")) trial.train.warmup_tokens = rule.warmup_tokens;
  const double batch = whole_batches(trial, tokens, spec);
  trial.train.tokens = std::round(tokens / batch) * batch;
  // Whoever asks for the whole corpus gets the whole batches of it. With the axis epochs also of
  // any number of passes, because D must not depend on how many a trial makes.
  const double once = context.tokens_for(trial.model.context);
  const double most = most_tokens(trial, once);
  bool crossed = most > 0 && tokens <= most && trial.train.tokens > most;
  if (once > 0 && has_key(keys, kEpochsAxis)) {
    crossed = crossed || trial.train.tokens > once * std::ceil(tokens / once);
  }
  if (crossed) trial.train.tokens -= batch;
}

double epochs_in(const Keys& keys) {
  for (const auto& [key, value] : keys) {
    if (key != kEpochsAxis) continue;
    const double epochs = parse_quantity(value, kEpochsAxis);
    if (epochs >= 1 && std::isfinite(epochs)) return epochs;
    throw grid_error(kEpochsAxis, value + " is less than one pass over the data; give 1 or more");
  }
  return 0;
}

// A budget that is missed by this much is no longer the same point of an IsoFLOP curve, nor so many
// passes the same ones.
constexpr double kRoundingWorthANote = 0.02;
constexpr double kPassRounding = 1e-9;  // so that D / 3 x 3 is no window more

double whole_passes(const Trial& trial) {
  const double passes = trial.train.tokens / trial.data.unique_tokens;
  return std::max(1.0, std::ceil(passes * (1 - kPassRounding)));
}

// Whether rounding left the trial another number of passes than the axis says.
bool misses_passes(const Trial& trial, double epochs) {
  const double passes = trial.train.tokens / trial.data.unique_tokens;
  return epochs > 1 && std::abs(passes / epochs - 1) > kRoundingWorthANote;
}

// D / epochs distinct tokens, in the windows that hold them. One pass needs no cap.
void set_unique_tokens(Trial& trial, double epochs) {
  if (epochs <= 1) return;
  const double window = trial.trainer == "tabular" ? 1 : static_cast<double>(trial.model.context);
  const double windows = std::ceil(trial.train.tokens / (epochs * window) * (1 - kPassRounding));
  trial.data.unique_tokens = std::max(1.0, windows) * window;
  if (misses_passes(trial, epochs)) trial.data.epochs = whole_passes(trial);
}

// Whether so many passes over so many tokens are fewer than the trial needs.
bool is_short(const Trial& trial, double once) {
  constexpr double kRounding = 1e-9;  // of fractional epochs
  return once > 0 && trial.train.tokens > once * trial.data.epochs * (1 + kRounding);
}

// What whole windows leave of a cap, where that is less.
std::string in_windows(const Trial& trial) {
  const double cap = unique_cap_of(trial);
  if (cap >= trial.data.unique_tokens) return "";
  return " (in whole windows of " + std::to_string(trial.model.context) + ": " + exact_number(cap) +
         ")";
}

void check_passes(const Trial& trial, const GridContext& context, const std::string& where) {
  const double cap = unique_cap_of(trial), corpus = context.tokens_for(trial.model.context);
  const std::string needs = "needs " + format_quantity(trial.train.tokens) + " tokens, but ";
  const std::string passes =
      "makes more than data.epochs = " + exact_number(trial.data.epochs) + " passes over them";
  if (is_short(trial, corpus)) {
    const bool once = trial.data.epochs == 1;
    throw grid_error(where, needs + "the corpus has " + format_quantity(corpus) +
                                " for training and no trial " +
                                (once ? "sees a token twice" : passes) +
                                "; give a smaller budget, a larger size or a larger corpus, or "
                                "raise data.epochs");
  }
  if (corpus > 0 && trial.data.unique_tokens > corpus) {
    throw grid_error(where, "caps data.unique_tokens at " +
                                format_quantity(trial.data.unique_tokens) +
                                ", but the corpus has " + format_quantity(corpus) +
                                " for training; give fewer, or a larger corpus");
  }
  if (is_short(trial, cap)) {
    throw grid_error(where,
                     needs + "data.unique_tokens = " + format_quantity(trial.data.unique_tokens) +
                         in_windows(trial) + " and no trial " + passes +
                         "; give a smaller budget, more unique tokens, or raise "
                         "data.epochs");
  }
}

void check_tokens(const Trial& trial, double wanted, const GridContext& context,
                  const std::string& where) {
  if (trial.train.tokens < 1) {
    throw grid_error(where, "leaves " + format_quantity(wanted) +
                                " tokens, less than half a batch; give a larger budget, a smaller "
                                "size or a smaller train.batch");
  }
  if (wanted > kMostTokens) {
    throw grid_error(where, "needs " + format_quantity(wanted) +
                                " tokens, more than can be counted; give at most 9e15");
  }
  check_passes(trial, context, where);
}

void check_experts(const Trial& trial, const std::string& where) {
  const ModelConfig& m = trial.model;
  if (!m.sparse() || m.granularity < 1 || m.hidden % m.granularity == 0) return;
  throw grid_error(where, "model.granularity = " + std::to_string(m.granularity) +
                              " does not divide the feed-forward's width of " +
                              std::to_string(m.hidden) + " (" + shape_name(m) +
                              "); choose another size, or give model.hidden");
}

// What is shared by all D must not know of D, and must end before the smallest D's cooldown.
void check_trunk(const Trial& trial, const Keys& keys, const std::string& where) {
  if (trial.train.schedule != "cooldown") return;
  if (trial.trainer == "tabular") {
    throw grid_error("train.schedule", "the tabular learner has none; leave it out");
  }
  if (has_key(keys, "train.warmup")) {
    throw grid_error("train.warmup",
                     "is a fraction of D, and trials of schedule cooldown share their warm-up "
                     "whatever D is; give train.warmup_tokens, or leave both to the rule");
  }
  const Schedule schedule = schedule_of(trial);
  if (schedule.warmup_steps < schedule.branch_step) return;
  throw grid_error(where, "its warm-up takes " + std::to_string(schedule.warmup_steps) +
                              " steps, and its cooldown begins after " +
                              std::to_string(schedule.branch_step) +
                              "; give a larger budget, a smaller size or a smaller "
                              "train.warmup_tokens (the rule: as many tokens as parameters)");
}

}  // namespace

CellTrial trial_of(const Cell& cell, const Keys& keys, const GridSpec& spec,
                   const GridContext& context) {
  Trial trial;
  for (const auto& [key, value] : keys) {
    if (key != kEpochsAxis) set_key(trial, key, value);
  }
  const double epochs = epochs_in(keys);
  if (epochs > 0) trial.data.epochs = epochs;
  set_data(trial, keys, context);
  set_shape(trial, cell, keys);
  drop_idle_fields(trial, spec);
  check_experts(trial, describe(cell, keys));
  // What follows divides by its fields.
  if (trial.trainer != "tabular") validate(trial.model);
  const double tokens = wanted_tokens(trial, cell, spec);
  set_rate_and_tokens(trial, tokens, keys, spec, context);
  set_unique_tokens(trial, epochs);
  check_tokens(trial, tokens, context, describe(cell, keys));
  check_trunk(trial, keys, describe(cell, keys));
  validate(trial);
  return {trial, tokens, epochs};
}

std::string merge_key(const CellTrial& made) {
  Trial trial = made.trial;
  if (made.epochs > 1) trial.data.epochs = whole_passes(trial);
  return identity(trial);
}

void note_rounding(const CellTrial& made, const std::string& where,
                   std::vector<std::string>& notes) {
  const double tokens = made.trial.train.tokens, unique = made.trial.data.unique_tokens;
  if (std::abs(tokens / made.wanted - 1) > kRoundingWorthANote) {
    notes.push_back(where + ": " + format_quantity(made.wanted) + " tokens are rounded to " +
                    format_quantity(tokens) +
                    ", in whole batches; a smaller train.batch is nearer");
  }
  if (misses_passes(made.trial, made.epochs)) {
    notes.push_back(where + ": makes " + format_quantity(tokens / unique) + " passes over " +
                    format_quantity(unique) +
                    " distinct tokens, in whole windows; a smaller model.context is nearer");
  }
}

}  // namespace isoflop
