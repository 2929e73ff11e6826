// The points of a run's log while it is read, and what they become: one a step, with tokens and
// time.
#ifndef ISOFLOP_IMPORTS_RUN_CURVE_H_
#define ISOFLOP_IMPORTS_RUN_CURVE_H_

#include <cstdint>
#include <vector>

#include "core/imported_run.h"

namespace isoflop {

// Points in the order of the log. Values may be NaN here: a later NaN replaces a number.
class RunCurve {
 public:
  // The point that a line about this step adds to.
  ImportedPoint& at(std::int64_t step);
  void add(const ImportedPoint& point) { points_.push_back(point); }
  // One point a step, ascending: of what was said twice the later counts.
  std::vector<ImportedPoint> take();
  // Steps that were said again after later ones: a restart. Known after take().
  std::int64_t repeated() const { return repeated_; }
  bool empty() const { return points_.empty(); }

 private:
  std::vector<ImportedPoint> points_;
  std::int64_t repeated_ = 0;
};

// Tokens of points that do not say them, in proportion to the steps between those that do; before
// the first from zero, after the last as between the two before it.
void fill_tokens(std::vector<ImportedPoint>& points);
void set_tokens(std::vector<ImportedPoint>& points, double batch_tokens);
bool has_tokens(const std::vector<ImportedPoint>& points);

// From seconds of the one step that a line tells of to seconds since the run began, as if all steps
// since the line before had taken as long.
void sum_seconds(std::vector<ImportedPoint>& points);

// A curve that is kept has only numbers: NaN and infinite ones become absent.
void remove_non_finite(std::vector<ImportedPoint>& points);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_RUN_CURVE_H_
