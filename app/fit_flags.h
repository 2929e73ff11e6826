// Flags that every verb with a fit in it has.
#ifndef ISOFLOP_APP_FIT_FLAGS_H_
#define ISOFLOP_APP_FIT_FLAGS_H_

#include <cstdint>
#include <string>

#include "fit/fit_law.h"

namespace CLI {
class App;
}

namespace isoflop {

struct FitFlags {
  int draws = 1000;
  std::uint64_t seed = 0;
  double level = 0.9;
  std::string bootstrap;  // empty: the default of FitOptions
  std::string starts = "screened";

  // Throws Error(kUsage) naming the flag.
  FitOptions options() const;
};

void add_fit_flags(CLI::App* command, FitFlags& flags);

}  // namespace isoflop

#endif  // ISOFLOP_APP_FIT_FLAGS_H_
