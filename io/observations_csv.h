// Observations from somebody's CSV and back.
//
// A ColumnMap says which column holds what; an empty entry is found by its usual names, case
// ignored
// ("params", "N", "Model Size"; "tokens", "D"; "flops", "C", "Training FLOP"; "loss", "L"; ...).
// Loss and parameters are needed. Of tokens and FLOPs one may be missing: under 6nd it follows from
// the other by C = 6 N D, which is said in the notes, N the row's active_params where it says them;
// other conventions depend on model shapes, so both columns are then needed. Without a column of
// FLOPs that of the convention is taken: flops_6nd, flops_exact. Budget, seed, the loss's standard
// error, a trial's label, its run and the further coordinates of core/observation.h are optional,
// and their cells may be empty.
//
// Cells are numbers with the suffixes of core/units.h ("2.8B"). Empty, text, NaN, numbers beyond a
// double, thousands separators and numbers that are not positive are Error(kUsage) "file:line:
// column: what": a fit must not lose rows silently.
#ifndef ISOFLOP_IO_OBSERVATIONS_CSV_H_
#define ISOFLOP_IO_OBSERVATIONS_CSV_H_

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/flops.h"
#include "core/observation.h"
#include "io/csv.h"

namespace isoflop {

// Column names; empty: recognise the usual ones.
struct ColumnMap {
  std::string params;
  std::string tokens;
  std::string flops;
  std::string loss;
  std::string loss_error;
  std::string budget;
  std::string seed;
  std::string trial;
  std::string run;
  std::map<std::string, std::string> extra;  // by names of kExtraCoordinates
  std::vector<std::string> more_losses;      // further loss columns, for a law each

  bool operator==(const ColumnMap&) const = default;
};

// "params=N,tokens=D,loss=L": our field on the left, their column on the right; "loss=c4,loss=pile"
// names two loss columns. Throws Error(kUsage) with a suggestion for a field that does not exist or
// is given twice.
ColumnMap parse_column_map(std::string_view text);

// A map for each loss column that `map` names, in their order; `map` itself when it names none.
std::vector<ColumnMap> one_loss_each(const ColumnMap& map);

struct ObservationTable {
  std::vector<Observation> observations;  // in the order of the file
  std::vector<std::string> notes;         // what was assumed, one sentence each
  ColumnMap columns;                      // as used; empty where there was none
};

// `only`: the rows to read, ascending; the others' cells are not looked at. Observation.row is the
// number in the whole table.
ObservationTable observations_from(const Table& table, const std::string& name,
                                   const ColumnMap& map = {},
                                   FlopConvention convention = FlopConvention::k6nd,
                                   const std::optional<std::vector<std::size_t>>& only = {});
ObservationTable read_observations(const std::string& path, const ColumnMap& map = {},
                                   FlopConvention convention = FlopConvention::k6nd);

// The usual short names for what the table holds, whatever its own column names: N, D, C, L,
// params, tokens, flops, loss, each with a cell a row; for conditions (db/row_filter.h). Names of
// the table's own columns are left out, and D or C that follows from the others under 6 N D is
// filled in.
std::vector<std::pair<std::string, std::vector<std::string>>> alias_cells(
    const Table& table, const std::string& name, const ColumnMap& map = {},
    FlopConvention convention = FlopConvention::k6nd);

// All fields at full precision, columns named as in ColumnMap; run and further coordinates
// only where a row has them. observations_from reads it back.
std::string observations_csv(std::span<const Observation> observations);

}  // namespace isoflop

#endif  // ISOFLOP_IO_OBSERVATIONS_CSV_H_
