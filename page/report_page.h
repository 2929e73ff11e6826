// The report as one HTML file: no script, no network, light and dark, for paper and phones.
#ifndef ISOFLOP_PAGE_REPORT_PAGE_H_
#define ISOFLOP_PAGE_REPORT_PAGE_H_

#include <string>
#include <vector>

#include "figure/figure.h"
#include "page/report_data.h"

namespace isoflop {

// A figure with its drawing (figure/draw.h's inline SVG; empty for an empty figure) and its CSV.
struct DrawnFigure {
  Figure figure;
  std::string svg;
  std::string csv;
};

struct PageOptions {
  // A script that asks the server for a newer page (the live page); empty: a file's page has none.
  bool live = false;
};

std::string report_html(const ReportData& data, const std::vector<DrawnFigure>& figures,
                        const PageOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_REPORT_PAGE_H_
