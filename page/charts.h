// The figures of a report, from data to core plain figures: one function a figure, one file a
// group. Every figure is always there: where the data cannot give it, `why_empty` says why and
// what to run.
//
// Large inputs are thinned so that a page stays light: at most kMostPoints points a figure carry a
// mark, at most kMostCurves curves a line; what was left out is said in the caption.
#ifndef ISOFLOP_PAGE_CHARTS_H_
#define ISOFLOP_PAGE_CHARTS_H_

#include <cstddef>
#include <vector>

#include "figure/figure.h"
#include "page/report_data.h"

namespace isoflop {

inline constexpr std::size_t kMostPoints = 1500;
inline constexpr std::size_t kMostCurves = 60;

Figure answer_chart(const ReportData& data);      // "answer": L over N at the budget, the band
Figure isoflop_chart(const ReportData& data);     // "isoflop": profiles and their minima
Figure curves_chart(const ReportData& data);      // "curves": training curves, envelope
Figure contour_chart(const ReportData& data);     // "contours": L(N, D), frontier, large models
Figure allocation_chart(const ReportData& data);  // "allocation": N*, D* against C, approaches
Figure iso_loss_chart(const ReportData& data);    // "iso_loss": what each size needs for a loss
Figure residual_chart(const ReportData& data);    // "residuals": against N, D, C
Figure influence_chart(const ReportData& data);   // "influence": N* as rows leave
Figure profile_chart(const ReportData& data);     // "profiles": likelihood of each parameter
Figure backtest_chart(const ReportData& data);    // "backtest": hidden runs and predictions
Figure cost_chart(const ReportData& data);        // "costs": FLOP and hours by size and state
Figure gopher_chart(const ReportData& data);      // "gopher": Chinchilla against Gopher
Figure health_chart(const ReportData& data);      // "health": trials by state; rates by size

// All of them, in the order of the page.
std::vector<Figure> report_figures(const ReportData& data);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_CHARTS_H_
