// Observations from somebody's CSV and back.
//
// A ColumnMap says which column holds what; an empty entry is found by its usual names, case
// ignored
// ("params", "N", "Model Size"; "tokens", "D"; "flops", "C", "Training FLOP"; "loss", "L"; ...).
// Loss and parameters are needed. Of tokens and FLOPs one may be missing: under 6nd it follows from
// the other by C = 6 N D, which is said in the notes; other conventions depend on model shapes, so
// both columns are then needed. Budget, seed, the loss's standard error and a trial's label are
// optional, and their cells may be empty.
//
// Cells are numbers with the suffixes of core/units.h ("2.8B"). Empty, text, NaN and numbers that
// are not positive are Error(kUsage) "file:line: column: what": a fit must not lose rows silently.
#ifndef ISOFLOP_IO_OBSERVATIONS_CSV_H_
#define ISOFLOP_IO_OBSERVATIONS_CSV_H_

#include <span>
#include <string>
#include <string_view>
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

  bool operator==(const ColumnMap&) const = default;
};

// "params=N,tokens=D,loss=L": our field on the left, their column on the right. Throws
// Error(kUsage) with a suggestion for a field that does not exist or is given twice.
ColumnMap parse_column_map(std::string_view text);

struct ObservationTable {
  std::vector<Observation> observations;  // in the order of the file
  std::vector<std::string> notes;         // what was assumed, one sentence each
  ColumnMap columns;                      // as used; empty where there was none
};

ObservationTable observations_from(const Table& table, const std::string& name,
                                   const ColumnMap& map = {},
                                   FlopConvention convention = FlopConvention::k6nd);
ObservationTable read_observations(const std::string& path, const ColumnMap& map = {},
                                   FlopConvention convention = FlopConvention::k6nd);

// All fields at full precision, columns named as in ColumnMap; observations_from reads it back.
std::string observations_csv(std::span<const Observation> observations);

}  // namespace isoflop

#endif  // ISOFLOP_IO_OBSERVATIONS_CSV_H_
