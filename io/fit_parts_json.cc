#include "io/fit_parts_json.h"

#include "io/diagnostics_json.h"

namespace isoflop {

Json backtest_json(const Backtest& backtest) {
  Json json = {{"budget", finite(backtest.budget, "backtest.budget")},
               {"fitted", backtest.fitted},
               {"hidden", backtest.hidden},
               {"mean_error", finite(backtest.mean_error, "backtest.mean_error")},
               {"max_error", finite(backtest.max_error, "backtest.max_error")}};
  if (backtest.best_error) json["best_error"] = finite(*backtest.best_error, "backtest.best_error");
  if (backtest.level > 0) {
    json["level"] = finite(backtest.level, "backtest.level");
    json["inside"] = backtest.inside;
  }
  if (!backtest.rows.empty()) json["rows"] = hidden_rows_json(backtest);
  return json;
}

Backtest read_backtest(const JsonReader& reader) {
  Backtest backtest{.budget = reader.number("budget"),
                    .fitted = static_cast<int>(reader.whole("fitted")),
                    .hidden = static_cast<int>(reader.whole("hidden")),
                    .mean_error = reader.number("mean_error"),
                    .max_error = reader.number("max_error"),
                    .best_error = reader.maybe_number("best_error"),
                    .level = reader.number_or("level", 0),
                    .inside = static_cast<int>(reader.whole_or("inside", 0)),
                    .rows = {}};
  if (reader.has("rows")) backtest.rows = read_hidden_rows(reader.objects("rows"));
  return backtest;
}

Json noise_json(const NoiseEstimate& noise) {
  Json json = {{"residual_sigma", finite(noise.residual_sigma, "noise.residual_sigma")},
               {"residual_degrees", noise.residual_degrees},
               {"replicate_degrees", noise.replicate_degrees},
               {"replicated_points", noise.replicated_points},
               {"evaluation_shared", noise.evaluation_shared}};
  const auto maybe = [&](const char* key, const std::optional<double>& value) {
    if (value) json[key] = finite(*value, key);
  };
  maybe("replicate_sigma", noise.replicate_sigma);
  maybe("evaluation_sigma", noise.evaluation_sigma);
  maybe("lack_of_fit_ratio", noise.lack_of_fit_ratio);
  maybe("lack_of_fit_p", noise.lack_of_fit_p);
  return json;
}

NoiseEstimate read_noise(const JsonReader& reader) {
  return {.residual_sigma = reader.number("residual_sigma"),
          .residual_degrees = static_cast<int>(reader.whole("residual_degrees")),
          .replicate_sigma = reader.maybe_number("replicate_sigma"),
          .replicate_degrees = static_cast<int>(reader.whole("replicate_degrees")),
          .replicated_points = static_cast<int>(reader.whole("replicated_points")),
          .evaluation_sigma = reader.maybe_number("evaluation_sigma"),
          .evaluation_shared = reader.truth("evaluation_shared"),
          .lack_of_fit_ratio = reader.maybe_number("lack_of_fit_ratio"),
          .lack_of_fit_p = reader.maybe_number("lack_of_fit_p")};
}

Json ranges_json(const std::vector<ParameterRange>& ranges) {
  Json json = Json::array();
  for (const ParameterRange& range : ranges) {
    Json one = {{"name", range.name},
                {"value", finite(range.value, "ranges.value")},
                {"low", finite(range.low, "ranges.low")},
                {"high", finite(range.high, "ranges.high")},
                {"low_open", range.low_open},
                {"high_open", range.high_open},
                {"flat", !range.why_flat.empty()}};
    if (!range.why_flat.empty()) one["why_flat"] = range.why_flat;
    json.push_back(std::move(one));
  }
  return json;
}

std::vector<ParameterRange> read_ranges(const std::vector<JsonReader>& rows) {
  std::vector<ParameterRange> ranges;
  for (const JsonReader& one : rows) {
    ranges.push_back({.name = one.text("name"),
                      .value = one.number("value"),
                      .low = one.number("low"),
                      .high = one.number("high"),
                      .low_open = one.truth("low_open"),
                      .high_open = one.truth("high_open"),
                      .why_flat = one.text_or("why_flat", "")});
  }
  return ranges;
}

Json exclusions_json(const std::vector<Exclusion>& exclusions) {
  Json json = Json::array();
  for (const Exclusion& e : exclusions) json.push_back({{"rows", e.rows}, {"because", e.because}});
  return json;
}

std::vector<Exclusion> read_exclusions(const std::vector<JsonReader>& rows) {
  std::vector<Exclusion> out;
  for (const JsonReader& row : rows) {
    out.push_back({.rows = row.text("rows"), .because = row.text("because")});
  }
  return out;
}

}  // namespace isoflop
