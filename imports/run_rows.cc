#include "imports/run_rows.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

std::string two_lines(const RunRow& first, const RunRow& second) {
  return std::to_string(second.run.line) + ": run \"" + second.name +
         "\" is there already on line " + std::to_string(first.run.line);
}

void check_one_size(const std::vector<RunRow>& rows, const std::string& path) {
  for (const RunRow& row : rows) {
    if (row.run.observation.params == rows.front().run.observation.params) continue;
    throw usage_error(path + ":" + two_lines(rows.front(), row) +
                      " with another number of parameters: name a column that tells the runs "
                      "apart, e.g. --map trial=...");
  }
}

double order_of(const RunRow& row) { return row.step.value_or(row.run.observation.tokens); }

// Ascending; of rows of the same step the later in the file.
void put_in_order(std::vector<RunRow>& rows, const std::string& path) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const RunRow& a, const RunRow& b) { return order_of(a) < order_of(b); });
  std::vector<RunRow> kept;
  for (RunRow& row : rows) {
    if (!kept.empty() && order_of(kept.back()) == order_of(row)) {
      if (!row.step) {
        throw usage_error(path + ":" + two_lines(kept.back(), row) +
                          " with the same tokens: remove one, or name a column that tells the "
                          "runs apart, e.g. --map trial=...");
      }
      kept.pop_back();
    }
    kept.push_back(std::move(row));
  }
  rows = std::move(kept);
}

ImportedRun one_run(std::vector<RunRow> rows, const std::string& path) {
  const bool has_curve = rows.size() > 1;
  if (has_curve) {
    check_one_size(rows, path);
    put_in_order(rows, path);
  }
  ImportedRun out = rows.back().run;
  out.source_id = rows.back().name;
  out.line = rows.front().run.line;
  if (!has_curve) return out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out.line = std::min(out.line, rows[i].run.line);
    out.points.push_back(rows[i].point);
    if (!rows[i].step) out.points.back().step = static_cast<std::int64_t>(i);
  }
  return out;
}

// Gives the rows without a name that of their coordinates.
void name_by_coordinates(std::vector<RunRow>& rows) {
  std::map<std::string, int> seen;
  for (RunRow& row : rows) {
    if (!row.name.empty()) continue;
    row.name = coordinates_of(row.run.observation);
    const int count = ++seen[row.name];
    if (count > 1) row.name += " #" + std::to_string(count);
  }
}

}  // namespace

std::vector<ImportedRun> runs_of_rows(std::vector<RunRow> rows, bool has_curves,
                                      const std::string& path) {
  name_by_coordinates(rows);
  std::map<std::string, std::size_t> at;
  std::vector<std::vector<RunRow>> groups;
  for (RunRow& row : rows) {
    const auto [found, is_new] = at.emplace(row.name, groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(std::move(row));
  }
  std::vector<ImportedRun> out;
  for (std::vector<RunRow>& group : groups) {
    if (group.size() > 1 && !has_curves) {
      throw usage_error(path + ":" + two_lines(group[0], group[1]) +
                        ": remove one, or name a column that tells them apart, e.g. --map "
                        "trial=...");
    }
    out.push_back(one_run(std::move(group), path));
  }
  return out;
}

std::string coordinates_of(const Observation& o) {
  std::string out = "params=" + exact_number(o.params) + " tokens=" + exact_number(o.tokens);
  if (o.budget) out += " budget=" + exact_number(*o.budget);
  if (o.seed != 0) out += " seed=" + std::to_string(o.seed);
  for (const auto& [name, value] : o.extra) out += " " + name + "=" + exact_number(value);
  return out;
}

}  // namespace isoflop
