// llm.c's main.log, three kinds of lines:
//   s:250 tel:3.8671                          held-out loss before step 250
//   s:250 trl:3.9012 lr:0.000600 norm:0.52    training loss of step 250
//   s:250 eval:0.2712                         HellaSwag accuracy
// All losses have 4 decimals. A run that goes on appends. The log names neither the model nor the
// batch: tokens = step x --batch-tokens.
#include "imports/log_formats.h"
#include "imports/log_lines.h"
#include "imports/logged_run.h"

namespace isoflop {
namespace {

struct LlmcLine {
  std::int64_t step = 0;
  std::optional<double> heldout, train, rate, norm, accuracy;
};

// A number where `name` stands; at a torn end only with as many decimals as llm.c prints.
bool read_llmc_field(LineCursor& line, std::string_view name, int decimals, bool torn,
                     std::optional<double>& value) {
  LineCursor ahead = line;
  ahead.skip_spaces();
  if (!ahead.word(name)) return true;
  value = ahead.number();
  if (value && torn && ahead.at_end() && ahead.decimals() < decimals) value = std::nullopt;
  line = ahead;
  return value.has_value();
}

std::optional<LlmcLine> parse_llmc_line(std::string_view text, bool torn) {
  LineCursor line(trimmed_text(text));
  LlmcLine out;
  if (!line.word("s:")) return std::nullopt;
  const auto step = line.whole();
  if (!step || *step < 0) return std::nullopt;
  out.step = *step;
  const bool whole = read_llmc_field(line, "tel:", 4, torn, out.heldout) &&
                     read_llmc_field(line, "trl:", 4, torn, out.train) &&
                     read_llmc_field(line, "lr:", 6, torn, out.rate) &&
                     read_llmc_field(line, "norm:", 2, torn, out.norm) &&
                     read_llmc_field(line, "eval:", 4, torn, out.accuracy);
  const bool says = out.heldout || out.train || out.accuracy;
  return whole && line.at_end() && says ? std::optional(out) : std::nullopt;
}

void add_llmc_line(const LlmcLine& line, LoggedRun& run) {
  if (line.accuracy) run.extra["score"] = *line.accuracy;
  if (!line.heldout && !line.train) return;
  ImportedPoint& point = run.curve.at(line.step);
  if (line.heldout) point.heldout_loss = line.heldout;
  if (line.train) point.train_loss = line.train;
  if (line.rate) point.rate = line.rate;
  if (line.norm) point.grad_norm = line.norm;
}

bool recognises_llmc(const ImportSource& source) {
  LogLines lines(source.bytes);
  for (int seen = 0; seen < 100 && lines.next(); ++seen) {
    if (parse_llmc_line(lines.text(), lines.is_torn())) return true;
  }
  return false;
}

RunImport read_llmc(const ImportSource& source, const ImportOptions& options) {
  LoggedRun run;
  run.loss_from = "tel";
  run.train_from = "trl";
  std::int64_t other = 0, used = 0;
  for (LogLines lines(source.bytes); lines.next();) {
    const auto line = parse_llmc_line(lines.text(), lines.is_torn());
    if (line) {
      add_llmc_line(*line, run);
      if (used++ == 0) run.line = lines.number();
    } else {
      other += !trimmed_text(lines.text()).empty();
    }
  }
  if (run.curve.empty()) throw no_usable_line(source, "an llm.c log", "s:250 tel:3.8671");
  run.said["lines"] = used;
  RunImport read;
  read.notes.push_back("llm.c logs losses with 4 decimals");
  if (other > 0) {
    read.notes.push_back(std::to_string(other) + (other == 1 ? " line is" : " lines are") +
                         " not of llm.c's log and were passed over");
  }
  std::vector<LoggedRun> runs;
  runs.push_back(std::move(run));
  add_logged_runs(read, std::move(runs), source, options);
  return read;
}

}  // namespace

ImportFormat llm_c_format() {
  return {"llm.c", "main.log of llm.c; needs --params and --batch-tokens", recognises_llmc,
          read_llmc};
}

}  // namespace isoflop
