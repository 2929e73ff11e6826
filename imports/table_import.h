// Tables to runs: a row is a run, or a point of one.
//
// What a format says of its tables is a TableSpec. A run's name (ImportedRun::source_id) is what
// does not change when rows are added, reordered or corrected: the cells of the columns that name
// it; where there are none its coordinates ("params=1e+09 tokens=2e+10 seed=1"), with " #2" for
// the second of the same coordinates.
//
// Rows that share a name are one run's curve, in formats that have curves, where a column of steps,
// or else of tokens, orders them: the last is the observation, and of rows of the same step the
// later in the file counts. Rows of one name that nothing orders are an error that names both
// lines.
//
// A missing one of N, D and C follows from the others by C = 6 N D where the options name that
// convention or the format has it as its own; other conventions depend on shapes.
#ifndef ISOFLOP_IMPORTS_TABLE_IMPORT_H_
#define ISOFLOP_IMPORTS_TABLE_IMPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "imports/import_runs.h"
#include "imports/source_table.h"
#include "imports/table_fields.h"

namespace isoflop {

struct TableSpec {
  ColumnMap map;                      // the format's columns; --map goes before it
  bool usual_names = false;           // fields of neither are found by usual names
  std::optional<FlopConvention> own;  // by which a missing N, D or C follows unasked
  std::string loss_unit;              // empty: by the loss column's name
  std::vector<std::string> id;        // columns that name a run; also its label
  bool has_curves = false;            // rows of one name are points of one run
  std::string step;                   // what orders them; empty: by its usual name, or tokens
  bool drops_without_loss = false;    // rows whose loss is empty or not finite are left out

  // The reason why a row, or a run by its last row, is left out; "": it is not.
  std::string (*why_dropped)(const SourceTable& source, std::size_t row) = nullptr;
  std::string (*why_run_dropped)(const SourceTable& source, std::size_t last_row) = nullptr;
  // What else the format knows of a row; not its N, D, C and loss.
  void (*finish)(const SourceTable& source, std::size_t row, ImportedRun& run) = nullptr;
  std::vector<std::string> notes;
};

RunImport import_table(const SourceTable& source, const TableSpec& spec,
                       const ImportOptions& options);

// The same from the file's bytes.
RunImport import_table(const ImportSource& source, const TableSpec& spec,
                       const ImportOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_TABLE_IMPORT_H_
