// What makes a trial one that cannot be run.
#include <cmath>

#include "core/error.h"
#include "core/trial.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMostSequences = 1'000'000'000;

[[noreturn]] void refuse_value(const char* key, const std::string& value,
                               const std::string& expected) {
  throw usage_error(std::string(key) + ": \"" + value + "\" is not valid: give " + expected);
}

void require(bool fine, const char* key, double value, const char* expected) {
  if (!fine) refuse_value(key, exact_number(value), expected);
}

void validate_cooldown(const TrainSpec& train) {
  require(train.cooldown > 0 && train.cooldown < 1, "train.cooldown", train.cooldown,
          "a fraction of the steps, above 0 and below 1");
  if (train.cooldown_shape != "sqrt" && train.cooldown_shape != "linear") {
    refuse_value("train.cooldown_shape", train.cooldown_shape, "sqrt or linear");
  }
  // A trunk is shared by trials of several D, so that nothing before the cooldown may depend on D.
  require(train.warmup_tokens > 0 && train.warmup_tokens < train.tokens * (1 - train.cooldown),
          "train.warmup_tokens", train.warmup_tokens,
          "above 0 and less than the tokens before the cooldown, for schedule cooldown");
}

void validate_losses(const TrainSpec& train) {
  require(train.mask_replaced >= 0 && train.mask_replaced <= 1, "train.mask_replaced",
          train.mask_replaced, "a fraction of the masked tokens, from 0 to 1");
  require(train.mask_random >= 0 && train.mask_random + train.mask_replaced <= 1 + 1e-12,
          "train.mask_random", train.mask_random,
          "a fraction of the masked tokens, at most what train.mask_replaced leaves");
  require(train.balance_loss >= 0, "train.balance_loss", train.balance_loss, "0 or more");
  require(train.router_z_loss >= 0, "train.router_z_loss", train.router_z_loss, "0 or more");
}

void validate_train(const TrainSpec& train) {
  require(train.tokens >= 1 && train.tokens <= kMostTokens, "train.tokens", train.tokens,
          "at least one token, at most 9e15");
  require(train.batch >= 1 && train.batch <= kMostSequences, "train.batch",
          static_cast<double>(train.batch), "at least 1 sequence, at most 1e9");
  require(train.rate > 0 && std::isfinite(train.rate), "train.rate", train.rate, "a rate above 0");
  require(train.warmup >= 0 && train.warmup < 1, "train.warmup", train.warmup,
          "a fraction of the steps, from 0 to below 1");
  require(train.final_rate >= 0 && train.final_rate <= 1, "train.final_rate", train.final_rate,
          "a fraction of the peak rate, from 0 to 1");
  require(train.beta1 >= 0 && train.beta1 < 1, "train.beta1", train.beta1, "a value in [0, 1)");
  require(train.beta2 >= 0 && train.beta2 < 1, "train.beta2", train.beta2, "a value in [0, 1)");
  require(train.epsilon > 0, "train.epsilon", train.epsilon, "a value above 0");
  require(train.weight_decay >= 0, "train.weight_decay", train.weight_decay,
          "a value of 0 or more");
  require(train.clip >= 0, "train.clip", train.clip, "a norm, or 0 for no clipping");
  require(train.warmup_tokens >= 0 && train.warmup_tokens <= kMostTokens, "train.warmup_tokens",
          train.warmup_tokens, "tokens, at most 9e15, or 0 to use train.warmup");
  if (train.schedule == "cooldown") {
    validate_cooldown(train);
  } else if (train.schedule != "cosine") {
    refuse_value("train.schedule", train.schedule, "cosine or cooldown");
  } else {
    require(train.warmup_tokens < train.tokens, "train.warmup_tokens", train.warmup_tokens,
            "fewer tokens than the trial's own, or its rate is never reached");
  }
  if (train.dtype != "float32" && train.dtype != "bfloat16") {
    refuse_value("train.dtype", train.dtype, "float32 or bfloat16");
  }
  validate_losses(train);
}

// Would change nothing but the trial's identity.
void refuse_masking(const TrainSpec& train) {
  const TrainSpec plain;
  const char* key = train.whole_words                            ? "train.whole_words"
                    : train.mask_replaced != plain.mask_replaced ? "train.mask_replaced"
                    : train.mask_random != plain.mask_random     ? "train.mask_random"
                                                                 : nullptr;
  if (key == nullptr) return;
  throw usage_error(
      std::string(key) +
      ": belongs to masked models: set model.objective = \"masked\", or leave it out");
}

void validate_data(const DataSpec& data) {
  if (data.source != "text" && data.source != "zipf") {
    refuse_value("data.source", data.source, "text or zipf");
  }
  require(data.epochs > 0 && std::isfinite(data.epochs), "data.epochs", data.epochs,
          "passes over the data, above 0");
  require(data.unique_tokens >= 0 && data.unique_tokens <= kMostTokens, "data.unique_tokens",
          data.unique_tokens, "tokens, at most 9e15, or 0 for all of the corpus");
  require(data.zipf_alpha > 0, "data.zipf_alpha", data.zipf_alpha, "a value above 0");
  require(data.zipf_base >= 2, "data.zipf_base", static_cast<double>(data.zipf_base), "at least 2");
  require(data.zipf_digits >= 1 && std::pow(data.zipf_base, data.zipf_digits) < 9e15,
          "data.zipf_digits", static_cast<double>(data.zipf_digits),
          "at least 1, with base^digits below 9e15");
  require(data.zipf_values >= 1, "data.zipf_values", static_cast<double>(data.zipf_values),
          "at least 1");
  require(data.zipf_alphabet >= 2, "data.zipf_alphabet", static_cast<double>(data.zipf_alphabet),
          "at least 2");
  require(data.zipf_noise >= 0 && data.zipf_noise < 1, "data.zipf_noise", data.zipf_noise,
          "a probability in [0, 1)");
}

}  // namespace

void validate(const Trial& trial) {
  if (trial.trainer != "decoder" && trial.trainer != "tabular") {
    refuse_value("trainer", trial.trainer, "decoder or tabular");
  }
  validate_train(trial.train);
  validate_data(trial.data);
  if (trial.trainer == "tabular") {
    require(trial.tabular_params > 0, "tabular_params", trial.tabular_params, "a size above 0");
    return;
  }
  validate(trial.model);
  const double cap = trial.data.unique_tokens;
  require(cap == 0 || cap >= static_cast<double>(trial.model.context), "data.unique_tokens", cap,
          "at least one window of model.context tokens, or 0 for all of the corpus");
  if (!trial.model.masked()) refuse_masking(trial.train);
  require(trial.eval_windows >= 2, "eval_windows", static_cast<double>(trial.eval_windows),
          "at least 2 windows, so that there is a standard error");
}

}  // namespace isoflop
