#include "app/fit_flags.h"

#include <CLI/CLI.hpp>

#include "core/error.h"

namespace isoflop {

FitOptions FitFlags::options() const {
  if (draws != 0 && draws < 100) {
    throw usage_error("--draws: " + std::to_string(draws) +
                      " are too few for an interval: give at least 100, or 0 for no intervals");
  }
  if (!(level > 0 && level < 1)) throw usage_error("--level: give a probability such as 0.9");
  if (starts != "screened" && starts != "paper") {
    throw usage_error("--starts: \"" + starts + "\" is not known: use screened or paper");
  }
  FitOptions options{.starts = starts == "paper" ? Starts::kPaperGrid : Starts::kScreened,
                     .draws = draws,
                     .seed = seed,
                     .level = level};
  if (!bootstrap.empty()) options.bootstrap = parse_bootstrap_kind(bootstrap);
  return options;
}

void add_fit_flags(CLI::App* command, FitFlags& flags) {
  command->add_option("--draws", flags.draws,
                      "Bootstrap refits behind the intervals; default 1000");
  command->add_option("--fit-seed", flags.seed, "Seed of the bootstrap; default 0");
  command->add_option("--level", flags.level, "Of the intervals; default 0.9");
  command->add_option("--bootstrap", flags.bootstrap, "row, budget or residual; default row");
  command->add_option("--starts", flags.starts,
                      "screened (default), or paper: the 4,500 starts of Hoffmann et al.");
}

}  // namespace isoflop
