// The log of Megatron-LM and its descendants (Megatron-DeepSpeed, NeMo's older ones):
//    iteration       10/   80000 | consumed samples:         2560 | elapsed time per iteration
//    (ms): 905.1 | learning rate: 1.500E-06 | global batch size:   256 | lm loss: 1.046E+01 | grad
//    norm: 5.123 | number of skipped iterations:   0 | number of nan iterations:   0 | validation
//    loss at iteration 1000 | lm loss value: 2.961137E+00 | lm loss PPL: 1.932E+01 | > number of
//    parameters on (tensor, pipeline) model parallel rank (0, 0): 354871296
//   seq_length ...................................... 2048
//
// Tokens are "consumed tokens" where they are printed, else consumed samples x sequence, so that a
// batch that grows is counted right. N is the sum over the model-parallel ranks, if all of them are
// in the log; what ranks hold several times (norms, a tied embedding on the last stage) counts each
// time. A test set's losses are no held-out loss: they stay in the provenance.
#include <algorithm>
#include <map>
#include <set>

#include "core/units.h"
#include "imports/log_formats.h"
#include "imports/log_lines.h"
#include "imports/logged_run.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostArguments = 2000;  // Megatron has about 400

struct MegatronLog {
  LoggedRun run;
  std::map<std::int64_t, double> samples;        // consumed, by iteration; the later line counts
  std::map<std::string, double> params_of_rank;  // by "(0, 0)"
  std::map<std::string, std::string> arguments;
  std::optional<double> total_billions;
  std::int64_t last_iteration = 0;
  std::int64_t used = 0, skipped = 0, nan = 0;
};

struct MegatronField {
  std::string_view name, value;
};

// The next "name: value |" of a line; the last one may have no bar. A name may hold colons only
// before its last one.
std::optional<MegatronField> next_field(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t bar = rest.find('|');
  const std::string_view cell = rest.substr(0, bar);
  rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
  const std::size_t colon = cell.rfind(':');
  if (colon == std::string_view::npos) return MegatronField{trimmed_text(cell), {}};
  return MegatronField{trimmed_text(cell.substr(0, colon)), trimmed_text(cell.substr(colon + 1))};
}

std::optional<double> field_number(const MegatronField& field) {
  LineCursor value(field.value);
  const auto number = value.number();
  return number && value.at_end() ? number : std::nullopt;
}

// Fields of an iteration's line that a torn end did not cut: those with a bar after them.
std::string_view complete_part(std::string_view text, bool torn) {
  return torn ? text.substr(0, text.rfind('|') + 1) : text;
}

void add_iteration_field(MegatronLog& log, ImportedPoint& point, const MegatronField& field) {
  const auto value = field_number(field);
  if (!value) return;
  if (field.name == "consumed samples") log.samples[point.step] = *value;
  if (field.name == "consumed tokens" && *value > 0) point.tokens = *value;
  if (field.name == "elapsed time per iteration (ms)") point.seconds = *value / 1000;
  if (field.name == "elapsed time per iteration (s)") point.seconds = *value;
  if (field.name == "learning rate") point.rate = value;
  if (field.name == "grad norm") point.grad_norm = value;
  if (field.name == "lm loss") point.train_loss = value;
  if (field.name == "number of skipped iterations" && *value > 0) ++log.skipped;
  if (field.name == "number of nan iterations" && *value > 0) ++log.nan;
}

// "iteration       10/   80000 | ..."
bool read_megatron_iteration(std::string_view text, bool torn, MegatronLog& log) {
  LineCursor line(complete_part(text, torn));
  if (!line.after("iteration ")) return false;
  line.skip_spaces();
  const auto iteration = line.whole();
  if (!iteration || *iteration < 0 || !line.word("/")) return false;
  line.skip_spaces();
  const auto of = line.whole();
  line.skip_spaces();
  if (!of || !line.word("|")) return false;
  ImportedPoint& point = log.run.curve.at(*iteration);
  std::string_view rest = line.rest();
  while (const auto field = next_field(rest)) add_iteration_field(log, point, *field);
  log.run.said["iterations"] = *of;
  log.last_iteration = *iteration;
  return true;
}

// "validation loss at iteration 1000 [on validation set] | lm loss value: ...", or "at the end of
// training for val data".
bool read_megatron_validation(std::string_view text, bool torn, MegatronLog& log) {
  LineCursor line(complete_part(text, torn));
  if (!line.after("validation loss at ")) return false;
  std::int64_t iteration = log.last_iteration;
  if (line.word("iteration ")) {
    const auto said = line.whole();
    if (!said || *said < 0) return false;
    iteration = *said;
  }
  std::string_view rest = line.rest();
  const auto where = next_field(rest);
  const bool test = where && where->name.find("test") != std::string_view::npos;
  while (const auto field = next_field(rest)) {
    if (field->name != "lm loss value") continue;
    const auto loss = field_number(*field);
    if (!loss) return false;
    if (test) {
      log.run.said["test loss"] = *loss;
      return true;
    }
    log.run.curve.at(iteration).heldout_loss = loss;
    return true;
  }
  return false;
}

// "number of parameters on (tensor, pipeline) model parallel rank (0, 0): 354871296", of older
// ones "on model parallel rank 0: ...".
bool read_rank_params(std::string_view text, MegatronLog& log) {
  LineCursor line(text);
  if (!line.after("number of parameters on ") || !line.after("model parallel rank ")) return false;
  const std::size_t colon = line.rest().find(':');
  if (colon == std::string_view::npos || colon > 40) return false;
  LineCursor count(trimmed_text(line.rest().substr(colon + 1)));
  const auto params = count.number();
  if (!params || !count.at_end() || !(*params > 0)) return false;
  log.params_of_rank[std::string(line.rest().substr(0, colon))] = *params;
  return true;
}

bool is_argument_name(std::string_view name) {
  return !name.empty() && name.size() < 80 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// "  seq_length ........... 2048", behind whatever a launcher writes before it.
bool read_argument(std::string_view text, MegatronLog& log) {
  const std::size_t dots = text.find(" ...");
  if (dots == std::string_view::npos || log.arguments.size() >= kMostArguments) return false;
  const std::size_t value = text.find_first_not_of('.', dots + 1);
  if (value == std::string_view::npos || text[value] != ' ') return false;
  std::string_view name = trimmed_text(text.substr(0, dots));
  name = name.substr(name.find_last_of(" :]\t") + 1);
  if (!is_argument_name(name)) return false;
  log.arguments[std::string(name)] = std::string(trimmed_text(text.substr(value)).substr(0, 500));
  return true;
}

bool read_total_billions(std::string_view text, MegatronLog& log) {
  LineCursor line(text);
  if (!line.after("Total number of parameters in billions: ")) return false;
  log.total_billions = line.number();
  return log.total_billions.has_value();
}

std::optional<double> megatron_argument(const MegatronLog& log, const std::string& name) {
  const auto found = log.arguments.find(name);
  return found == log.arguments.end() ? std::nullopt : try_parse_quantity(found->second);
}

// How many ranks share the model, as the arguments say; 0: they do not.
double model_ranks(const MegatronLog& log) {
  const auto tensor = megatron_argument(log, "tensor_model_parallel_size");
  const auto pipeline = megatron_argument(log, "pipeline_model_parallel_size");
  return tensor ? *tensor * pipeline.value_or(1) : 0;
}

void settle_megatron_params(MegatronLog& log, RunImport& read) {
  const double ranks = model_ranks(log);
  const double seen = static_cast<double>(log.params_of_rank.size());
  double sum = 0;
  for (const auto& [rank, params] : log.params_of_rank) sum += params;
  if (seen > 0 && (ranks == 0 || seen >= ranks)) {
    log.run.params = sum;
    log.run.params_from = "number of parameters on model parallel ranks";
    if (seen > 1) {
      read.notes.push_back("N is the sum over " + std::to_string(log.params_of_rank.size()) +
                           " model-parallel ranks: what several hold counts several times");
    }
    return;
  }
  if (seen > 0) {
    read.notes.push_back("The log has the parameters of " + exact_number(seen) + " of " +
                         exact_number(ranks) + " model-parallel ranks, which is no N");
  }
  if (log.total_billions && *log.total_billions > 0) {
    log.run.params = *log.total_billions * 1e9;
    log.run.params_from = "Total number of parameters in billions";
    read.notes.push_back("N is rounded: the log says it in billions with two decimals");
  }
}

// Tokens of the points, from samples.
void settle_megatron_tokens(MegatronLog& log, const ImportOptions& options) {
  const auto sequence = options.context ? options.context : megatron_argument(log, "seq_length");
  log.run.tokens_from =
      options.context ? "consumed samples x --context" : "consumed samples x seq_length";
  log.run.tokens_hint = ", or the tokens of a sample with --context, e.g. --context 2048";
  if (!sequence || !(*sequence > 0)) return;
  for (const auto& [iteration, samples] : log.samples) {
    ImportedPoint& point = log.run.curve.at(iteration);
    if (point.tokens <= 0) point.tokens = samples * *sequence;
  }
}

void note_megatron(const MegatronLog& log, RunImport& read) {
  const auto note = [&](std::int64_t count, const char* what) {
    if (count > 0) {
      read.notes.push_back(std::to_string(count) + (count == 1 ? " line" : " lines") +
                           " of the log tell of " + what);
    }
  };
  note(log.skipped, "skipped iterations");
  note(log.nan, "iterations with NaN");
}

bool recognises_megatron(const ImportSource& source) {
  const auto has = [&](std::string_view text) {
    return source.bytes.find(text) != std::string_view::npos;
  };
  return has("consumed samples:") && has("| elapsed time per iteration");
}

MegatronLog read_megatron_lines(const ImportSource& source) {
  MegatronLog log;
  for (LogLines lines(source.bytes); lines.next();) {
    const std::string_view text = lines.text();
    const bool torn = lines.is_torn();
    if (read_megatron_iteration(text, torn, log) || read_megatron_validation(text, torn, log)) {
      if (log.used++ == 0) log.run.line = lines.number();
    } else if (!torn) {
      read_rank_params(text, log) || read_argument(text, log) || read_total_billions(text, log);
    }
  }
  return log;
}

RunImport read_megatron(const ImportSource& source, const ImportOptions& options) {
  MegatronLog log = read_megatron_lines(source);
  if (log.run.curve.empty()) {
    throw no_usable_line(source, "a Megatron log",
                         "iteration       10/   80000 | consumed samples:         2560 | ... | lm "
                         "loss: 1.046E+01 |");
  }
  RunImport read;
  if (!options.params) settle_megatron_params(log, read);
  if (!options.batch_tokens) settle_megatron_tokens(log, options);
  note_megatron(log, read);
  log.run.loss_from = "lm loss value";
  log.run.train_from = "lm loss";
  log.run.is_per_step_seconds = true;
  log.run.seed =
      static_cast<std::int64_t>(std::clamp(megatron_argument(log, "seed").value_or(0), 0.0, 9e15));
  if (!log.arguments.empty()) log.run.said["arguments"] = log.arguments;
  std::vector<LoggedRun> runs;
  runs.push_back(std::move(log.run));
  add_logged_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

ImportFormat megatron_format() {
  return {"megatron", "the log of Megatron-LM; the sequence from its arguments or --context",
          recognises_megatron, read_megatron};
}

}  // namespace isoflop
