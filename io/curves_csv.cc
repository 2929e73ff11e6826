#include "io/curves_csv.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "core/closest_word.h"
#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

// FLOPs per token of one run may differ by rounding in the table, not by more.
constexpr double kSameCost = 0.01;

struct CurveField {
  const char* name;
  std::string CurveColumns::*column;
  std::vector<std::string_view> usual;  // lower case
  bool needed;
};

const std::vector<CurveField>& curve_fields() {
  static const std::vector<CurveField> all = {
      {"run", &CurveColumns::run, {"run", "run_id", "run_name", "name", "trial"}, true},
      {"params", &CurveColumns::params, {"params", "n", "parameters", "n_params"}, true},
      {"tokens", &CurveColumns::tokens, {"tokens", "d", "tokens_seen", "training_tokens"}, true},
      {"loss", &CurveColumns::loss, {"loss", "l", "val_loss", "heldout_loss"}, true},
      {"flops", &CurveColumns::flops, {"flops", "c", "compute", "flop"}, false},
      {"horizon", &CurveColumns::horizon, {"horizon", "planned_tokens"}, false},
      {"schedule", &CurveColumns::schedule, {"schedule"}, false}};
  return all;
}

std::string_view without_blanks(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string word_list(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::vector<std::string> curve_field_names() {
  std::vector<std::string> names;
  for (const CurveField& field : curve_fields()) names.emplace_back(field.name);
  return names;
}

const CurveField& curve_field_named(std::string_view name) {
  for (const CurveField& field : curve_fields()) {
    if (field.name == name) return field;
  }
  const std::string near = closest_word(name, curve_field_names());
  throw usage_error(
      "--map: \"" + std::string(name) + "\" is not a field of a curve" +
      (near.empty() ? ": give " + word_list(curve_field_names()) : ": did you mean " + near + "?"));
}

bool is_taken(const CurveColumns& columns, const std::string& column) {
  return std::any_of(curve_fields().begin(), curve_fields().end(),
                     [&](const CurveField& field) { return columns.*field.column == column; });
}

std::optional<size_t> curve_column(const Table& table, const std::string& file,
                                   const CurveField& field, const CurveColumns& columns) {
  const std::string& asked = columns.*field.column;
  std::vector<std::string> found;
  size_t index = 0;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const std::string column(without_blanks(table.columns[i]));
    const bool usual = std::count(field.usual.begin(), field.usual.end(), in_lower_case(column));
    if (asked.empty() ? usual && !is_taken(columns, column) : column == asked) {
      found.push_back(column);
      index = i;
    }
  }
  if (found.size() > 1) {
    throw usage_error(file + ":1: " + field.name + ": could be any of " + word_list(found) +
                      ": say which, e.g. --map " + field.name + "=" + found.front());
  }
  if (!found.empty()) return index;
  if (asked.empty() && !field.needed) return std::nullopt;
  if (asked.empty()) {
    throw usage_error(file + ":1: no column holds " + field.name + " (columns: " +
                      word_list(table.columns) + "): name it, e.g. --map " + field.name + "=NAME");
  }
  const std::string near = closest_word(asked, table.columns);
  throw usage_error(file + ":1: there is no column \"" + asked + "\"" +
                    (near.empty() ? "" : ": did you mean " + near + "?") +
                    " (columns: " + word_list(table.columns) + ")");
}

// One row's cells, with errors that name file, line and column.
class CurveRow {
 public:
  CurveRow(const Table& table, const std::string& file, size_t row)
      : table_(table), file_(file), row_(row) {}

  std::string_view text(size_t column) const { return without_blanks(table_.rows[row_][column]); }
  bool is_empty(std::optional<size_t> column) const { return !column || text(*column).empty(); }

  double not_negative(size_t column) const {
    if (text(column).empty()) fail(column, "is empty: fill it in or remove the row");
    const auto value = try_parse_quantity(text(column));
    if (!value || !std::isfinite(*value)) fail(column, "is not a finite number");
    if (*value < 0) fail(column, "must not be negative");
    return *value;
  }
  double positive(size_t column) const {
    const double value = not_negative(column);
    if (value == 0) fail(column, "must be above 0");
    return value;
  }
  [[noreturn]] void fail(size_t column, const std::string& what) const {
    throw usage_error(file_ + ":" + std::to_string(table_.line_of_row[row_]) + ": " +
                      table_.columns[column] + ": \"" + std::string(text(column)) + "\" " + what);
  }

 private:
  const Table& table_;
  const std::string& file_;
  size_t row_;
};

struct CurveIndex {
  size_t run = 0, params = 0, tokens = 0, loss = 0;
  std::optional<size_t> flops, horizon, schedule;
};

CurveIndex curve_index(const Table& table, const std::string& file, const CurveColumns& columns) {
  const auto find = [&](const char* name) {
    return curve_column(table, file, curve_field_named(name), columns);
  };
  return {.run = *find("run"),
          .params = *find("params"),
          .tokens = *find("tokens"),
          .loss = *find("loss"),
          .flops = find("flops"),
          .horizon = find("horizon"),
          .schedule = find("schedule")};
}

CurveSchedule schedule_in(const CurveRow& row, const CurveIndex& index) {
  if (row.is_empty(index.schedule)) return CurveSchedule::kUnknown;
  try {
    return parse_curve_schedule(row.text(*index.schedule));
  } catch (const Error&) {
    row.fail(*index.schedule, "is not a schedule: give cosine, cooldown or constant");
  }
}

TrainingCurve curve_begun_by(const CurveRow& row, const CurveIndex& index) {
  if (row.text(index.run).empty()) row.fail(index.run, "is empty: every point is of a run");
  TrainingCurve curve;
  curve.run = std::string(row.text(index.run));
  curve.params = row.positive(index.params);
  curve.schedule = schedule_in(row, index);
  if (!row.is_empty(index.horizon)) curve.planned_tokens = row.positive(*index.horizon);
  return curve;
}

void check_same_run(const CurveRow& row, const CurveIndex& index, const TrainingCurve& curve) {
  if (row.positive(index.params) != curve.params) {
    row.fail(index.params, "differs from the first row of run \"" + curve.run + "\"");
  }
  const double planned = row.is_empty(index.horizon) ? 0 : row.positive(*index.horizon);
  if (planned != curve.planned_tokens) {
    row.fail(*index.horizon, "differs from the first row of run \"" + curve.run + "\"");
  }
  if (schedule_in(row, index) != curve.schedule) {
    row.fail(*index.schedule, "differs from the first row of run \"" + curve.run + "\"");
  }
}

void take_cost(const CurveRow& row, const CurveIndex& index, double tokens, TrainingCurve& curve) {
  if (row.is_empty(index.flops)) return;
  const double cost = row.positive(*index.flops) / tokens;
  if (curve.flops_per_token == 0) curve.flops_per_token = cost;
  if (std::abs(cost / curve.flops_per_token - 1) > kSameCost) {
    row.fail(*index.flops, "is not the tokens times the FLOPs per token of run \"" + curve.run +
                               "\"'s first row: give training FLOPs so far");
  }
}

// Points by ascending tokens; two at the same tokens are an error in the row that came later.
void sort_points(const Table& table, const std::string& file, const CurveIndex& index,
                 std::vector<std::pair<LossPoint, size_t>>& points, TrainingCurve& curve) {
  std::stable_sort(points.begin(), points.end(),
                   [](const auto& a, const auto& b) { return a.first.tokens < b.first.tokens; });
  for (size_t i = 0; i < points.size(); ++i) {
    if (i > 0 && points[i].first.tokens == points[i - 1].first.tokens) {
      CurveRow(table, file, points[i].second)
          .fail(index.tokens, "is given twice for run \"" + curve.run + "\"");
    }
    curve.points.push_back(points[i].first);
  }
}

std::string number_or_nothing(double value) { return value == 0 ? "" : exact_number(value); }

}  // namespace

CurveColumns parse_curve_columns(std::string_view text) {
  CurveColumns columns;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = without_blanks(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals + 1 == pair.size()) {
      throw usage_error("--map: \"" + std::string(pair) +
                        "\" is not field=column: give e.g. params=N");
    }
    const CurveField& field = curve_field_named(without_blanks(pair.substr(0, equals)));
    std::string& column = columns.*field.column;
    if (!column.empty()) throw usage_error(std::string("--map: ") + field.name + " is given twice");
    column = std::string(without_blanks(pair.substr(equals + 1)));
  }
  return columns;
}

CurveTable curves_from(const Table& table, const std::string& name, const CurveColumns& columns) {
  const CurveIndex index = curve_index(table, name, columns);
  if (table.rows.empty()) throw usage_error(name + ": has columns but no rows");
  CurveTable out;
  std::map<std::string, size_t> place;
  std::vector<std::vector<std::pair<LossPoint, size_t>>> points;
  int at_start = 0;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const CurveRow row(table, name, i);
    const auto [found, is_new] = place.try_emplace(std::string(row.text(index.run)), place.size());
    if (is_new) out.curves.push_back(curve_begun_by(row, index)), points.emplace_back();
    TrainingCurve& curve = out.curves[found->second];
    check_same_run(row, index, curve);
    const LossPoint point{.tokens = row.not_negative(index.tokens),
                          .loss = row.positive(index.loss)};
    if (point.tokens == 0) {
      ++at_start;
      continue;
    }
    take_cost(row, index, point.tokens, curve);
    points[found->second].emplace_back(point, i);
  }
  for (size_t k = 0; k < points.size(); ++k) {
    sort_points(table, name, index, points[k], out.curves[k]);
  }
  if (at_start > 0) {
    out.notes.push_back(std::to_string(at_start) + " points at 0 tokens are left out");
  }
  if (!index.flops) out.notes.push_back("no FLOPs column: C = 6 N D, convention 6nd");
  if (!index.horizon) {
    out.notes.push_back("no horizon column: each run's schedule ends at its last point");
  }
  return out;
}

CurveTable read_curves(const std::string& path, const CurveColumns& columns) {
  return curves_from(read_csv(path), path, columns);
}

std::string curves_csv(std::span<const TrainingCurve> curves) {
  Table table{.columns = curve_field_names(), .rows = {}, .line_of_row = {}};
  for (const TrainingCurve& curve : curves) {
    for (const LossPoint& point : curve.points) {
      const bool counted = curve.flops_per_token > 0;
      table.rows.push_back(
          {curve.run, exact_number(curve.params), exact_number(point.tokens),
           exact_number(point.loss), counted ? exact_number(flops_at(curve, point.tokens)) : "",
           number_or_nothing(curve.planned_tokens),
           curve.schedule == CurveSchedule::kUnknown ? "" : std::string(name_of(curve.schedule))});
    }
  }
  return csv_text(table);
}

}  // namespace isoflop
