// The tables of Hoffmann et al. 2022 recomputed beside what was printed, and the contradictions
// that this brings to light. Rows come from published/tables.h.
//
//   table2    exponents: approach 3's from its unrounded constants, all three's as implied by the
//   rows
//             of Tables 3 and A3 (slope of ln N over ln 6ND), a refit's where there is one
//   table3    approach 1's C by 6 N D, in units of Gopher's, and D by the power law through its
//   rows tableA2   the other data sets' projections by 6 N D tableA3   approaches 2 and 3: C by 6 N
//   D; approach 3's C and D from its constants, N* inverted:
//             C = 6 (N / G)^(1 / a), D = C / 6N
//   tableA4   FLOPs of App. F over 6 N D, in three forms (core/hoffmann_shape.h)
//   tableA9   parameters of the 50 shapes
//   kaplan    N at 1e21 FLOP by Kaplan et al. 2020, N = 1.3e9 (C_min / PF-day)^0.73. The
//   printed 4.68B
//             comes out with C_min = C / 2, which is training at the critical batch size; and by
//             approach 1, from the rows of Table 3
//
// A finding is made by a check, never by name: a printed C more than 2 % off 6 N D, a value outside
// its own interval, a number that is stated twice differently, a headline that is not its tasks'
// mean.
#ifndef ISOFLOP_PLAN_REPRODUCE_H_
#define ISOFLOP_PLAN_REPRODUCE_H_

#include <span>
#include <string>

#include "core/law_fit.h"
#include "core/reproduction.h"

namespace isoflop {

// A fit of the extracted points, where the reader has them.
struct Refit {
  std::string name;
  LawFit fit;
};

ReproducedTable reproduce_table2(std::span<const ExponentRow> exponents,
                                 std::span<const OptimalRow> optima, const Refit* refit);
ReproducedTable reproduce_table3(std::span<const OptimalRow> optima);
ReproducedTable reproduce_table_a2(std::span<const DatasetRow> rows);
ReproducedTable reproduce_table_a3(std::span<const OptimalRow> optima, const Refit* refit);
ReproducedTable reproduce_table_a4(std::span<const FlopRatioRow> rows);
ReproducedTable reproduce_table_a9(std::span<const ModelShape> shapes);
// `coefficient` and `exponent` of N = coefficient (C_min / PF-day)^exponent.
ReproducedTable reproduce_kaplan(double coefficient, double exponent,
                                 std::span<const OptimalRow> optima);
// Numbers that the paper states twice, and models whose 6 N D is not their published count.
ReproducedTable reproduce_statements(std::span<const StatementRow> statements,
                                     std::span<const LargeModel> models);

SuiteOutcome judge_suite(const SuiteRow& printed, std::span<const TaskRow> tasks);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_REPRODUCE_H_
