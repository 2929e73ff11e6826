#include "published/tables.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"
#include "published/row_reader.h"

namespace isoflop {
namespace {

LargeModel read_large_model(const RowReader& row) {
  return {.name = row.text("name"),
          .params = row.number("params"),
          .tokens = row.number("tokens"),
          .total_params = row.maybe("total_params"),
          .flops = row.maybe("flops"),
          .flops_source = row.text("flops_source"),
          .note = row.text("note"),
          .misprint = row.text("misprint"),
          .source = row.text("source")};
}

ModelShape read_shape(const RowReader& row, std::string label, double params) {
  return {.label = std::move(label),
          .printed_params = params,
          .layers = row.whole("layers"),
          .width = row.whole("width"),
          .heads = row.whole("heads"),
          .head_size = row.whole("head_size"),
          .hidden = row.whole("hidden"),
          .source = row.text("source")};
}

ModelShape read_table_a9(const RowReader& row) {
  return read_shape(row, row.text("params_millions") + "M", 1e6 * row.number("params_millions"));
}

ModelShape read_architecture(const RowReader& row) {
  return read_shape(row, row.text("model"), row.number("params"));
}

FlopRatioRow read_flop_ratio(const RowReader& row) {
  return {.shape = read_shape(row, row.text("label") + "M", 1e6 * row.number("label")),
          .ratio = row.number("ratio")};
}

ExponentRow read_exponents(const RowReader& row) {
  return {.approach = row.text("approach"),
          .label = row.text("label"),
          .a = row.number("a"),
          .a_low = row.maybe("a_low"),
          .a_high = row.maybe("a_high"),
          .b = row.number("b"),
          .b_low = row.maybe("b_low"),
          .b_high = row.maybe("b_high"),
          .misprint = row.text("misprint"),
          .source = row.text("source")};
}

OptimalRow read_optimal(const RowReader& row) {
  return {.approach = static_cast<int>(row.whole("approach")),
          .label = row.text("label"),
          .params = row.number("params"),
          .flops = row.number("flops"),
          .gopher_units = row.text("gopher_units"),
          .tokens = row.number("tokens"),
          .misprint = row.text("misprint"),
          .source = row.text("source")};
}

DatasetRow read_dataset(const RowReader& row) {
  return {.dataset = row.text("dataset"),
          .approach = static_cast<int>(row.whole("approach")),
          .a = row.number("a"),
          .b = row.number("b"),
          .params = row.number("params"),
          .tokens = row.maybe("tokens"),
          .source = row.text("source")};
}

TaskRow read_task(const RowReader& row) {
  return {.suite = row.text("suite"),
          .task = row.text("task"),
          .chinchilla = row.number("chinchilla"),
          .gopher = row.number("gopher"),
          .metric = row.text("metric"),
          .source = row.text("source")};
}

SuiteRow read_suite(const RowReader& row) {
  return {.suite = row.text("suite"),
          .better = static_cast<int>(row.whole("better")),
          .equal = static_cast<int>(row.whole("equal")),
          .worse = static_cast<int>(row.whole("worse")),
          .chinchilla = row.maybe("chinchilla"),
          .gopher = row.maybe("gopher"),
          .source = row.text("source")};
}

StatementRow read_statement(const RowReader& row) {
  return {.what = row.text("what"),
          .where = row.text("where"),
          .value = row.number("value"),
          .elsewhere = row.text("elsewhere"),
          .other_value = row.number("other_value"),
          .source = row.text("source")};
}

ConstantRow read_constant(const RowReader& row) {
  return {.law = row.text("law"),
          .constant = row.text("constant"),
          .value = row.number("value"),
          .units = row.text("units"),
          .source = row.text("source")};
}

// "MT-NLG 530B" and "mtnlg530b" are one name.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const unsigned char c : name) {
    if (std::isalnum(c)) plain += static_cast<char>(std::tolower(c));
  }
  return plain;
}

}  // namespace

std::span<const LargeModel> large_models() {
  static const auto rows = rows_of("large_models.csv", read_large_model);
  return rows;
}

std::span<const ModelShape> model_shapes() {
  static const auto rows = rows_of("tableA9.csv", read_table_a9);
  return rows;
}

std::span<const ModelShape> known_architectures() {
  static const auto rows = rows_of("architectures.csv", read_architecture);
  return rows;
}

std::span<const ExponentRow> exponent_table() {
  static const auto rows = rows_of("table2.csv", read_exponents);
  return rows;
}

std::span<const OptimalRow> optimal_table() {
  static const auto rows = rows_of("table3.csv", read_optimal);
  return rows;
}

std::span<const DatasetRow> dataset_table() {
  static const auto rows = rows_of("tableA2.csv", read_dataset);
  return rows;
}

std::span<const FlopRatioRow> flop_ratio_table() {
  static const auto rows = rows_of("tableA4.csv", read_flop_ratio);
  return rows;
}

std::span<const TaskRow> task_table() {
  static const auto rows = rows_of("tasks.csv", read_task);
  return rows;
}

std::span<const SuiteRow> suite_table() {
  static const auto rows = rows_of("suites.csv", read_suite);
  return rows;
}

std::span<const StatementRow> statement_table() {
  static const auto rows = rows_of("statements.csv", read_statement);
  return rows;
}

std::span<const ConstantRow> kaplan_constants() {
  static const auto rows = rows_of("kaplan.csv", read_constant);
  return rows;
}

const LargeModel& large_model(std::string_view name) {
  const std::string wanted = plain_name(name);
  const LargeModel* found = nullptr;
  int beginnings = 0;
  std::string names;
  for (const LargeModel& model : large_models()) {
    const std::string known = plain_name(model.name);
    if (known == wanted) return model;
    if (!wanted.empty() && known.starts_with(wanted)) {
      found = &model;
      ++beginnings;
    }
    names += (names.empty() ? "" : ", ") + model.name;
  }
  if (beginnings == 1) return *found;
  throw usage_error(fmt::format(
      "model: \"{}\" {}; known are {}; any other is written N:D, e.g. 280B:300B", name,
      beginnings > 1 ? "is the beginning of several names" : "is no published model", names));
}

const ModelShape* architecture_of(std::string_view name) {
  for (const ModelShape& shape : known_architectures()) {
    if (plain_name(shape.label) == plain_name(name)) return &shape;
  }
  return nullptr;
}

double kaplan_constant(std::string_view law, std::string_view constant) {
  for (const ConstantRow& row : kaplan_constants()) {
    if (row.law == law && row.constant == constant) return row.value;
  }
  throw failure(fmt::format("kaplan.csv: {}: {}: no such constant", law, constant));
}

}  // namespace isoflop
