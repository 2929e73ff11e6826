// What the charts of page/charts.h share: axes, names of runs, thinning, the fitted law with its
// draws. For page/'s own sources.
//
// Pure functions. Whatever they return is finite: a draw that answers with infinity is brought to
// the edge of the axis.
#ifndef ISOFLOP_PAGE_CHART_PARTS_H_
#define ISOFLOP_PAGE_CHART_PARTS_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/envelope_fit.h"
#include "core/observation.h"
#include "figure/figure.h"
#include "page/report_data.h"
#include "plan/allocation.h"
#include "plan/loss_surface.h"

namespace isoflop {

// --- Axes, logarithmic; the unit of C is FLOP, that of a loss the report's.
Axis params_axis();
Axis tokens_axis();
Axis compute_axis();
Axis loss_axis(const ReportData& data);  // linear

// --- Words.
std::string level_name(double level);                              // "90 % interval"
std::string run_name(const std::string& trial, std::int64_t row);  // "12ab34", a label, "row 7"
// "12ab34: N 1.2M, D 30M, loss 3.210".
std::string run_hover(const Observation& run);
std::string plural(std::size_t count, const std::string& one, const std::string& several = "");
// "A, B and 3 more".
std::string listed(const std::vector<std::string>& names, std::size_t most);

// --- Ranges.
struct Span {
  double low = 0;
  double high = 0;
  bool valid() const { return high >= low && low > 0; }
  void take(double value);  // ignored unless positive and finite
  void take(const Interval& interval);
  Span widened(double factor) const { return {low / factor, high * factor}; }
  bool holds(double value) const { return value >= low && value <= high; }
  double clamp(double value) const;
};
std::vector<double> log_steps(double low, double high, std::size_t count);
// Ends of a linear axis around the values, with some air.
void fit_axis(Axis& axis, const std::vector<double>& values, double air = 0.06);

// Indices of at most `most` of `values`, ascending: evenly spaced ones, and both extremes.
std::vector<std::size_t> thinned(const std::vector<double>& values, std::size_t most);
// "1,500 of 10,000 runs are drawn. ", or nothing.
std::string thinned_words(std::size_t drawn, std::size_t all, const std::string& what);

// --- Figures.
Figure empty_figure(Figure figure, const std::string& why);
// Why there is no law to draw, with what to do; empty: there is one.
std::string why_no_law(const ReportData& data);
// What `draw` makes; an Error becomes why_empty.
Figure guarded(const Figure& shell, const std::function<Figure(Figure)>& draw);

// --- Series.
Series line_series(std::string name, int colour, std::vector<double> x, std::vector<double> y);
Series point_series(std::string name, int colour);
// A dashed copy beyond [low, high] and a solid one within, which keeps the name; either may be
// empty, and then is left out.
std::vector<Series> dashed_beyond(const Series& whole, double low, double high);

// --- The law.

// C of a run as the fit counts it, where the table does not say it.
double flops_of_run(const Observation& run, const LawFit& fit);

struct DrawnLaw {
  LossSurface law;
  std::vector<LossSurface> draws;  // at most `most_draws`, evenly taken
  std::size_t all_draws = 0;
  double level = 0.9;
  Spend spend;
};
// With the plan's settings where there is a plan. Throws what plan/loss_surface.h throws.
DrawnLaw drawn_law(const ReportData& data, std::size_t most_draws);

// Large models at their compute, with names; hovers say their loss by `law` where it is given.
enum class SizeOrTokens { kSize, kTokens };
void add_large_models(const ReportData& data, SizeOrTokens y, const DrawnLaw* law, Panel& panel);

// The central interval over the draws of `value(surface, x)` at each x, brought into `edge`. Empty
// without draws.
Series draw_band(const DrawnLaw& law, int colour, const std::vector<double>& x, const Span& edge,
                 const std::function<double(const LossSurface&, double)>& value);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_CHART_PARTS_H_
