#include "app/imported_runs.h"

#include <algorithm>
#include <optional>

#include "core/observation.h"
#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestHeldout = 2;  // points that make a curve

template <class F>
void each_run(std::span<const RunImport> imports, F&& body) {
  for (const RunImport& import : imports) {
    for (const ImportedRun& run : import.runs) body(import, run);
  }
}

std::string number_or_blank(const std::optional<double>& value) {
  return value ? exact_number(*value) : "";
}

// In the order of kExtraCoordinates.
std::vector<std::string> coordinates_of(std::span<const RunImport> imports) {
  std::vector<std::string> names;
  for (const std::string_view known : kExtraCoordinates) {
    const std::string name(known);
    bool used = false;
    each_run(imports, [&](const RunImport&, const ImportedRun& run) {
      used = used || run.observation.extra.contains(name);
    });
    if (used) names.push_back(name);
  }
  return names;
}

std::string name_of_run(const ImportedRun& run) {
  return run.observation.trial.empty() ? run.source_id : run.observation.trial;
}

std::vector<LossPoint> points_with(const ImportedRun& run,
                                   std::optional<double> ImportedPoint::*loss) {
  std::vector<LossPoint> points;
  for (const ImportedPoint& point : run.points) {
    const auto& value = point.*loss;
    if (point.tokens > 0 && value && *value > 0) points.push_back({point.tokens, *value});
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const LossPoint& a, const LossPoint& b) { return a.tokens < b.tokens; });
  return points;
}

TrainingCurve curve_of(const ImportedRun& run) {
  const Observation& o = run.observation;
  std::vector<LossPoint> points = points_with(run, &ImportedPoint::heldout_loss);
  if (points.size() < kFewestHeldout) points = points_with(run, &ImportedPoint::train_loss);
  if (!points.empty()) {
    std::erase_if(points, [&](const LossPoint& point) { return point.tokens >= o.tokens; });
    points.push_back({o.tokens, o.loss});
  }
  return {.run = name_of_run(run),
          .params = o.params,
          .flops_per_token = o.flops / o.tokens,
          .schedule = CurveSchedule::kUnknown,
          .planned_tokens = o.tokens,
          .points = std::move(points)};
}

}  // namespace

TextTable imported_table(std::span<const RunImport> imports) {
  const std::vector<std::string> extra = coordinates_of(imports);
  TextTable table{
      {"trial", "run", "params", "tokens", "flops", "loss", "loss_error", "budget", "seed"}, {}};
  table.columns.insert(table.columns.end(), extra.begin(), extra.end());
  for (const char* name :
       {"points", "convention", "loss_unit", "derived", "format", "path", "line"}) {
    table.columns.push_back(name);
  }
  each_run(imports, [&](const RunImport& import, const ImportedRun& run) {
    const Observation& o = run.observation;
    std::vector<std::string> row{o.trial,
                                 o.run,
                                 exact_number(o.params),
                                 exact_number(o.tokens),
                                 exact_number(o.flops),
                                 exact_number(o.loss),
                                 o.loss_error > 0 ? exact_number(o.loss_error) : "",
                                 number_or_blank(o.budget),
                                 std::to_string(o.seed)};
    for (const std::string& name : extra) {
      const auto value = o.extra.find(name);
      row.push_back(value == o.extra.end() ? "" : exact_number(value->second));
    }
    row.insert(row.end(),
               {std::to_string(run.points.size()), std::string(name_of(import.convention)),
                import.loss_unit, run.derived, import.format, import.path,
                run.line > 0 ? std::to_string(run.line) : ""});
    table.rows.push_back(std::move(row));
  });
  return table;
}

TextTable short_imported_table(std::span<const RunImport> imports) {
  TextTable table{{"run", "N", "D", "C", "loss", "points", "line"}, {}};
  each_run(imports, [&](const RunImport&, const ImportedRun& run) {
    const Observation& o = run.observation;
    table.rows.push_back({name_of_run(run), format_quantity(o.params), format_quantity(o.tokens),
                          format_flops(o.flops), fixed4(o.loss),
                          run.points.empty() ? "" : std::to_string(run.points.size()),
                          run.line > 0 ? std::to_string(run.line) : ""});
  });
  return table;
}

TextTable imported_curve_table(std::span<const RunImport> imports) {
  TextTable table{{"run", "params", "step", "tokens", "train_loss", "heldout_loss", "rate",
                   "grad_norm", "seconds", "path"},
                  {}};
  each_run(imports, [&](const RunImport& import, const ImportedRun& run) {
    for (const ImportedPoint& point : run.points) {
      table.rows.push_back(
          {name_of_run(run), exact_number(run.observation.params), std::to_string(point.step),
           point.tokens > 0 ? exact_number(point.tokens) : "", number_or_blank(point.train_loss),
           number_or_blank(point.heldout_loss), number_or_blank(point.rate),
           number_or_blank(point.grad_norm), number_or_blank(point.seconds), import.path});
    }
  });
  return table;
}

std::vector<TrainingCurve> imported_curves(std::span<const RunImport> imports) {
  std::vector<TrainingCurve> curves;
  each_run(imports, [&](const RunImport&, const ImportedRun& run) {
    TrainingCurve curve = curve_of(run);
    if (curve.points.size() > 1) curves.push_back(std::move(curve));
  });
  return curves;
}

}  // namespace isoflop
