// From a store or a table to all that a report shows: runs, curves, the law with every diagnosis,
// the plan, the sweep's state.
//
// A law that is refused (too few runs, an unfinished sweep) is no error here: what can be shown is
// shown, and the refusal stands where the answer would. The store is only read.
#ifndef ISOFLOP_APP_REPORT_DATA_H_
#define ISOFLOP_APP_REPORT_DATA_H_

#include <optional>
#include <string>
#include <vector>

#include "app/fit_input.h"
#include "fit/fit_law.h"
#include "page/report_data.h"
#include "page/report_page.h"

namespace isoflop {

struct ReportQuestion {
  FitInputFlags input;   // a store or a table; neither: the fit alone
  FitOptions fit;        // draws, level, ...; what a report needs besides is added
  std::string fit_file;  // this fit as it is, instead of fitting
  std::optional<double>
      flops;            // budget of the answer; absent: the grid's, or 100 times the largest
  std::string command;  // for the page
};

// Throws Error(kUsage) for flags that contradict each other and for rows that cannot be read, and
// what the store throws.
ReportData gather_report(const ReportQuestion& question);

// Every figure with its drawing and its CSV. Throws what figure/draw.h does.
std::vector<DrawnFigure> draw_figures(const ReportData& data);

}  // namespace isoflop

#endif  // ISOFLOP_APP_REPORT_DATA_H_
