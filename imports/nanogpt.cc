// What nanoGPT's train.py prints:
//   tokens per iteration will be: 16,384
//   number of parameters: 10.65M
//   num decayed parameter tensors: 26, with 10,740,096 parameters
//   num non-decayed parameter tensors: 13, with 4,992 parameters
//   step 2000: train loss 1.7648, val loss 1.8857     both over many batches, before step 2000
//   iter 2000: loss 1.8431, time 30.51ms, mfu 17.94%  of one batch
//
// N is the sum of the two counts of the optimiser where they are printed: all parameters, exactly.
// "number of parameters" leaves the positions out and has two decimals. Other programs' words
// before a line (a rank, a date) do no harm. Seconds are the printed step's time for all steps
// since the line before.
#include "core/units.h"
#include "imports/log_formats.h"
#include "imports/log_lines.h"
#include "imports/logged_run.h"

namespace isoflop {
namespace {

constexpr int kNanogptDecimals = 4;

struct NanogptRun {
  LoggedRun run;
  std::optional<double> decayed, other, printed;
  std::int64_t last_estimate = -1;  // step of the last "step N" line
  std::int64_t used = 0;
};

// "16,384"
std::optional<double> grouped_number(std::string_view text) {
  std::string plain;
  for (const char c : trimmed_text(text)) {
    if (c != ',') plain += c;
  }
  return try_parse_quantity(plain);
}

// A loss at the end of a line that may be torn.
std::optional<double> last_loss(LineCursor& line, bool torn) {
  const auto value = line.number();
  if (value && torn && line.at_end() && line.decimals() < kNanogptDecimals) return std::nullopt;
  return value;
}

bool read_estimate(std::string_view text, bool torn, NanogptRun& into) {
  LineCursor line(text);
  if (!line.after("step ")) return false;
  const auto step = line.whole();
  if (!step || *step < 0 || !line.word(": train loss ")) return false;
  const auto train = line.number();
  if (!train || !line.word(", val loss ")) return false;
  const auto heldout = last_loss(line, torn);
  if (!heldout) return false;
  ImportedPoint& point = into.run.curve.at(*step);
  point.train_loss = train;
  point.heldout_loss = heldout;
  into.last_estimate = *step;
  return true;
}

bool read_iteration(std::string_view text, bool torn, NanogptRun& into) {
  LineCursor line(text);
  if (!line.after("iter ")) return false;
  const auto step = line.whole();
  if (!step || *step < 0 || !line.word(": loss ")) return false;
  const auto loss = last_loss(line, torn);
  if (!loss) return false;
  ImportedPoint& point = into.run.curve.at(*step);
  // The estimate over many batches says more than this batch.
  if (*step != into.last_estimate) point.train_loss = loss;
  if (!line.word(", time ")) return true;
  const auto time = line.number(true);
  if (time && line.word("ms")) point.seconds = *time / 1000;
  return true;
}

// The count at the end of "num decayed parameter tensors: 26, with 10,740,096 parameters".
std::optional<double> tensor_count(LineCursor line) {
  if (!line.after(", with ")) return std::nullopt;
  return grouped_number(line.rest().substr(0, line.rest().find(" parameters")));
}

void read_nanogpt_fact(std::string_view text, bool torn, NanogptRun& into) {
  const auto said = [&](const char* name, std::optional<double> value) {
    if (value && !torn) into.run.said[name] = *value;
    return torn ? std::nullopt : value;
  };
  LineCursor line(text);
  if (line.after("tokens per iteration will be: ")) {
    const auto tokens = said("tokens per iteration", grouped_number(line.rest()));
    if (tokens && *tokens > 0) into.run.batch_tokens = tokens;
  } else if (line.after("number of parameters: ")) {
    into.printed = said("number of parameters", grouped_number(line.rest()));
  } else if (line.after("num decayed parameter tensors: ")) {
    into.decayed = said("decayed parameters", tensor_count(line));
  } else if (line.after("num non-decayed parameter tensors: ")) {
    into.other = said("non-decayed parameters", tensor_count(line));
  } else if (line.after("Overriding: ")) {
    const std::string_view setting = line.rest();
    const std::size_t sign = setting.find(" = ");
    if (sign == std::string_view::npos || into.run.said.size() > 1000) return;
    into.run.said[std::string(trimmed_text(setting.substr(0, sign)))] =
        std::string(trimmed_text(setting.substr(sign + 3)));
  }
}

void settle_params(NanogptRun& log, RunImport& read, const ImportOptions& options) {
  if (log.decayed && log.other) {
    log.run.params = *log.decayed + *log.other;
    log.run.params_from = "decayed and non-decayed parameters";
  } else if (log.printed) {
    log.run.params = log.printed;
    log.run.params_from = "number of parameters";
    if (options.params) return;
    read.notes.push_back(
        "nanoGPT's \"number of parameters\" leaves out the position embeddings and is rounded");
  }
}

bool recognises_nanogpt(const ImportSource& source) {
  const auto has = [&](std::string_view text) {
    return source.bytes.find(text) != std::string_view::npos;
  };
  return (has(": train loss ") && has(", val loss ")) || (has("iter 0: loss ") && has("ms, mfu "));
}

NanogptRun read_nanogpt_lines(const ImportSource& source) {
  NanogptRun log;
  for (LogLines lines(source.bytes); lines.next();) {
    const std::string_view text = lines.text();
    if (read_estimate(text, lines.is_torn(), log) || read_iteration(text, lines.is_torn(), log)) {
      if (log.used++ == 0) log.run.line = lines.number();
    } else {
      read_nanogpt_fact(text, lines.is_torn(), log);
    }
  }
  return log;
}

RunImport read_nanogpt(const ImportSource& source, const ImportOptions& options) {
  NanogptRun log = read_nanogpt_lines(source);
  if (log.run.curve.empty()) {
    throw no_usable_line(source, "a nanoGPT log", "step 2000: train loss 1.7648, val loss 1.8857");
  }
  RunImport read;
  settle_params(log, read, options);
  log.run.tokens_from = "tokens per iteration";
  log.run.loss_from = "val loss";
  log.run.train_from = "loss";
  log.run.is_per_step_seconds = true;
  std::vector<LoggedRun> runs;
  runs.push_back(std::move(log.run));
  add_logged_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

ImportFormat nanogpt_format() {
  return {"nanogpt", "what nanoGPT's train.py prints", recognises_nanogpt, read_nanogpt};
}

}  // namespace isoflop
