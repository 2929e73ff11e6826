// What the charts of a plan share. For page/'s own sources.
#ifndef ISOFLOP_PAGE_PLAN_PARTS_H_
#define ISOFLOP_PAGE_PLAN_PARTS_H_

#include <string>

#include "page/chart_parts.h"

namespace isoflop {

// Why there is no plan to draw, with what to do; empty: there is one, and a law.
std::string why_no_answer(const ReportData& data);

// Sizes on the x axis: N*, its interval and the near-optimal band, with some air.
Span answer_sizes(const Plan& plan);

// How far the budget lies from the runs, as a sentence after a space.
std::string extrapolation_words(const Plan& plan);

// "N*: N 26.7B, D 375B, 14 tokens a parameter, loss 2.0671 at 6e22 FLOP".
std::string size_hover(const Plan& plan, const std::string& what, double params, double tokens,
                       double loss, double extra_compute);

// A band over the whole height of a panel whose y axis has both ends.
Series shaded(const std::string& name, double from, double to, const Axis& y, int colour);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_PLAN_PARTS_H_
