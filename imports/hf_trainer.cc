// trainer_state.json of the Hugging Face Trainer: {"global_step", "max_steps", "total_flos",
// "num_input_tokens_seen", "train_batch_size", "log_history": [{"step", "loss", "eval_loss",
// "learning_rate", "grad_norm", ...}]}.
//
// Tokens are num_input_tokens_seen (0 where nobody counts them; padding is in it unless it was told
// otherwise), of the entry or of the whole. total_flos is Trainer's own estimate, 6 x tokens x
// parameters without embeddings (PreTrainedModel.floating_point_ops, after Kaplan et al. 2020),
// so it is C under convention "kaplan", and with the tokens it gives the non-embedding N.
// "train_loss" of the last entry is a mean over the whole run and is no loss of a point.
#include <cmath>

#include "imports/log_formats.h"
#include "imports/logged_run.h"
#include "imports/python_json.h"

namespace isoflop {
namespace {

// A step beyond 2^53 is no step.
std::optional<std::int64_t> json_step(const Json& entry, const char* key) {
  const auto step = python_field(entry, key);
  if (!step || !(*step >= 0) || *step > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*step);
}

bool is_eval_loss(const std::string& name) {
  return name.starts_with("eval_") && name.ends_with("_loss");
}

// Which field of the entries is the held-out loss: the named one, "eval_loss", or the only
// "eval_..._loss".
std::string eval_loss_name(const Json& history, const ImportSource& source,
                           const ImportOptions& options) {
  const std::string& named = options.map.loss;
  if (!named.empty()) {
    for (const Json& entry : history) {
      if (entry.is_object() && entry.contains(named)) return named;
    }
    throw usage_error(source.path + ": no entry of log_history has \"" + named +
                      "\"; name another with --map loss=");
  }
  std::string only;
  for (const Json& entry : history) {
    if (!entry.is_object()) continue;
    if (entry.contains("eval_loss")) return "eval_loss";
    for (const auto& item : entry.items()) {
      if (!is_eval_loss(item.key()) || item.key() == only) continue;
      if (!only.empty()) {
        throw usage_error(source.path + ": has several held-out losses (" + only + ", " +
                          item.key() + ", ...): name one with --map loss=" + only);
      }
      only = item.key();
    }
  }
  return only.empty() ? "eval_loss" : only;
}

void add_history_entry(const Json& entry, const std::string& heldout, LoggedRun& run) {
  const auto step = json_step(entry, "step");
  if (!step) return;
  ImportedPoint point{.step = *step};
  point.heldout_loss = python_field(entry, heldout);
  if (heldout != "loss") point.train_loss = python_field(entry, "loss");
  point.rate = python_field(entry, "learning_rate");
  point.grad_norm = python_field(entry, "grad_norm");
  point.seconds = python_field(entry, "train_runtime");
  point.tokens = python_field(entry, "num_input_tokens_seen").value_or(0);
  run.curve.add(point);
}

// Tokens at the end, and what total_flos says with them.
void read_totals(const Json& state, const ImportOptions& options, LoggedRun& run) {
  const auto last = json_step(state, "global_step");
  auto tokens = python_field(state, "num_input_tokens_seen");
  if (tokens && *tokens > 0 && last) run.curve.add({.step = *last, .tokens = *tokens});
  if (options.batch_tokens && last) tokens = *options.batch_tokens * static_cast<double>(*last);
  const auto flops = python_field(state, "total_flos");
  if (!flops || !(*flops > 0) || !std::isfinite(*flops)) return;
  run.flops = flops;
  run.flops_convention = FlopConvention::kKaplan;
  if (tokens && *tokens > 0) run.extra["nonembedding_params"] = *flops / (6 * *tokens);
}

void keep_scalars(const Json& state, LoggedRun& run) {
  for (const auto& [key, value] : state.items()) {
    if (value.is_primitive() && run.said.size() < 200) run.said[key] = value;
  }
}

bool recognises_hf_trainer(const ImportSource& source) {
  const std::size_t first = source.bytes.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && source.bytes[first] == '{' &&
         source.bytes.find("\"log_history\"") != std::string_view::npos &&
         source.bytes.find("\"global_step\"") != std::string_view::npos;
}

const Json& hf_history(const Json& state, const ImportSource& source) {
  if (state.is_object()) {
    const auto found = state.find("log_history");
    if (found != state.end() && found->is_array()) return *found;
  }
  throw usage_error(source.path +
                    ": is no trainer_state.json: \"log_history\" is not a list; see isoflop import "
                    "--help for other formats");
}

RunImport read_hf_trainer(const ImportSource& source, const ImportOptions& options) {
  const Json state = parse_python_json(source.bytes, source.path);
  const Json& history = hf_history(state, source);
  LoggedRun run;
  run.line = 1;
  run.loss_from = eval_loss_name(history, source, options);
  run.train_from = "loss";
  run.tokens_from = "num_input_tokens_seen";
  run.tokens_hint =
      " (train_batch_size counts sequences of one device and not their tokens; the Trainer counts "
      "tokens with include_num_input_tokens_seen)";
  for (const Json& entry : history) add_history_entry(entry, run.loss_from, run);
  read_totals(state, options, run);
  keep_scalars(state, run);
  RunImport read;
  if (run.flops) {
    read.notes.push_back(
        "total_flos is the Trainer's estimate, 6 x tokens x parameters without embeddings: C under "
        "convention kaplan");
  }
  std::vector<LoggedRun> runs;
  runs.push_back(std::move(run));
  add_logged_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

ImportFormat hf_trainer_format() {
  return {"hf-trainer", "trainer_state.json of the Hugging Face Trainer; needs --params",
          recognises_hf_trainer, read_hf_trainer};
}

}  // namespace isoflop
