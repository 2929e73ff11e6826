// Flags that every verb with a fit in it has.
#ifndef ISOFLOP_APP_FIT_FLAGS_H_
#define ISOFLOP_APP_FIT_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

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
  std::string at;  // budget at which answers are compared; empty: 100 times the largest run

  // Throws Error(kUsage) naming the flag.
  FitOptions options() const;
};

void add_fit_flags(CLI::App* command, FitFlags& flags);

// What only `isoflop fit` has: which law, what is known of it, which approach, how much is looked
// into.
struct LawFlags {
  std::string law = "chinchilla";
  std::vector<std::string> fix;
  std::vector<std::string> prior;
  std::vector<std::string> bound;
  std::vector<std::string> tie;
  std::string delta;
  std::string approach = "3";
  bool profile = false;
  bool no_diagnostics = false;
  bool few_tokens = false;
  std::string hide;  // a budget or a share

  void set(FitOptions& options) const;
};

void add_law_flags(CLI::App* command, LawFlags& flags);

}  // namespace isoflop

#endif  // ISOFLOP_APP_FIT_FLAGS_H_
