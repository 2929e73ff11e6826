#include "tests/fuzz/fuzz_targets.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "core/error.h"
#include "imports/import_runs.h"
#include "io/attempt_file.h"
#include "io/csv.h"
#include "io/grid_toml.h"
#include "io/observations_csv.h"

namespace isoflop {
namespace {

constexpr std::string_view kImport = "import-";

void promise(bool kept, const std::string& what) {
  if (!kept) throw std::logic_error("a promise is broken: " + what);
}

bool is_positive(double value) { return std::isfinite(value) && value > 0; }

void check_points(const std::vector<ImportedPoint>& points) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    promise(i == 0 || points[i - 1].step < points[i].step, "steps ascend");
    promise(points[i].tokens >= 0, "tokens are not negative");
  }
}

// What core/imported_run.h says of runs.
void check_import(const RunImport& read) {
  std::set<std::string> names;
  for (const ImportedRun& run : read.runs) {
    const Observation& o = run.observation;
    promise(!run.source_id.empty() && names.insert(run.source_id).second,
            "every run has a name of its own: " + run.source_id);
    promise(is_positive(o.params) && is_positive(o.tokens) && is_positive(o.flops), "N, D, C");
    promise(is_positive(o.loss) && o.loss_error >= 0, "losses are positive");
    promise(nlohmann::json::parse(run.provenance).is_object(), "provenance is a JSON object");
    check_points(run.points);
  }
}

// With nothing given, and with all that a flag can give.
void read_import(std::string_view bytes, const std::string& format) {
  const ImportOptions none{.format = format};
  const ImportOptions all{.format = format,
                          .convention_named = true,
                          .params = 1e8,
                          .batch_tokens = 524288,
                          .context = 1024,
                          .label = "fuzzed"};
  for (const ImportOptions& options : {none, all}) {
    try {
      check_import(import_bytes({.path = "fuzz/input", .bytes = bytes}, options));
    } catch (const Error&) {
    }
  }
}

void read_grid_text(std::string_view bytes) {
  try {
    const GridSpec grid = parse_grid(bytes, "grid.toml");
    promise(parse_grid(grid_toml(grid), "written.toml") == grid, "a grid reads back");
  } catch (const Error&) {
  }
}

void read_csv_text(std::string_view bytes) {
  for (const char separator : {',', separator_of(bytes)}) {
    try {
      const Table table = parse_separated(bytes, "runs.csv", separator);
      for (const auto& row : table.rows) promise(row.size() == table.columns.size(), "row lengths");
      if (separator != ',') continue;
      const Table again = parse_csv(csv_text(table), "again.csv");
      promise(again.rows == table.rows && again.columns == table.columns, "a table reads back");
      observations_from(table, "runs.csv");
    } catch (const Error&) {
    }
  }
}

}  // namespace

std::vector<std::string> fuzz_target_names() {
  std::vector<std::string> names = {"grid-toml", "attempt-file", "csv", "import"};
  for (const ImportFormat& format : import_formats()) {
    names.push_back(std::string(kImport) + std::string(format.name));
  }
  return names;
}

void run_fuzz_target(const std::string& target, std::string_view bytes) {
  if (target == "grid-toml") return read_grid_text(bytes);
  if (target == "csv") return read_csv_text(bytes);
  if (target == "import") return read_import(bytes, "");
  if (target == "attempt-file") {
    read_attempt_text(bytes, "0123456789abcdef.20260101T000000.0123abcd.jsonl");
    return;
  }
  for (const ImportFormat& format : import_formats()) {
    if (target != std::string(kImport) + std::string(format.name)) continue;
    format.recognises({.path = "fuzz/input", .bytes = bytes});
    return read_import(bytes, std::string(format.name));
  }
  throw std::logic_error("there is no target " + target);
}

}  // namespace isoflop
