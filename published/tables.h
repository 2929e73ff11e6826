// Published tables, as facts with their citation: Hoffmann et al. 2022 (arXiv:2203.15556), the
// large models that it and later papers name, and the constants of Kaplan et al. 2020.
//
// The CSV files of this folder are built into the library (embed.cmake) and parsed when first asked
// for. They hold what was printed and nothing derived; the column `misprint` names what is known to
// be wrong, and `isoflop reproduce` finds it again by recomputing.
//
// Threads: safe; the tables are made once and never change. Errors: Error(kFailed) naming file,
// line and column when a built-in table is not well-formed, which a test rules out.
#ifndef ISOFLOP_PUBLISHED_TABLES_H_
#define ISOFLOP_PUBLISHED_TABLES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/published_rows.h"

namespace isoflop {

std::span<const LargeModel> large_models();
std::span<const ModelShape> model_shapes();         // Table A9, 44M to 16.2B
std::span<const ModelShape> known_architectures();  // Table 4; labels are names of large_models()
std::span<const ExponentRow> exponent_table();      // Table 2
std::span<const OptimalRow> optimal_table();        // Tables 3 and A3
std::span<const DatasetRow> dataset_table();        // Table A2
std::span<const FlopRatioRow> flop_ratio_table();   // Table A4
std::span<const TaskRow> task_table();              // Tables A5 to A7
std::span<const SuiteRow> suite_table();            // what the text says of them
std::span<const StatementRow> statement_table();
std::span<const ConstantRow> kaplan_constants();

// By name, ignoring case and everything but letters and digits; the beginning of a name is enough
// where it is that of one model only ("llama"). Throws Error(kUsage) listing the names.
const LargeModel& large_model(std::string_view name);

// Of the large model of that name; nullptr where no architecture was published in Table 4.
const ModelShape* architecture_of(std::string_view name);

// Throws Error(kFailed) for a law or constant that is not in the table.
double kaplan_constant(std::string_view law, std::string_view constant);

// The text of a built-in table, e.g. "table3.csv"; for tests.
std::string_view published_csv(std::string_view file);

}  // namespace isoflop

#endif  // ISOFLOP_PUBLISHED_TABLES_H_
