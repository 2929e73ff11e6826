// How far the law would move on other data: refits on resampled data, each warm-started.
//
//   row       rows drawn with replacement: assumes nothing about the noise, but tears holes into a
//             small planned grid
//   budget    whole IsoFLOP budgets drawn with replacement: for errors shared within a budget
//   residual  the design stays; each ln L becomes the fitted one plus a residual drawn from all
//             residuals, centred and multiplied by sqrt(n / (n - 5)) for the five fitted parameters
//
// A resample that cannot identify the law (too few distinct N or D, or budgets) is drawn again.
// Deterministic: draw k depends on the seed and k only, whatever the threads.
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

enum class BootstrapKind { kAuto, kRow, kBudget, kResidual };

struct BootstrapOptions {
  BootstrapKind kind = BootstrapKind::kAuto;  // kAuto: residual below 100 rows, row from there on
  int draws = 1000;
  std::uint64_t seed = 0;
  int threads = 0;            // 0: as many as there are cores
  double huber_delta = 1e-3;  // as in the fit
};

struct Bootstrap {
  std::vector<LawParameters> draws;
  BootstrapKind kind = BootstrapKind::kAuto;  // what was done, never kAuto after a run
  std::string method;                         // "residual bootstrap"
  int redrawn = 0;                            // resamples that could not identify the law
  int not_converged = 0;                      // refits that stopped early; they stay in
};

// "auto", "row", "budget", "residual". parse throws Error(kUsage) listing the names.
std::string_view name_of(BootstrapKind kind);
BootstrapKind parse_bootstrap_kind(std::string_view name);

// Throws Error(kRefused, "no_budgets") when budgets are to be drawn and there are fewer than 3.
Bootstrap bootstrap(std::span<const Observation> observations, const ParametricFit& fit,
                    const BootstrapOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_BOOTSTRAP_H_
