#include "io/fit_json.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/interval.h"
#include "io/approaches_json.h"
#include "io/atomic_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

Json parameters_json(const LawParameters& p) {
  return {{"E", finite(p.E, "law.parameters.E")},
          {"A", finite(p.A, "law.parameters.A")},
          {"B", finite(p.B, "law.parameters.B")},
          {"alpha", finite(p.alpha, "law.parameters.alpha")},
          {"beta", finite(p.beta, "law.parameters.beta")}};
}

LawParameters read_parameters(const JsonReader& reader) {
  return {reader.number("E"), reader.number("A"), reader.number("B"), reader.number("alpha"),
          reader.number("beta")};
}

// Approach 2 alone gives exponents but no law.
bool has_law(const LawFit& fit) { return fit.parameters != LawParameters{}; }

Json exponents_json(const LawFit& fit) {
  if (!fit.isoflop || (fit.approach != 2 && has_law(fit))) {
    return {{"a", interval_json(exponent_a(fit), "exponents.a")},
            {"b", interval_json(exponent_b(fit), "exponents.b")}};
  }
  return {{"a", interval_json(fit.isoflop->a, "exponents.a")},
          {"b", interval_json(fit.isoflop->b, "exponents.b")}};
}

Json range_json(const LawFit& fit) {
  const auto pair = [](double low, double high) {
    return Json{{"low", finite(low, "range")}, {"high", finite(high, "range")}};
  };
  return {{"params", pair(fit.params_low, fit.params_high)},
          {"tokens", pair(fit.tokens_low, fit.tokens_high)},
          {"flops", pair(fit.flops_low, fit.flops_high)},
          {"tokens_per_param", pair(fit.tokens_per_param_low, fit.tokens_per_param_high)}};
}

void read_range(const JsonReader& reader, LawFit& fit) {
  const auto read = [&](const char* key, double& low, double& high) {
    low = reader.object(key).number("low");
    high = reader.object(key).number("high");
  };
  read("params", fit.params_low, fit.params_high);
  read("tokens", fit.tokens_low, fit.tokens_high);
  read("flops", fit.flops_low, fit.flops_high);
  if (reader.has("tokens_per_param")) {
    read("tokens_per_param", fit.tokens_per_param_low, fit.tokens_per_param_high);
  }
}

Json flops_json(const FlopsPerToken& flops) {
  Json json = {{"convention", flops.convention()}};
  if (flops.is_six_n()) return json;
  Json& nodes = json["nodes"] = Json::array();
  for (const auto& [params, per_token] : flops.nodes()) nodes.push_back({params, per_token});
  return json;
}

FlopsPerToken read_flops(const JsonReader& reader) {
  const std::string convention = reader.text("convention");
  if (!reader.has("nodes")) {
    if (convention == name_of(FlopConvention::k6nd)) return FlopsPerToken::six_n();
    reader.fail("nodes", "is missing: only 6nd needs none");
  }
  std::vector<std::pair<double, double>> nodes;
  for (const auto& row : reader.rows("nodes", 2)) nodes.emplace_back(row[0], row[1]);
  try {
    return FlopsPerToken::from_nodes(convention, std::move(nodes));
  } catch (const Error& error) {
    reader.fail("nodes", error.what());
  }
}

Json backtest_json(const Backtest& backtest) {
  Json json = {{"budget", finite(backtest.budget, "backtest.budget")},
               {"fitted", backtest.fitted},
               {"hidden", backtest.hidden},
               {"mean_error", finite(backtest.mean_error, "backtest.mean_error")},
               {"max_error", finite(backtest.max_error, "backtest.max_error")}};
  if (backtest.best_error) json["best_error"] = finite(*backtest.best_error, "backtest.best_error");
  return json;
}

Backtest read_backtest(const JsonReader& reader) {
  return {.budget = reader.number("budget"),
          .fitted = static_cast<int>(reader.whole("fitted")),
          .hidden = static_cast<int>(reader.whole("hidden")),
          .mean_error = reader.number("mean_error"),
          .max_error = reader.number("max_error"),
          .best_error = reader.maybe_number("best_error")};
}

// What only a fit to data has; a preset has none of it.
void add_objective(const LawFit& fit, Json& json) {
  json["objective"] = finite(fit.objective, "objective");
  json["huber_delta"] = finite(fit.huber_delta, "huber_delta");
  json["gradient_norm"] = finite(fit.gradient_norm, "gradient_norm");
  json["residual_rms"] = finite(fit.residual_rms, "residual_rms");
  json["starts"] = {{"tried", fit.starts_tried}, {"agreeing", fit.starts_agreeing}};
  if (fit.second_best != 0) {
    json["starts"]["second_best"] = finite(fit.second_best, "starts.second_best");
  }
}

void read_objective(const JsonReader& reader, LawFit& fit) {
  fit.objective = reader.number("objective");
  fit.huber_delta = reader.number_or("huber_delta", fit.huber_delta);
  fit.gradient_norm = reader.number_or("gradient_norm", 0);
  fit.residual_rms = reader.number_or("residual_rms", 0);
  if (!reader.has("starts")) return;
  const JsonReader starts = reader.object("starts");
  fit.starts_tried = static_cast<int>(starts.whole("tried"));
  fit.starts_agreeing = static_cast<int>(starts.whole("agreeing"));
  fit.second_best = starts.number_or("second_best", 0);
}

Json interval_of(const LawFit& fit) {
  Json json = {{"level", finite(fit.interval_level, "interval.level")}};
  if (!fit.interval_method.empty()) json["method"] = fit.interval_method;
  json["draws"] = fit.draws.size();
  return json;
}

void add_draws(const LawFit& fit, Json& json) {
  if (fit.draws.empty()) return;
  json["draw_columns"] = {"E", "A", "B", "alpha", "beta"};
  Json& draws = json["draws"] = Json::array();
  for (const LawParameters& d : fit.draws) {
    draws.push_back({finite(d.E, "draws"), finite(d.A, "draws"), finite(d.B, "draws"),
                     finite(d.alpha, "draws"), finite(d.beta, "draws")});
  }
}

void add_text(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

std::vector<LawParameters> read_draws(const JsonReader& reader) {
  std::vector<LawParameters> draws;
  for (const auto& row : reader.rows("draws", 5)) {
    draws.push_back({row[0], row[1], row[2], row[3], row[4]});
  }
  return draws;
}

void check(const JsonReader& reader, const LawFit& fit) {
  const auto check_law = [&](const LawParameters& p, const std::string& where) {
    const bool fine = p.E >= 0 && p.A > 0 && p.B > 0 && p.alpha > 0 && p.beta > 0;
    if (!fine) reader.fail(where, "A, B, alpha and beta must be above 0, and E not below");
  };
  if (has_law(fit) || fit.approach != 2) check_law(fit.parameters, "law.parameters");
  for (std::size_t i = 0; i < fit.draws.size(); ++i) {
    check_law(fit.draws[i], "draws[" + std::to_string(i) + "]");
  }
  if (fit.interval_level <= 0 || fit.interval_level >= 1) {
    reader.fail("interval.level", "must be between 0 and 1");
  }
}

}  // namespace

std::string fit_json(const LawFit& fit) {
  Json json;
  json["law"]["name"] = fit.law;
  add_text(json["law"], "citation", fit.citation);
  if (has_law(fit)) json["law"]["parameters"] = parameters_json(fit.parameters);
  json["approach"] = fit.approach;
  json["observations"] = fit.observations;
  if (fit.observations > 0) add_objective(fit, json);
  if (has_law(fit) || fit.isoflop) json["exponents"] = exponents_json(fit);
  if (!fit.draws.empty()) json["asymptote"] = interval_json(asymptote(fit), "asymptote");
  json["interval"] = interval_of(fit);
  json["flops"] = flops_json(fit.flops);
  if (fit.observations > 0) json["range"] = range_json(fit);
  if (fit.isoflop) json["isoflop"] = isoflop_json(*fit.isoflop);
  if (fit.backtest) json["backtest"] = backtest_json(*fit.backtest);
  add_text(json, "source", fit.source);
  add_text(json, "data_sha256", fit.data_sha256);
  add_text(json, "version", fit.version);
  json["warnings"] = warnings_json(fit.warnings);
  add_draws(fit, json);
  return json_text(json);
}

LawFit parse_fit(std::string_view text, const std::string& name) {
  const Json root = parse_json(text, name);
  const JsonReader reader(root, name);
  const JsonReader law = reader.object("law");
  LawFit fit;
  fit.law = law.text("name");
  fit.citation = law.text_or("citation", "");
  fit.approach = static_cast<int>(reader.whole_or("approach", fit.approach));
  if (fit.approach != 2 || law.has("parameters")) {
    fit.parameters = read_parameters(law.object("parameters"));
  }
  fit.observations = static_cast<int>(reader.whole_or("observations", 0));
  if (reader.has("objective")) read_objective(reader, fit);
  if (reader.has("interval")) {
    fit.interval_level = reader.object("interval").number("level");
    fit.interval_method = reader.object("interval").text_or("method", "");
  }
  if (reader.has("flops")) fit.flops = read_flops(reader.object("flops"));
  if (reader.has("range")) read_range(reader.object("range"), fit);
  if (reader.has("isoflop")) fit.isoflop = read_isoflop(reader.object("isoflop"));
  if (reader.has("backtest")) fit.backtest = read_backtest(reader.object("backtest"));
  fit.source = reader.text_or("source", "");
  fit.data_sha256 = reader.text_or("data_sha256", "");
  fit.version = reader.text_or("version", "");
  if (reader.has("warnings")) {
    for (const JsonReader& warning : reader.objects("warnings")) {
      fit.warnings.push_back({warning.text("code"), warning.text("message")});
    }
  }
  if (reader.has("draws")) fit.draws = read_draws(reader);
  check(reader, fit);
  return fit;
}

void write_fit(const LawFit& fit, const std::string& path) {
  write_file_atomically(path, fit_json(fit));
}

LawFit read_fit(const std::string& path) { return parse_fit(read_whole_file(path), path); }

}  // namespace isoflop
