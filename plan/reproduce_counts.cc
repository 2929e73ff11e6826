// Tables A4 and A9, suites of tasks, and numbers that are stated twice.
#include <cmath>
#include <fmt/format.h>

#include "core/hoffmann_shape.h"
#include "core/units.h"
#include "plan/reproduce.h"

namespace isoflop {
namespace {

constexpr const char* kChinchillaPaper = "Hoffmann et al. 2022, arXiv:2203.15556";
constexpr double kStatedFlopsTolerance = 0.1;

// How near the parameter formula comes to what was printed, by size.
double params_tolerance(double params) {
  if (params < 60e6) return 0.007;
  return params < 600e6 ? 0.0025 : 0.001;
}

void add_suite_count(SuiteOutcome& outcome, const TaskRow& task) {
  if (task.chinchilla == task.gopher) {
    ++outcome.equal;
  } else if ((task.chinchilla < task.gopher) == outcome.lower_is_better) {
    ++outcome.better;
  } else {
    ++outcome.worse;
  }
}

void check_counts(SuiteOutcome& outcome) {
  const SuiteRow& printed = outcome.printed;
  if (printed.better == outcome.better && printed.equal == outcome.equal &&
      printed.worse == outcome.worse) {
    return;
  }
  outcome.findings.push_back(
      {"wrong_count", fmt::format("{}: {} tasks better, {} equal, {} worse; printed are {}, {}, {}",
                                  printed.suite, outcome.better, outcome.equal, outcome.worse,
                                  printed.better, printed.equal, printed.worse)});
}

// Headlines are printed to one decimal.
void check_headline(SuiteOutcome& outcome, const char* model, double mean,
                    const std::optional<double>& headline) {
  if (!headline || std::abs(mean - *headline) <= 0.05 + 1e-9) return;
  outcome.findings.push_back(
      {"not_the_mean", fmt::format("{}: the headline of {} is {:.1f}, the unweighted mean of its "
                                   "tasks {:.2f}",
                                   outcome.printed.suite, model, *headline, mean)});
}

}  // namespace

ReproducedTable reproduce_table_a4(std::span<const FlopRatioRow> rows) {
  ReproducedTable table{.name = "tableA4",
                        .title = "Table A4: FLOPs of App. F over 6 N D",
                        .source = std::string(kChinchillaPaper) + ", Table A4"};
  int missed = 0;
  for (const FlopRatioRow& row : rows) {
    const HoffmannRatios ratios = hoffmann_flop_ratios(hoffmann_config(row.shape));
    const auto add = [&](const char* basis, double ours, bool alternative) {
      table.values.push_back({.label = row.shape.label,
                              .quantity = "FLOPs / 6ND",
                              .ours = ours,
                              .printed = row.ratio,
                              .basis = basis,
                              .alternative = alternative});
    };
    add("layers only, S = 2048", ratios.layers, false);
    add("App. F as printed", ratios.printed, true);
    add("layers and final logits", ratios.logits, true);
    if (std::abs(ratios.printed - row.ratio) > 0.005) ++missed;
  }
  if (missed > 0) {
    table.findings.push_back(
        {"formula_does_not_give_it",
         fmt::format("App. F as printed misses {} of {} ratios by more than rounding; without "
                     "embedding and final logits it gives them",
                     missed, rows.size())});
  }
  return table;
}

ReproducedTable reproduce_table_a9(std::span<const ModelShape> shapes) {
  ReproducedTable table{.name = "tableA9",
                        .title = "Table A9: parameters of the trained shapes",
                        .source = std::string(kChinchillaPaper) + ", Table A9"};
  for (const ModelShape& shape : shapes) {
    const ModelConfig config = hoffmann_config(shape);
    const auto ours =
        static_cast<double>(hoffmann_matrices(config) + hoffmann_biases_and_norms(config));
    table.values.push_back({.label = shape.label + " " + shape_name(config),
                            .quantity = "N",
                            .kind = QuantityKind::kCount,
                            .ours = ours,
                            .printed = shape.printed_params,
                            .basis = "with biases and norms"});
    const double off = ours / shape.printed_params - 1;
    if (std::abs(off) <= params_tolerance(shape.printed_params)) continue;
    table.findings.push_back(
        {"formula_does_not_give_it", fmt::format("{}: the shape has {} parameters, {:+.2f} %",
                                                 shape.label, format_quantity(ours), 100 * off)});
  }
  table.notes.emplace_back(
      "N = L (5 d h k + 2 d f) + 32000 d, relative positions included, + L (11 d + f) + 2 d");
  return table;
}

ReproducedTable reproduce_statements(std::span<const StatementRow> statements,
                                     std::span<const LargeModel> models) {
  ReproducedTable table{
      .name = "statements", .title = "Numbers that are stated twice", .source = kChinchillaPaper};
  for (const StatementRow& row : statements) {
    table.values.push_back({.label = row.what,
                            .quantity = row.elsewhere,
                            .kind = row.value < 1e6 ? QuantityKind::kNumber : QuantityKind::kFlops,
                            .ours = row.other_value,
                            .printed = row.value,
                            .basis = "against " + row.where});
    const double off = row.other_value / row.value - 1;
    if (std::abs(off) <= 1e-9) continue;
    table.findings.push_back(
        {"stated_twice",
         fmt::format("{}: {} in {}, {} in {} ({:+.2g} %)", row.what, exact_number(row.value),
                     row.where, exact_number(row.other_value), row.elsewhere, 100 * off)});
  }
  for (const LargeModel& model : models) {
    if (!model.flops) continue;
    const double six_nd = 6 * model.params * model.tokens;
    table.values.push_back({.label = "training FLOPs of " + model.name,
                            .quantity = "6 N D",
                            .kind = QuantityKind::kFlops,
                            .ours = six_nd,
                            .printed = model.flops,
                            .basis = "against its authors"});
    if (std::abs(six_nd / *model.flops - 1) <= kStatedFlopsTolerance) continue;
    table.findings.push_back(
        {"not_6nd",
         fmt::format("{}: 6 N D is {}, published {} ({})", model.name, format_flops(six_nd),
                     format_flops(*model.flops), model.flops_source)});
  }
  return table;
}

SuiteOutcome judge_suite(const SuiteRow& printed, std::span<const TaskRow> tasks) {
  SuiteOutcome outcome{.printed = printed};
  for (const TaskRow& task : tasks) {
    if (task.suite != printed.suite) continue;
    outcome.lower_is_better = task.metric == "bits per byte";
    outcome.chinchilla += task.chinchilla;
    outcome.gopher += task.gopher;
    outcome.mean_ratio += task.chinchilla / task.gopher;
    add_suite_count(outcome, task);
    outcome.tasks.push_back(task);
  }
  const auto count = static_cast<double>(outcome.tasks.size());
  outcome.chinchilla /= count;
  outcome.gopher /= count;
  outcome.mean_ratio /= count;
  check_counts(outcome);
  check_headline(outcome, "Chinchilla", outcome.chinchilla, printed.chinchilla);
  check_headline(outcome, "Gopher", outcome.gopher, printed.gopher);
  return outcome;
}

}  // namespace isoflop
