// A trial: one training run, complete. Model, data, tokens, recipe and seed; nothing about where or
// with how many threads it runs.
//
// Every field has one dotted key ("model.width", "train.rate"), listed once in visit_fields. The
// same list serves configuration files, sweep axes, the stored form and the identity, so that a new
// field is one line here and is nowhere forgotten.
//
// A field that came later is left out of the canonical form where it has its default, which means
// "as before there was one": identities outlive new features.
//
// The canonical form is a flat JSON object, keys sorted, numbers as the shortest text that reads
// back the same. The identity is the SHA-256 of that text. It holds the hash of the tokens, not
// their path.
#ifndef ISOFLOP_CORE_TRIAL_H_
#define ISOFLOP_CORE_TRIAL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/flops.h"
#include "core/model_config.h"

namespace isoflop {

// Bumped whenever the same trial would give other losses. Part of every trial's identity.
inline constexpr std::int64_t kRecipeVersion = 2;

// Where tokens come from.
struct DataSpec {
  std::string source = "text";  // text (a prepared corpus) | zipf (Zipf facts)
  std::string hash;             // SHA-256 of the prepared tokens; empty for synthetic sources
  // Most passes over the training tokens that this trial may make; beyond, it is refused.
  double epochs = 1;
  // Distinct training tokens that the trial may see, in whole windows, the same ones whatever the
  // seed, and of a smaller cap a part of a larger one's; they repeat in a new order every epoch. 0:
  // all that the corpus has.
  double unique_tokens = 0;

  // Zipf facts, corpora.md section 6.2 (see data/zipf_facts.h). Used when source = "zipf", and by
  // the tabular learner, whose facts they are.
  double zipf_alpha = 0.5;          // p_r ~ r^-(1 + alpha)
  std::int64_t zipf_base = 16;      // digits are base b
  std::int64_t zipf_digits = 6;     // L digits a rank: K = b^L facts
  std::int64_t zipf_values = 2;     // M value tokens a record
  std::int64_t zipf_alphabet = 16;  // V values
  double zipf_noise = 0.05;         // probability that a value token is uniform
  std::int64_t zipf_seed = 1;       // which facts are true

  bool operator==(const DataSpec&) const = default;
};

// How it is trained. Units: tokens, sequences, steps; rates are AdamW's.
struct TrainSpec {
  double tokens = 0;                // D, the trial's whole token budget; rounded to whole batches
  std::int64_t batch = 4;           // sequences a step
  double rate = 1e-3;               // peak learning rate
  double warmup = 0.05;             // fraction of the steps; at least 10 of them, at most half
  double warmup_tokens = 0;         // if above 0, this many tokens instead, whatever D is
  std::string schedule = "cosine";  // cosine | cooldown, see schedule.h
  double cooldown = 0.2;            // fraction of the steps, for schedule cooldown
  std::string cooldown_shape = "sqrt";  // sqrt: 1 - sqrt(t); linear: 1 - t
  double final_rate = 0;                // last rate as a fraction of the peak
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.03;  // on matrices only, decoupled (Loshchilov and Hutter)
  double clip = 1.0;           // global gradient norm; 0 leaves it alone
  // float32, or bfloat16: products in bfloat16, sums in float32, weights, gradients and moments in
  // float32.
  std::string dtype = "float32";

  // Masked models: of the tokens that are predicted mask_replaced read [MASK], mask_random any
  // other token and the rest themselves (Devlin et al. 2019: 0.8 and 0.1 of 0.15). whole_words
  // takes all tokens of a word together.
  double mask_replaced = 0.8;
  double mask_random = 0.1;
  bool whole_words = false;

  // Sparse models, beside the loss: balance_loss x E sum_e f_e p_e (Fedus et al. 2021, eq. 4) and
  // router_z_loss x mean(logsumexp(router logits)^2) (Zoph et al. 2022, eq. 5), mean over layers.
  double balance_loss = 0.01;
  double router_z_loss = 0.001;

  bool operator==(const TrainSpec&) const = default;
};

struct Trial {
  std::string trainer = "decoder";  // decoder | tabular
  ModelConfig model;
  DataSpec data;
  TrainSpec train;
  std::int64_t seed = 1;            // initial weights and data order
  std::int64_t eval_windows = 512;  // held-out windows in the final evaluation
  std::int64_t recipe_version = kRecipeVersion;
  // The tabular learner has no shape: its N is this. 0 for models with one.
  double tabular_params = 0;

  bool operator==(const Trial&) const = default;
};

// N of the trial, all parameters with embeddings; of a sparse model all experts too.
double params_of(const Trial& trial);
// Those that a token passes through.
double active_params_of(const Trial& trial);
// Numbers of tokens beyond this are refused: doubles no longer hold every whole number.
inline constexpr double kMostTokens = 9e15;

// data.unique_tokens as the trial sees them: in whole windows of model.context, at least one
// (tabular: as given). 0: no cap.
double unique_cap_of(const Trial& trial);
// Whether the losses depend on how a step's batch is cut: a router's balance loss and an expert's
// room are of all tokens that go through the model together.
bool needs_whole_batch(const Trial& trial);
// Most tokens that the trial may be trained on: data.epochs passes over the `available` training
// tokens, or over data.unique_tokens of them where that is set and fewer. 0 stands for no end, in
// and out.
double most_tokens(const Trial& trial, double available);
// Training FLOPs per token; the tabular learner's are 6 N under every convention.
double flops_per_token(const Trial& trial, FlopConvention convention);
double total_flops(const Trial& trial, FlopConvention convention);

// All keys, sorted.
std::vector<std::string> trial_keys();

// Sets one field from text, with the suffixes of units.h for numbers. Throws Error(kUsage) naming
// the key, with a suggestion when it is close to a known one, or the value and what was expected.
void set_key(Trial& trial, std::string_view key, std::string_view value);
// The field as text; set_key reads it back to the same value.
std::string get_key(const Trial& trial, std::string_view key);

// Fields in which two trials differ, "train.rate: 0.01, not 0.02" with the first's value first.
std::vector<std::string> differences(const Trial& one, const Trial& other);

std::string canonical_json(const Trial& trial);
// The trial of such a text. Keys that it lacks keep their defaults; throws Error(kUsage) for one
// that is not known and for anything that is not a flat JSON object.
Trial trial_from_canonical_json(std::string_view json);
std::string identity(const Trial& trial);  // 64 hex characters

// Throws Error(kUsage) naming the field when the trial cannot be run.
void validate(const Trial& trial);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_TRIAL_H_
