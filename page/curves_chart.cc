// Training curves against compute and tokens, and which size is the lowest at which compute.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "core/units.h"
#include "page/chart_parts.h"
#include "page/charts.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kPointsPerCurve = 80;

std::set<double> envelope_sizes(const ReportData& data) {
  std::set<double> sizes;
  if (!data.fit || !data.fit->envelope) return sizes;
  for (const EnvelopeStep& step : data.fit->envelope->steps) sizes.insert(step.params);
  return sizes;
}

// Curves with points, by N and then by length.
std::vector<const TrainingCurve*> usable_curves(const ReportData& data) {
  std::vector<const TrainingCurve*> curves;
  for (const TrainingCurve& curve : data.curves) {
    if (curve.points.size() > 1 && curve.params > 0) curves.push_back(&curve);
  }
  std::stable_sort(curves.begin(), curves.end(), [](const auto* a, const auto* b) {
    if (a->params != b->params) return a->params < b->params;
    return a->points.back().tokens < b->points.back().tokens;
  });
  return curves;
}

std::vector<const TrainingCurve*> drawn_curves(const ReportData& data) {
  std::vector<const TrainingCurve*> curves = usable_curves(data);
  if (curves.size() <= kMostCurves) return curves;
  std::vector<const TrainingCurve*> kept;
  for (std::size_t i = 0; i < kMostCurves; ++i) {
    kept.push_back(curves[i * (curves.size() - 1) / (kMostCurves - 1)]);
  }
  return kept;
}

// At most kPointsPerCurve points, evenly in ln D, the first and the last among them.
std::vector<LossPoint> thinned_curve(const std::vector<LossPoint>& points) {
  std::vector<LossPoint> usable;
  for (const LossPoint& point : points) {
    if (point.tokens > 0 && std::isfinite(point.loss)) usable.push_back(point);
  }
  if (usable.size() <= kPointsPerCurve) return usable;
  const double first = std::log(usable.front().tokens);
  const double width = std::log(usable.back().tokens) - first;
  std::vector<LossPoint> kept;
  for (const LossPoint& point : usable) {
    const double due = first + width * static_cast<double>(kept.size()) / (kPointsPerCurve - 1);
    if (std::log(point.tokens) >= due - 1e-9 && kept.size() + 1 < kPointsPerCurve) {
      kept.push_back(point);
    }
  }
  if (kept.back().tokens != usable.back().tokens) kept.push_back(usable.back());
  return kept;
}

enum class CurveAxis { kCompute, kTokens };

double curve_x(const TrainingCurve& curve, double tokens, CurveAxis axis) {
  return axis == CurveAxis::kCompute ? flops_at(curve, tokens) : tokens;
}

// The highest losses of a beginning would squeeze all the rest: the axis starts above what the
// curves reach by their second tenth.
double top_of(const std::vector<const TrainingCurve*>& curves) {
  double top = 0;
  for (const TrainingCurve* curve : curves) {
    const double horizon = curve->points.back().tokens;
    for (const LossPoint& point : curve->points) {
      if (point.tokens < 0.05 * horizon || !std::isfinite(point.loss)) continue;
      top = std::max(top, point.loss);
      break;
    }
  }
  return top;
}

struct CurveEnds {
  Series cooled = point_series("cooled down: its schedule is over", 0);
  Series others = point_series("not cooled down", 1);
  std::vector<Series> both() const { return {cooled, others}; }
};

void add_end(const TrainingCurve& curve, const LossPoint& end, CurveAxis axis, CurveEnds& ends) {
  Series& series = is_cooled_down(curve, end) ? ends.cooled : ends.others;
  series.x.push_back(curve_x(curve, end.tokens, axis));
  series.y.push_back(end.loss);
  series.hover.push_back(fmt::format("{}: N {}, D {}, loss {}, schedule {}", run_name(curve.run, 0),
                                     format_quantity(curve.params), format_quantity(end.tokens),
                                     fixed3(end.loss), name_of(curve.schedule)));
}

// Where one size stops being the lowest, from step to step.
Series envelope_line(const EnvelopeFit& envelope, CurveAxis axis) {
  Series line{.name = "envelope: the lowest at its compute", .width = 2};
  for (const EnvelopeStep& step : envelope.steps) {
    if (!(step.loss > 0)) continue;
    line.x.push_back(axis == CurveAxis::kCompute ? step.flops_high : step.tokens_high);
    line.y.push_back(step.loss);
    line.hover.push_back(fmt::format("N {} is lowest from {} to {} FLOP, {}",
                                     format_quantity(step.params), format_flops(step.flops_low),
                                     format_flops(step.flops_high),
                                     step.bracketed ? "bracketed" : "not bracketed"));
  }
  return line;
}

Panel curves_panel(const ReportData& data, const std::vector<const TrainingCurve*>& curves,
                   CurveAxis axis) {
  Panel panel{.title = axis == CurveAxis::kCompute ? "Against compute" : "Against tokens",
              .x = axis == CurveAxis::kCompute ? compute_axis() : tokens_axis(),
              .y = loss_axis(data)};
  panel.y.scale = AxisScale::kLog;
  Span sizes, x;
  for (const TrainingCurve* curve : curves) sizes.take(curve->params);
  const double width = std::log(sizes.high / sizes.low);
  CurveEnds ends;
  const double top = top_of(curves);
  double bottom = top;
  std::set<double> named;
  for (const TrainingCurve* curve : curves) {
    Series line{.shade = width > 0 ? std::log(curve->params / sizes.low) / width : 0.5, .width = 1};
    const std::vector<LossPoint> points = thinned_curve(curve->points);
    for (const LossPoint& point : points) {
      if (point.loss > top) continue;
      bottom = std::min(bottom, point.loss);
      line.x.push_back(curve_x(*curve, point.tokens, axis));
      line.y.push_back(point.loss);
      x.take(line.x.back());
    }
    const bool edge = curve->params == sizes.low || curve->params == sizes.high;
    if (edge && named.insert(curve->params).second) {
      line.name = "N " + format_quantity(curve->params);
    }
    if (line.x.size() > 1) panel.series.push_back(line);
    if (!points.empty()) add_end(*curve, points.back(), axis, ends);
  }
  if (data.fit && data.fit->envelope && axis == CurveAxis::kCompute) {
    const Series line = envelope_line(*data.fit->envelope, axis);
    if (line.x.size() > 1) panel.series.push_back(line);
  }
  for (Series& series : ends.both()) {
    series.size = 0.8;
    if (!series.x.empty()) panel.series.push_back(series);
  }
  panel.y.low = bottom * 0.985;
  panel.y.high = top * 1.015;
  return panel;
}

std::string curves_alt(const ReportData& data, std::size_t drawn) {
  Span sizes;
  double lowest = data.curves.front().points.empty() ? 0 : data.curves.front().points.back().loss;
  std::size_t cooled = 0, ended = 0;
  for (const TrainingCurve& curve : data.curves) {
    if (curve.points.empty()) continue;
    sizes.take(curve.params);
    lowest = std::min(lowest, curve.points.back().loss);
    ++ended;
    if (is_cooled_down(curve, curve.points.back())) ++cooled;
  }
  std::string text =
      fmt::format("{} of N {} to {}; {} of {} end cooled down; the lowest last loss is {}.",
                  plural(drawn, "training curve"), format_quantity(sizes.low),
                  format_quantity(sizes.high), cooled, ended, fixed3(lowest));
  if (data.fit && data.fit->envelope) {
    const EnvelopeFit& envelope = *data.fit->envelope;
    text += envelope.usable ? fmt::format(" Along the envelope of {} N* grows as C^a with a {}.",
                                          plural(envelope_sizes(data).size(), "size"),
                                          interval_text(envelope.a, fixed3))
                            : " The envelope gives no law: " + envelope.why_not + ".";
  }
  return text;
}

Figure drawn_curve_figure(const ReportData& data, Figure figure) {
  const std::vector<const TrainingCurve*> curves = drawn_curves(data);
  if (curves.empty()) {
    return empty_figure(figure,
                        "no training curve has two points or more: let runs evaluate while "
                        "they train, or give a table of curves (isoflop fit --curves)");
  }
  figure.panels = {curves_panel(data, curves, CurveAxis::kCompute),
                   curves_panel(data, curves, CurveAxis::kTokens)};
  figure.caption =
      "Loss while runs train (of a sweep's trials the training loss, and at the end the held-out "
      "one), a line a run, light to dark from small to large N, both axes "
      "logarithmic; the first twentieth of each run is cut off above. Only points that have seen "
      "their whole schedule say what a run of that length reaches." +
      thinned_words(curves.size(), usable_curves(data).size(), "curves");
  figure.alt = curves_alt(data, data.curves.size());
  return figure;
}

}  // namespace

Figure curves_chart(const ReportData& data) {
  const Figure shell{.name = "curves", .title = "Training curves and their envelope"};
  if (data.curves.empty()) {
    return empty_figure(shell,
                        "there are no training curves: a store keeps them of every run "
                        "(isoflop sweep run), a table needs its own (isoflop fit --curves)");
  }
  return guarded(shell, [&](Figure figure) { return drawn_curve_figure(data, std::move(figure)); });
}

}  // namespace isoflop
