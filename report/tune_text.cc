#include "report/tune_text.h"

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string rate_word(double rate) { return format_flops(rate); }

std::string batch_word(double tokens) { return format_quantity(tokens); }

std::string count_word(double count) {
  return count < 1e4 ? with_decimals(count, 0) : format_quantity(count);
}

std::string answer_words(const TuneAnswer& answer, const TunedSetting& chosen) {
  std::string out = chosen.rate ? "rate " + interval_text(*chosen.rate, rate_word) : "";
  if (chosen.batch && chosen.sequences && chosen.steps) {
    out += (out.empty() ? "" : "  ") + ("batch " + interval_text(*chosen.batch, batch_word)) +
           " tokens, " + count_word(*chosen.sequences) + " sequences of " +
           std::to_string(answer.context) + ", " + count_word(*chosen.steps) + " steps";
  }
  if (chosen.warmup_tokens) {
    out += "  warm-up " + format_quantity(*chosen.warmup_tokens) + " tokens";
  }
  return out + "  by " + chosen.law;
}

std::string outside_lines(const TuneAnswer& answer) {
  const TunedSetting& chosen = answer.settings[answer.chosen];
  std::string out;
  for (const std::string& how : chosen.outside) {
    out += "warning: beyond what " + chosen.law + " was measured at: " + how +
           "; bracket the rate before you trust it [outside_range]\n";
  }
  return out;
}

std::string range_cell(const TunedSetting& setting) {
  if (setting.range.empty()) return "not said";
  return (setting.outside.empty() ? "inside " : "outside ") + setting.range;
}

std::string cell_of(const std::optional<Interval>& value, std::string (*format)(double)) {
  return value ? interval_text(*value, format) : "-";
}

std::string cell_of(const std::optional<double>& value, std::string (*format)(double)) {
  return value ? format(*value) : "-";
}

std::vector<std::string> exact_row(const TunedSetting& s) {
  const auto number = [](const std::optional<double>& v) { return v ? exact_number(*v) : ""; };
  const auto value = [](const std::optional<Interval>& v) {
    return v ? exact_number(v->value) : std::string();
  };
  return {s.law,
          value(s.rate),
          value(s.batch),
          number(s.sequences),
          number(s.steps),
          number(s.warmup_tokens),
          s.outside.empty() ? "true" : "false",
          s.counted,
          s.formula,
          s.citation};
}

// --- Own sweeps.

std::string state_words(const HyperRung& rung) {
  switch (rung.state) {
    case RungState::kAtLowEdge:
      return "best at the lowest: there or below";
    case RungState::kAtHighEdge:
      return "best at the highest: there or above";
    case RungState::kBesideDiverged:
      return "beside a run that diverged";
    case RungState::kFlat:
      return "flat within the noise";
    case RungState::kBesideOpen:
      return "may be best where the rates are no bracket";
    case RungState::kBracketed:
      break;
  }
  return "bracketed";
}

std::string best_cell(const HyperRung& rung, std::string (*format)(double)) {
  if (!rung.bracketed()) return format(rung.best) + "?";
  return interval_text({.value = rung.best, .low = rung.low, .high = rung.high}, format);
}

TextTable rung_table(const HyperTermFit& fit) {
  const bool rate = fit.of == "rate";
  const auto format = rate ? rate_word : batch_word;
  TextTable table{
      {"params", "tokens", "tried", "best " + fit.of, "rule", "rule loses", "law", "state"}, {}};
  for (const HyperRung& rung : fit.rungs) {
    table.rows.push_back({format_quantity(rung.params), format_quantity(rung.tokens),
                          std::to_string(rung.values.size()) + ", " + format(rung.values.front()) +
                              " to " + format(rung.values.back()),
                          best_cell(rung, format), cell_of(rung.rule, format),
                          cell_of(rung.rule_loss, fixed4), cell_of(rung.law, format),
                          state_words(rung)});
  }
  return table;
}

std::string exponents_words(const HyperTermFit& fit) {
  std::string out;
  if (fit.params_exponent) out += ", exponent of N " + interval_text(*fit.params_exponent, fixed3);
  if (fit.tokens_exponent) out += ", exponent of D " + interval_text(*fit.tokens_exponent, fixed3);
  return out;
}

std::string term_line(const HyperTermFit& fit, double level) {
  if (fit.rungs.empty()) return "";
  if (!fit.term) return "no law of the " + fit.of + ": " + fit.why + " [" + fit.refused + "]\n";
  return fit.of + " = " + power_text(fit.term->power) + exponents_words(fit) + "; " +
         std::to_string(fit.bracketed) + " of " + std::to_string(fit.rungs.size()) +
         " rungs, scatter between them " + with_decimals(100 * std::expm1(fit.scatter), 0) +
         " %; " + level_text(level) + '\n';
}

std::string rungs_block(const HyperTermFit& fit) {
  if (fit.rungs.empty()) return "";
  return "\nrungs of the " + fit.of + "; losses in nats beyond each rung's least\n" +
         aligned_text(rung_table(fit));
}

std::string noise_line(const HyperFit& fit) {
  if (!(fit.noise > 0)) return "";
  return "noise of one loss " + fixed4(fit.noise) + " nats, from " + fit.noise_source + "\n";
}

}  // namespace

TextTable tune_table(const TuneAnswer& answer, bool exact) {
  if (exact) {
    TextTable table{{"law", "rate", "batch_tokens", "batch_sequences", "steps", "warmup_tokens",
                     "inside", "counted", "formula", "citation"},
                    {}};
    for (const TunedSetting& setting : answer.settings) table.rows.push_back(exact_row(setting));
    return table;
  }
  TextTable table{{"law", "peak rate", "batch, tokens", "sequences", "steps", "warm-up, tokens",
                   "N", "measured at", "source"},
                  {}};
  for (const TunedSetting& s : answer.settings) {
    table.rows.push_back({s.law, cell_of(s.rate, rate_word), cell_of(s.batch, batch_word),
                          cell_of(s.sequences, count_word), cell_of(s.steps, count_word),
                          cell_of(s.warmup_tokens, format_quantity), s.counted, range_cell(s),
                          s.citation.empty() ? s.formula : s.citation});
  }
  return table;
}

std::string tune_text(const TuneAnswer& answer) {
  const TunedSetting& chosen = answer.settings.at(answer.chosen);
  std::string out = answer_words(answer, chosen) + " (" + answer.because + ")\n" + "for " +
                    format_quantity(answer.params) + " parameters on " +
                    format_quantity(answer.tokens) + " tokens, schedule " + answer.schedule + '\n' +
                    outside_lines(answer);
  for (const std::string& assumption : answer.assumptions) out += "assumes " + assumption + '\n';
  if (answer.settings.size() > 1) out += '\n' + aligned_text(tune_table(answer, false));
  return out;
}

std::string hyper_fit_text(const HyperFit& fit) {
  return term_line(fit.rate, fit.law.level) + term_line(fit.batch, fit.law.level) +
         noise_line(fit) + warning_lines(fit.rate.warnings) + warning_lines(fit.batch.warnings) +
         rungs_block(fit.rate) + rungs_block(fit.batch);
}

}  // namespace isoflop
