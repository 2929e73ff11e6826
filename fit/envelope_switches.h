// Where one size takes over from the next along the envelope, and the lines through these points.
#ifndef ISOFLOP_FIT_ENVELOPE_SWITCHES_H_
#define ISOFLOP_FIT_ENVELOPE_SWITCHES_H_

#include <optional>
#include <vector>

#include "core/power_law.h"
#include "fit/envelope_lines.h"

namespace isoflop {

// The size that is lowest at each point of the grid.
struct EnvelopeWinners {
  std::vector<double> sizes;         // N on the envelope, ascending
  std::vector<double> log_cost;      // of each, mean over its lines
  std::vector<int> size_at;          // index into sizes by grid point; -1: no line there
  std::vector<std::size_t> line_at;  // index into the lines, where there is one
};

struct EnvelopeSwitch {
  std::size_t below = 0;  // index into sizes of the smaller one
  double log_flops = 0;
  double log_params = 0;
  double log_tokens = 0;
};

struct EnvelopeLaw {
  PowerLaw params;
  PowerLaw tokens;
};

// `lines` are curves.lines() of some runs.
EnvelopeWinners winners_of(const EnvelopeCurves& curves, const std::vector<EnvelopeLine>& lines);

// Between neighbours on the envelope that both have a line there.
std::vector<EnvelopeSwitch> switches_of(const std::vector<double>& grid,
                                        const std::vector<EnvelopeLine>& lines,
                                        const EnvelopeWinners& winners);

// Empty with fewer than 2 switches, or where C does not rise from one to the next.
std::optional<EnvelopeLaw> law_of_switches(const std::vector<EnvelopeSwitch>& switches);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ENVELOPE_SWITCHES_H_
