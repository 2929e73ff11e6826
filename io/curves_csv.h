// Training curves from somebody's CSV and back, a row a point.
//
// Columns are found by their usual names, case ignored, or by the map ("run=name,loss=c4"):
//   run       which training run; its rows need not be together
//   params    N ("params", "N", ...), the same in all rows of a run
//   tokens    D seen so far ("tokens", "D", ...), each once in a run
//   loss      nats per token
//   flops     optional, C so far; its ratio to D is the run's FLOPs per token. Absent: 6 N
//   horizon   optional, tokens for which the schedule is planned, the same in all rows of a run.
//             Absent or empty: the run's last point
//   schedule  optional: cosine, cooldown, constant; absent or empty: unknown
//
// Points are sorted by tokens, runs keep the order of their first rows. Points at 0 tokens are left
// out, with a note: they have no place on a logarithmic axis.
//
// Errors: Error(kUsage) "file:line: column: what" for a cell that is empty, text, NaN or not
// positive, a run whose N, horizon, schedule or FLOPs per token differs from its first row's (FLOPs
// by more than 1 %), or tokens given twice.
#ifndef ISOFLOP_IO_CURVES_CSV_H_
#define ISOFLOP_IO_CURVES_CSV_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/training_curve.h"
#include "io/csv.h"

namespace isoflop {

// Column names; empty: recognise the usual ones.
struct CurveColumns {
  std::string run;
  std::string params;
  std::string tokens;
  std::string loss;
  std::string flops;
  std::string horizon;
  std::string schedule;

  bool operator==(const CurveColumns&) const = default;
};

// "run=name,loss=c4": our field on the left. Throws Error(kUsage) with a suggestion.
CurveColumns parse_curve_columns(std::string_view text);

struct CurveTable {
  std::vector<TrainingCurve> curves;
  std::vector<std::string> notes;  // what was assumed, one sentence each
};

CurveTable curves_from(const Table& table, const std::string& name,
                       const CurveColumns& columns = {});
CurveTable read_curves(const std::string& path, const CurveColumns& columns = {});

// All fields at full precision; curves_from reads it back.
std::string curves_csv(std::span<const TrainingCurve> curves);

}  // namespace isoflop

#endif  // ISOFLOP_IO_CURVES_CSV_H_
