// How far the law would move on other data: refits on resampled data, each warm-started.
//
//   row       points drawn with replacement; rows of the same N and D (replicates, other seeds) are
//             one point and are drawn together: what they share is not averaged away by repeating
//             it
//   run       whole training runs drawn with replacement (Observation::run): for several points of
//             one run, which share its seed. Every row a run of its own: as row, with a warning
//   budget    whole IsoFLOP budgets drawn with replacement: for errors shared within a budget; too
//             narrow with few budgets (docs/uncertainty.md)
//   residual  the design stays; each ln L becomes the fitted one plus a residual drawn from all,
//             centred and multiplied by n / (n - 5). An L1-like fit passes through five points, so
//             the factor is larger than the square root that least squares would take. Noise must
//             be alike everywhere
//   wild      the design stays, and so does each residual's size, times the same factor; its sign
//             is drawn, one for all rows of a run or point. For noise that differs from place to
//             place. Signs (Rademacher), not Mammen's two points: those have mean 0 but median
//             -0.62, and a fit close to L1 follows the median (Feng, He and Hu 2011)
//
// A resample that cannot identify the law (fewer than 5 distinct points, 3 sizes or 3 token counts,
// or a single budget or run) is drawn again. Deterministic: draw k depends on the seed and k only,
// whatever the threads.
#ifndef ISOFLOP_FIT_BOOTSTRAP_H_
#define ISOFLOP_FIT_BOOTSTRAP_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/law_fit.h"
#include "core/observation.h"
#include "fit/parametric_fit.h"

namespace isoflop {

enum class BootstrapKind { kRow, kRun, kBudget, kResidual, kWild };

struct BootstrapOptions {
  BootstrapKind kind = BootstrapKind::kRow;
  int draws = 1000;
  std::uint64_t seed = 0;
  int threads = 0;            // 0: as many as there are cores
  double huber_delta = 1e-3;  // as in the fit
};

struct Bootstrap {
  std::vector<LawParameters> draws;
  BootstrapKind kind = BootstrapKind::kRow;  // what was drawn: kRow where kRun found no runs
  std::string method;                        // "residual bootstrap"
  int units = 0;                             // points, runs or budgets that were drawn from
  int redrawn = 0;                           // resamples that could not identify the law
  int not_converged = 0;                     // refits that stopped early; they stay in
  std::vector<Warning> warnings;             // no_runs
};

// "row", "run", "budget", "residual", "wild". parse throws Error(kUsage) listing the names.
std::string_view name_of(BootstrapKind kind);
BootstrapKind parse_bootstrap_kind(std::string_view name);

// Throws Error(kRefused): "no_budgets" when budgets are to be drawn and there are fewer than 3,
// "no_runs" when there are runs but fewer than 3, "cannot_resample" when 1,000 resamples in a row
// do not identify the law.
Bootstrap bootstrap(std::span<const Observation> observations, const ParametricFit& fit,
                    const BootstrapOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_BOOTSTRAP_H_
