#include "report/reproduction_text.h"

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "report/comparison_text.h"
#include "report/numbers_text.h"
#include "report/text_table.h"

namespace isoflop {
namespace {

constexpr double kAgreement = 0.02;  // what the first line counts as reproduced

struct Agreement {
  int compared = 0;
  int within = 0;
  int findings = 0;
};

Agreement agreement_of(const Reproduction& r) {
  Agreement sum;
  for (const ReproducedTable& table : r.tables) {
    sum.findings += static_cast<int>(table.findings.size());
    for (const ReproducedValue& value : table.values) {
      const auto ratio = value.ratio();
      if (!ratio || value.alternative) continue;
      ++sum.compared;
      if (std::abs(*ratio - 1) <= kAgreement) ++sum.within;
    }
  }
  for (const SuiteOutcome& suite : r.suites) {
    sum.findings += static_cast<int>(suite.findings.size());
  }
  return sum;
}

std::string agreement_line(const Reproduction& r) {
  const Agreement sum = agreement_of(r);
  std::string out = r.name + ": ";
  if (sum.compared > 0) {
    out += std::to_string(sum.within) + " of " + std::to_string(sum.compared) +
           " recomputed numbers are within 2 % of the printed ones; ";
  }
  return out + std::to_string(sum.findings) +
         (sum.findings == 1 ? " contradiction found\n" : " contradictions found\n");
}

std::string quantity_text(const std::optional<double>& value, QuantityKind kind) {
  if (!value) return "-";
  if (kind == QuantityKind::kCount) return format_quantity(*value);
  if (kind == QuantityKind::kFlops) return format_flops(*value);
  if (std::abs(*value) >= 10) return with_decimals(*value, 2);
  return std::abs(*value) < 1e-3 ? exact_number(std::round(*value * 1e9) / 1e9) : fixed4(*value);
}

TextTable value_table(const ReproducedTable& reproduced) {
  TextTable table{{"what", "quantity", "ours", "printed", "ratio", "ours is"}, {}};
  for (const ReproducedValue& value : reproduced.values) {
    const auto ratio = value.ratio();
    table.rows.push_back({value.label, value.quantity, quantity_text(value.ours, value.kind),
                          quantity_text(value.printed, value.kind), ratio ? fixed4(*ratio) : "-",
                          value.basis});
  }
  return table;
}

std::string finding_lines(const std::vector<Warning>& findings) {
  std::string out;
  for (const Warning& finding : findings) {
    out += "found: " + finding.message + " [" + finding.code + "]\n";
  }
  return out;
}

std::string title_line(const std::string& title, const std::string& source, bool markdown) {
  return "\n" + std::string(markdown ? "## " : "") + title + " (" + source + ")\n\n";
}

std::string reproduced_text(const ReproducedTable& table, bool markdown) {
  const auto as_text = markdown ? markdown_text : aligned_text;
  std::string out = title_line(table.title, table.source, markdown) + as_text(value_table(table));
  if (!table.findings.empty() || !table.notes.empty()) out += '\n';
  out += finding_lines(table.findings);
  for (const std::string& note : table.notes) out += "note: " + note + '\n';
  return out;
}

std::string score_text(const SuiteOutcome& suite, double value) {
  return with_decimals(value, suite.lower_is_better ? 4 : 2);
}

std::string headline_text(const std::optional<double>& value) {
  return value ? with_decimals(*value, 1) : "-";
}

std::string counts_text(int better, int equal, int worse) {
  return std::to_string(better) + "/" + std::to_string(equal) + "/" + std::to_string(worse);
}

TextTable suite_table(const std::vector<SuiteOutcome>& suites) {
  TextTable table{{"suite", "tasks", "better/equal/worse", "printed", "Chinchilla", "Gopher",
                   "Chinchilla printed", "Gopher printed", "mean ratio"},
                  {}};
  for (const SuiteOutcome& suite : suites) {
    const SuiteRow& printed = suite.printed;
    table.rows.push_back({printed.suite, std::to_string(suite.tasks.size()),
                          counts_text(suite.better, suite.equal, suite.worse),
                          counts_text(printed.better, printed.equal, printed.worse),
                          score_text(suite, suite.chinchilla), score_text(suite, suite.gopher),
                          headline_text(printed.chinchilla), headline_text(printed.gopher),
                          with_decimals(suite.mean_ratio, 3)});
  }
  return table;
}

TextTable task_table_of(const SuiteOutcome& suite) {
  TextTable table{{"task", "Chinchilla", "Gopher", "difference"}, {}};
  const int decimals = suite.lower_is_better ? 3 : 1;
  for (const TaskRow& task : suite.tasks) {
    table.rows.push_back({task.task, with_decimals(task.chinchilla, decimals),
                          with_decimals(task.gopher, decimals),
                          with_decimals(task.chinchilla - task.gopher, decimals)});
  }
  return table;
}

// What the laws predict, next to the only loss that was published.
std::string predicted_line(const ModelComparison& models) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const LawVerdict& law : models.laws) {
    const std::size_t other = models.reference == 0 ? 1 : 0;
    const double share = law.models[other].difference.value / law.models[other].loss.value;
    low = std::min(low, share);
    high = std::max(high, share);
  }
  return "predicted: " + models.models[models.reference].name + "'s loss is " +
         with_decimals(100 * low, 1) + " to " + with_decimals(100 * high, 1) +
         " % lower, on the laws' own data; the losses of both models on it were not published\n";
}

std::string suites_text(const Reproduction& r, bool markdown) {
  const auto as_text = markdown ? markdown_text : aligned_text;
  std::string out = title_line("Downstream: Chinchilla against Gopher, task by task",
                               "Tables A5 to A7", markdown) +
                    as_text(suite_table(r.suites)) + '\n';
  if (r.models) out += predicted_line(*r.models);
  for (const SuiteOutcome& suite : r.suites) out += finding_lines(suite.findings);
  if (r.suites.size() > 1) return out;
  return out + '\n' + as_text(task_table_of(r.suites.front()));
}

}  // namespace

std::string reproduction_text(const Reproduction& r, bool markdown) {
  std::string out;
  if (r.models) out += comparison_text(*r.models, markdown) + '\n';
  out += agreement_line(r);
  for (const ReproducedTable& table : r.tables) out += reproduced_text(table, markdown);
  if (!r.suites.empty()) out += suites_text(r, markdown);
  return out;
}

}  // namespace isoflop
