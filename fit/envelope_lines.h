// Loss against compute, a line for each run or size, on one grid of ln C: what the envelope is
// taken of.
#ifndef ISOFLOP_FIT_ENVELOPE_LINES_H_
#define ISOFLOP_FIT_ENVELOPE_LINES_H_

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/law_parameters.h"
#include "core/training_curve.h"

namespace isoflop {

struct EnvelopeLine {
  double params = 0;
  double log_cost = 0;  // ln of FLOPs per token
  std::string runs;
  // At the grid's points; infinite where the line has none. Shared: the subsets of a thousand draws
  // have the same ones.
  std::shared_ptr<const std::vector<double>> log_loss;
  std::size_t run = kNoRun;  // whose whole curve it is

  static constexpr std::size_t kNoRun = static_cast<std::size_t>(-1);
  double at(std::size_t point) const { return (*log_loss)[point]; }
};

// The curves that can be used, and where their lines lie.
class EnvelopeCurves {
 public:
  // `grid` values of C from the first to the last point that counts. Adds warnings about what is
  // left out. `grid()` is empty when nothing counts.
  EnvelopeCurves(std::span<const TrainingCurve> curves, int grid, double window,
                 std::vector<Warning>& warnings);

  const std::vector<double>& grid() const { return grid_; }  // ln C, ascending
  std::size_t size() const { return runs_.size(); }
  const TrainingCurve& run(std::size_t i) const { return *runs_[i]; }

  // Lines of the runs that are kept: one a run, or one a size for cooled-down ends.
  std::vector<EnvelopeLine> lines(const std::vector<bool>& kept) const;

  // The runs with the lowest whole curves at a point of the grid, ascending, at most kRanked: of
  // nearly any subset one of them is the lowest, so that nobody has to look at all runs again.
  static constexpr std::size_t kRanked = 40;
  const std::vector<std::size_t>& lowest(std::size_t point) const { return lowest_[point]; }

 private:
  void rank_lines();
  void set_grid(int points);
  EnvelopeLine line_of_ends(const std::vector<std::size_t>& members) const;

  std::vector<const TrainingCurve*> runs_;
  std::vector<std::vector<LossPoint>> points_;  // smoothed, or the cooled-down end alone
  std::vector<EnvelopeLine> whole_;             // by run; without losses for ends
  std::vector<double> grid_;
  std::vector<std::vector<std::size_t>> lowest_;  // by point of the grid
};

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ENVELOPE_LINES_H_
