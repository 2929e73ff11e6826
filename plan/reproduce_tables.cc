// Tables 2, 3, A2 and A3, and Kaplan's size at 1e21 FLOP.
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "core/interval.h"
#include "core/units.h"
#include "law/optimum.h"
#include "law/presets.h"
#include "plan/reproduce.h"

namespace isoflop {
namespace {

constexpr double kGopherFlops = 5.76e23;
constexpr double kPetaflopDay = 8.64e19;
constexpr double kSixNdTolerance = 0.02;
constexpr const char* kPaper = "Hoffmann et al. 2022, arXiv:2203.15556";

std::string row_label(const OptimalRow& row) {
  return fmt::format("approach {}, {}", row.approach, row.label);
}

// N = G C^a through rows: ordinary least squares of ln N on ln 6ND.
struct RowPowerLaw {
  double log_g = 0;
  double a = 0;

  double params(double flops) const { return std::exp(log_g + a * std::log(flops)); }
};

RowPowerLaw power_law_through(std::span<const OptimalRow> rows, int approach) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const OptimalRow& row : rows) {
    if (row.approach != approach) continue;
    const double x = std::log(6 * row.params * row.tokens);
    const double y = std::log(row.params);
    n += 1;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const double a = (n * sxy - sx * sy) / (n * sxx - sx * sx);
  return {.log_g = (sy - a * sx) / n, .a = a};
}

// The budget whose optimum has N parameters, under 6 N D.
double budget_of_size(const LawParameters& law, double params) {
  const double sum = law.alpha + law.beta;
  const double g = std::pow(law.alpha * law.A / (law.beta * law.B), 1 / sum);
  return 6 * std::pow(params / g, sum / law.beta);
}

void check_six_nd(const OptimalRow& row, std::vector<Warning>& findings) {
  const double ratio = 6 * row.params * row.tokens / row.flops;
  if (std::abs(ratio - 1) <= kSixNdTolerance) return;
  findings.push_back(
      {"not_6nd", fmt::format("{}: printed C {} but 6 N D of the printed N and D is {} ({:.3g} "
                              "times)",
                              row_label(row), format_flops(row.flops),
                              format_flops(6 * row.params * row.tokens), ratio)});
}

ReproducedValue six_nd_value(const OptimalRow& row) {
  return {.label = row_label(row),
          .quantity = "C",
          .kind = QuantityKind::kFlops,
          .ours = 6 * row.params * row.tokens,
          .printed = row.flops,
          .basis = "6 N D"};
}

// "1/29,968" or "6.7".
std::optional<double> gopher_units(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c != ',') plain += c;
  }
  const auto slash = plain.find('/');
  if (slash == std::string::npos) return try_parse_quantity(plain);
  const auto below = try_parse_quantity(plain.substr(slash + 1));
  if (!below) return std::nullopt;
  return 1 / *below;
}

void add_optimum_of_law(const OptimalRow& row, const LawParameters& law, const std::string& basis,
                        ReproducedTable& table) {
  const double flops = budget_of_size(law, row.params);
  table.values.push_back({.label = row_label(row),
                          .quantity = "C",
                          .kind = QuantityKind::kFlops,
                          .ours = flops,
                          .printed = row.flops,
                          .basis = basis});
  table.values.push_back({.label = row_label(row),
                          .quantity = "D",
                          .kind = QuantityKind::kCount,
                          .ours = flops / (6 * row.params),
                          .printed = row.tokens,
                          .basis = basis});
}

// Printed to two digits, so that a value may be half a unit beyond what is printed.
void check_own_interval(const ExponentRow& row, const char* name, double value,
                        const std::optional<double>& low, const std::optional<double>& high,
                        std::vector<Warning>& findings) {
  if (!low || !high || (value >= *low - 1e-9 && value <= *high + 1e-9)) return;
  const bool rounding = value + 0.005 >= *low && value - 0.005 <= *high;
  findings.push_back(
      {"outside_own_interval",
       fmt::format("{}: {} = {:.2f} lies outside its own interval of {:.3f} to {:.3f}{}", row.label,
                   name, value, *low, *high,
                   rounding ? ", though less than half of its last digit off" : "")});
}

// Under C = 6 N D a + b = 1 in every draw, so one interval is the mirror image of the other.
void check_mirror(const ExponentRow& row, std::vector<Warning>& findings) {
  if (!row.a_low || !row.a_high || !row.b_low || !row.b_high) return;
  const double off =
      std::max(std::abs(1 - *row.a_high - *row.b_low), std::abs(1 - *row.a_low - *row.b_high));
  if (off <= 0.0011) return;
  findings.push_back(
      {"not_mirrored",
       fmt::format("{}: with a in {:.3f} to {:.3f}, b = 1 - a would lie in {:.3f} to {:.3f}; "
                   "printed is {:.3f} to {:.3f}",
                   row.label, *row.a_low, *row.a_high, 1 - *row.a_high, 1 - *row.a_low, *row.b_low,
                   *row.b_high)});
}

void add_exponents(const ExponentRow& row, double a, const std::string& basis,
                   ReproducedTable& table) {
  table.values.push_back(
      {.label = row.label, .quantity = "a", .ours = a, .printed = row.a, .basis = basis});
  table.values.push_back(
      {.label = row.label, .quantity = "b", .ours = 1 - a, .printed = row.b, .basis = basis});
}

// The exponent at full precision against the interval printed for it.
void check_unrounded(const ExponentRow& row, double a, std::vector<Warning>& findings) {
  if (!row.a_low || !row.a_high) return;
  if (a >= *row.a_low - 0.0005 && a <= *row.a_high + 0.0005) return;
  findings.push_back({"outside_own_interval",
                      fmt::format("{}: a = {:.4f} by the paper's unrounded constants lies outside "
                                  "the printed {:.3f} to {:.3f}",
                                  row.label, a, *row.a_low, *row.a_high)});
}

void add_refit_exponents(const Refit& refit, std::span<const ExponentRow> exponents,
                         ReproducedTable& table) {
  for (const ExponentRow& row : exponents) {
    if (row.approach == "3" && !refit.fit.form) {
      add_exponents(row, refit.fit.a(), "fitted to " + refit.name, table);
      const Interval a = exponent_a(refit.fit);
      if (a.low && a.high) {
        table.notes.push_back(fmt::format("approach 3 on {}: a = {:.4f} [{:.4f}, {:.4f}]",
                                          refit.name, a.value, *a.low, *a.high));
      }
    }
    if (row.approach == "2" && refit.fit.isoflop && refit.fit.isoflop->usable) {
      add_exponents(row, refit.fit.isoflop->a.value, "IsoFLOP minima of " + refit.name, table);
    }
  }
}

}  // namespace

ReproducedTable reproduce_table2(std::span<const ExponentRow> exponents,
                                 std::span<const OptimalRow> optima, const Refit* refit) {
  ReproducedTable table{.name = "table2",
                        .title = "Table 2: exponents of N* ~ C^a and D* ~ C^b",
                        .source = std::string(kPaper) + ", Table 2"};
  for (const ExponentRow& row : exponents) {
    if (row.approach == "Kaplan") continue;
    const int approach = std::stoi(row.approach);
    add_exponents(row, power_law_through(optima, approach).a,
                  approach == 1 ? "rows of Table 3" : "rows of Table A3", table);
    if (row.approach == "3") {
      const double a = preset_law("hoffmann2022").a();
      add_exponents(row, a, "unrounded constants", table);
      check_unrounded(row, a, table.findings);
    }
    check_own_interval(row, "a", row.a, row.a_low, row.a_high, table.findings);
    check_own_interval(row, "b", row.b, row.b_low, row.b_high, table.findings);
    check_mirror(row, table.findings);
  }
  if (refit) {
    add_refit_exponents(*refit, exponents, table);
  } else {
    table.notes.emplace_back(
        "approaches 2 and 3 were not refitted: give the extracted points with --csv");
  }
  table.notes.emplace_back("approach 1 needs the training curves, which were not published");
  return table;
}

ReproducedTable reproduce_table3(std::span<const OptimalRow> optima) {
  ReproducedTable table{.name = "table3",
                        .title = "Table 3: optimal compute and tokens by approach 1",
                        .source = std::string(kPaper) + ", Table 3"};
  const RowPowerLaw law = power_law_through(optima, 1);
  for (const OptimalRow& row : optima) {
    if (row.approach != 1) continue;
    table.values.push_back(six_nd_value(row));
    table.values.push_back({.label = row_label(row),
                            .quantity = "C / Gopher's",
                            .ours = row.flops / kGopherFlops,
                            .printed = gopher_units(row.gopher_units),
                            .basis = "C / 5.76e23"});
    const double flops = std::exp((std::log(row.params) - law.log_g) / law.a);
    table.values.push_back({.label = row_label(row),
                            .quantity = "D",
                            .kind = QuantityKind::kCount,
                            .ours = flops / (6 * row.params),
                            .printed = row.tokens,
                            .basis = fmt::format("N ~ C^{:.4f} through the rows", law.a)});
    check_six_nd(row, table.findings);
  }
  table.notes.emplace_back("approach 1 needs the training curves, which were not published");
  return table;
}

ReproducedTable reproduce_table_a2(std::span<const DatasetRow> rows) {
  ReproducedTable table{.name = "tableA2",
                        .title = "Table A2: other data sets, and projections at 5.76e23 FLOP",
                        .source = std::string(kPaper) + ", Table A2 and figures 2, 3, 4, A2"};
  for (const DatasetRow& row : rows) {
    table.values.push_back({.label = row.dataset,
                            .quantity = "b",
                            .ours = 1 - row.a,
                            .printed = row.b,
                            .basis = "1 - a"});
    table.values.push_back({.label = row.dataset,
                            .quantity = "D",
                            .kind = QuantityKind::kCount,
                            .ours = kGopherFlops / (6 * row.params),
                            .printed = row.tokens,
                            .basis = "5.76e23 / 6N"});
    if (row.approach != 3) continue;
    table.values.push_back({.label = row.dataset,
                            .quantity = "N",
                            .kind = QuantityKind::kCount,
                            .ours = compute_optimum(preset_law("hoffmann2022").parameters,
                                                    FlopsPerToken::six_n(), kGopherFlops)
                                        .params,
                            .printed = row.params,
                            .basis = "unrounded constants"});
  }
  for (const DatasetRow& row : rows) {
    if (!row.tokens) continue;
    const double ratio = 6 * row.params * *row.tokens / kGopherFlops;
    // N and D are printed to two digits: up to 5 % each way at small leading digits.
    if (std::abs(ratio - 1) <= 0.05) continue;
    table.findings.push_back(
        {"not_6nd",
         fmt::format("{}: 6 N D of the projection is {}, {:+.1f} % "
                     "off 5.76e23",
                     row.dataset, format_flops(ratio * kGopherFlops), 100 * (ratio - 1))});
  }
  table.notes.emplace_back(
      "exponents on C4 and GitHub were not refitted: their losses were not "
      "published");
  return table;
}

ReproducedTable reproduce_table_a3(std::span<const OptimalRow> optima, const Refit* refit) {
  ReproducedTable table{.name = "tableA3",
                        .title = "Table A3: optimal compute and tokens by approaches 2 and 3",
                        .source = std::string(kPaper) + ", Table A3"};
  const LawParameters& unrounded = preset_law("hoffmann2022").parameters;
  for (const OptimalRow& row : optima) {
    if (row.approach == 1) continue;
    table.values.push_back(six_nd_value(row));
    check_six_nd(row, table.findings);
    if (row.approach != 3) continue;
    add_optimum_of_law(row, unrounded, "unrounded constants", table);
    add_optimum_of_law(row, preset_law("hoffmann2022-tableA3").parameters, "alpha .336, beta .283",
                       table);
    if (refit && !refit->fit.form) {
      add_optimum_of_law(row, refit->fit.parameters, "fitted to " + refit->name, table);
    }
  }
  table.notes.emplace_back(
      "no published constants give approach 3's rows: alpha .336 and beta .283 come nearest");
  if (!refit) {
    table.notes.emplace_back("not refitted: give the extracted points with --csv");
  }
  return table;
}

ReproducedTable reproduce_kaplan(double coefficient, double exponent,
                                 std::span<const OptimalRow> optima) {
  constexpr double kFlops = 1e21;
  ReproducedTable table{
      .name = "kaplan",
      .title = "Optimal size at 1e21 FLOP: Kaplan et al. 2020 against approach 1",
      .source = "Kaplan et al. 2020, arXiv:2001.08361; " + std::string(kPaper) + ", App. D.4"};
  const auto size = [&](double flops) {
    return coefficient * std::pow(flops / kPetaflopDay, exponent);
  };
  table.values = {{.label = "Kaplan et al.",
                   .quantity = "N",
                   .kind = QuantityKind::kCount,
                   .ours = size(kFlops / 2),
                   .printed = 4.68e9,
                   .basis = "1.3e9 (C / 2)^.73, critical batch size"},
                  {.label = "Kaplan et al.",
                   .quantity = "N",
                   .kind = QuantityKind::kCount,
                   .ours = size(kFlops),
                   .basis = "1.3e9 C^.73, small batches"},
                  {.label = "approach 1",
                   .quantity = "N",
                   .kind = QuantityKind::kCount,
                   .ours = power_law_through(optima, 1).params(kFlops),
                   .printed = 2.86e9,
                   .basis = "the power law through Table 3"}};
  table.notes.emplace_back(
      "trained at 1e21 FLOP, the model of 2.80B won over that of 4.74B (App. "
      "D.4)");
  return table;
}

}  // namespace isoflop
