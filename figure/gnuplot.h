// gnuplot, run as a process: a script in, what it drew out. Nothing of the user's (~/.gnuplot,
// GNUTERM, GNUPLOT_LIB, locale) has a say in it.
#ifndef ISOFLOP_FIGURE_GNUPLOT_H_
#define ISOFLOP_FIGURE_GNUPLOT_H_

#include <string>

namespace isoflop {

// What gnuplot wrote to stdout. It is killed after `seconds`. Throws Error(kFailed) when it is not
// installed, fails, or takes too long. Threads: safe.
std::string run_gnuplot(const std::string& script, double seconds = 30);

// "5.4 patchlevel 4", or empty when gnuplot is not in PATH.
std::string gnuplot_version();

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_GNUPLOT_H_
