#include "report/approaches_text.h"

#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string maybe_quantity(const std::optional<double>& value) {
  return value ? format_quantity(*value) : "-";
}

// ln N* to the plus or minus of it, as people read it: a factor.
std::string error_text(const std::optional<double>& log_error) {
  return log_error ? "\u00b1" + with_decimals(100 * *log_error, 1) + " %" : "-";
}

std::string noise_line(const IsoflopFit& isoflop) {
  if (isoflop.noise_source.empty()) {
    return "noise of the losses: unknown (no replicates, no loss_error, too few sizes), so no "
           "intervals\n";
  }
  std::string line = "noise of one loss: " + with_decimals(100 * isoflop.noise, 2) + " %, from " +
                     isoflop.noise_source;
  if (isoflop.scatter > 1) {
    line += "; the minima scatter " + with_decimals(isoflop.scatter, 1) +
            " times as much about their line, and intervals are as much wider";
  }
  return line + '\n';
}

std::string approach_name(int approach) {
  switch (approach) {
    case 1:
      return "1 envelope of curves";
    case 2:
      return "2 IsoFLOP minima";
    default:
      return "3 parametric law";
  }
}

}  // namespace

TextTable profile_table(const IsoflopFit& isoflop) {
  TextTable table{{"budget", "sizes", "N*", "error", "D*", "loss", "Akima", "parabola", "joint",
                   "apart", "verdict"},
                  {}};
  for (const BudgetProfile& p : isoflop.profiles) {
    if (p.code == "too_few_points") continue;
    table.rows.push_back(
        {format_flops(p.budget), std::to_string(p.sizes),
         p.usable ? format_quantity(p.params) : "-", p.usable ? error_text(p.log_error) : "-",
         p.usable ? format_quantity(p.tokens) : "-", p.usable ? fixed4(p.loss) : "-",
         maybe_quantity(p.akima), maybe_quantity(p.parabola), maybe_quantity(p.joint),
         with_decimals(100 * p.disagreement, 1) + " %", p.usable ? "bracketed" : p.code});
  }
  return table;
}

TextTable estimator_table(const IsoflopFit& isoflop) {
  TextTable table{{"estimator", "budgets", "a", "b", "error of ln N*"}, {}};
  for (const EstimatorExponents& e : isoflop.estimators) {
    table.rows.push_back({e.estimator, std::to_string(e.budgets), interval_text(e.a, fixed3),
                          interval_text(e.b, fixed3), e.log_error > 0 ? fixed3(e.log_error) : "-"});
  }
  return table;
}

std::string isoflop_text(const IsoflopFit& isoflop) {
  std::string out = "IsoFLOP profiles: N at the minimum by three estimators\n" +
                    aligned_text(profile_table(isoflop));
  if (!isoflop.usable) return out + "no law from the minima: " + isoflop.why_not + '\n';
  out += "their minima: a " + interval_text(isoflop.a, fixed3) + ", b " +
         interval_text(isoflop.b, fixed3) + '\n' + noise_line(isoflop);
  return out + aligned_text(estimator_table(isoflop));
}

TextTable envelope_table(const EnvelopeFit& envelope) {
  TextTable table{{"N", "lowest from C", "to", "D from", "to", "loss at the end", "verdict"}, {}};
  for (const EnvelopeStep& s : envelope.steps) {
    table.rows.push_back({format_quantity(s.params), format_flops(s.flops_low),
                          format_flops(s.flops_high), format_quantity(s.tokens_low),
                          format_quantity(s.tokens_high), fixed4(s.loss),
                          s.bracketed ? "bracketed" : "cut off"});
  }
  return table;
}

std::string envelope_text(const EnvelopeFit& envelope) {
  std::string out = "Envelope of " + std::to_string(envelope.runs) + " training curves of " +
                    std::to_string(envelope.sizes) + " sizes\n" +
                    aligned_text(envelope_table(envelope));
  if (!envelope.usable) {
    return out + "no law from the envelope: " + envelope.why_not + '\n';
  }
  out += "envelope: a " + interval_text(envelope.a, fixed3) + ", b " +
         interval_text(envelope.b, fixed3) + " (least squares of ln N on ln C as printed: a " +
         fixed3(envelope.a_as_printed) + ")\nby thirds of ln C: a";
  for (const EnvelopeThird& third : envelope.thirds) {
    out += third.a ? ' ' + fixed3(*third.a) : std::string(" -");
  }
  return out + '\n';
}

TextTable approaches_table(const ApproachComparison& comparison) {
  TextTable table{{"approach", "a", "b", "N*", "D*", "loss"}, {}};
  for (const ApproachAnswer& answer : comparison.answers) {
    if (!answer.usable) {
      table.rows.push_back({approach_name(answer.approach), "-", "-", "-", "-", "-"});
      continue;
    }
    table.rows.push_back({approach_name(answer.approach), interval_text(answer.a, fixed3),
                          interval_text(answer.b, fixed3),
                          interval_text(answer.params, format_quantity),
                          interval_text(answer.tokens, format_quantity),
                          answer.loss ? interval_text(*answer.loss, fixed3) : "-"});
  }
  return table;
}

std::string approaches_text(const ApproachComparison& comparison) {
  std::string out = "At " + format_flops(comparison.flops) + " FLOP, " +
                    level_text(comparison.level) + '\n' +
                    aligned_text(approaches_table(comparison));
  for (const ApproachAnswer& answer : comparison.answers) {
    if (answer.usable) continue;
    out += "approach " + std::to_string(answer.approach) + ": " + answer.why_not + " [" +
           answer.code + "]\n";
  }
  for (const ApproachPair& pair : comparison.pairs) {
    out += "N* of approach " + std::to_string(pair.second) + " over approach " +
           std::to_string(pair.first) + ": " + with_decimals(pair.ratio, 2);
    out += pair.z ? ", " + with_decimals(*pair.z, 1) + " combined errors apart\n"
                  : ", error unknown\n";
  }
  if (!comparison.verdict.empty()) out += comparison.verdict + '\n';
  return out;
}

}  // namespace isoflop
