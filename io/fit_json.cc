#include "io/fit_json.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/interval.h"
#include "io/approaches_json.h"
#include "io/atomic_file.h"
#include "io/diagnostics_json.h"
#include "io/fit_parts_json.h"
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

Json law_json(const LawFit& fit) {
  Json json = {{"name", fit.law}};
  if (!fit.citation.empty()) json["citation"] = fit.citation;
  if (fit.form) {
    json["form"] = fit.form->form;
    for (std::size_t i = 0; i < fit.form->names.size(); ++i) {
      json["parameters"][fit.form->names[i]] = finite(fit.form->values[i], "law.parameters");
    }
  } else if (fit.has_law()) {
    json["parameters"] = parameters_json(fit.parameters);
  }
  return json;
}

FormParameters read_form(const JsonReader& law) {
  FormParameters form{.form = law.text("form"), .names = {}, .values = {}, .draws = {}};
  const JsonReader parameters = law.object("parameters");
  for (const std::string& name : parameters.keys()) {
    form.names.push_back(name);
    form.values.push_back(parameters.number(name.c_str()));
  }
  return form;
}

// Of the law, or of the only approach that was made; other forms have none that holds everywhere.
Json exponents_json(const LawFit& fit) {
  const auto pair = [](const Interval& a, const Interval& b) {
    return Json{{"a", interval_json(a, "exponents.a")}, {"b", interval_json(b, "exponents.b")}};
  };
  if (fit.approach == 1 && fit.envelope) return pair(fit.envelope->a, fit.envelope->b);
  if (fit.approach == 2 && fit.isoflop) return pair(fit.isoflop->a, fit.isoflop->b);
  return pair(exponent_a(fit), exponent_b(fit));
}

Json range_json(const LawFit& fit) {
  const auto pair = [](double low, double high) {
    return Json{{"low", finite(low, "range")}, {"high", finite(high, "range")}};
  };
  Json json = {{"params", pair(fit.params_low, fit.params_high)},
               {"tokens", pair(fit.tokens_low, fit.tokens_high)},
               {"flops", pair(fit.flops_low, fit.flops_high)},
               {"tokens_per_param", pair(fit.tokens_per_param_low, fit.tokens_per_param_high)}};
  if (fit.experts_high > 0) json["experts"] = pair(fit.experts_low, fit.experts_high);
  for (const ExpertsWeight& w : fit.experts_weights) {
    json["experts_weights"].push_back({finite(w.experts, "range"), finite(w.total_ratio, "range"),
                                       finite(w.active_experts, "range")});
  }
  return json;
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
  if (reader.has("experts")) read("experts", fit.experts_low, fit.experts_high);
  if (!reader.has("experts_weights")) return;
  for (const auto& row : reader.rows("experts_weights", 3)) {
    if (!(row[0] > 0 && row[1] >= 1 && row[2] >= 0)) {
      reader.fail("experts_weights", "experts must be above 0, ratios at least 1");
    }
    fit.experts_weights.push_back({row[0], row[1], row[2]});
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

// What only a fit to data has; a preset has none of it.
void add_objective(const LawFit& fit, Json& json) {
  json["objective"] = finite(fit.objective, "objective");
  json["huber_delta"] = finite(fit.huber_delta, "huber_delta");
  json["gradient_norm"] = finite(fit.gradient_norm, "gradient_norm");
  json["residual_rms"] = finite(fit.residual_rms, "residual_rms");
  if (fit.r_squared) json["r_squared"] = finite(*fit.r_squared, "r_squared");
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
  fit.r_squared = reader.maybe_number("r_squared");
  if (!reader.has("starts")) return;
  const JsonReader starts = reader.object("starts");
  fit.starts_tried = static_cast<int>(starts.whole("tried"));
  fit.starts_agreeing = static_cast<int>(starts.whole("agreeing"));
  fit.second_best = starts.number_or("second_best", 0);
}

std::vector<std::string> draw_columns(const LawFit& fit) {
  if (fit.form) return fit.form->names;
  return {"E", "A", "B", "alpha", "beta"};
}

std::vector<std::vector<double>> draw_rows(const LawFit& fit) {
  if (fit.form) return fit.form->draws;
  std::vector<std::vector<double>> rows;
  for (const LawParameters& d : fit.draws) rows.push_back({d.E, d.A, d.B, d.alpha, d.beta});
  return rows;
}

Json interval_of(const LawFit& fit) {
  Json json = {{"level", finite(fit.interval_level, "interval.level")}};
  if (!fit.interval_method.empty()) json["method"] = fit.interval_method;
  json["draws"] = draw_rows(fit).size();
  return json;
}

// Of the draws, in the order of draw_columns. Null where the draws run away so far that it has no
// number, as those of a ladder of constant D / N may: nothing holds A and B there.
Json covariance_json(const std::vector<std::vector<double>>& draws) {
  const std::size_t p = draws.front().size();
  const auto n = static_cast<double>(draws.size());
  std::vector<double> mean(p);
  for (const auto& d : draws) {
    for (std::size_t i = 0; i < p; ++i) mean[i] += d[i] / n;
  }
  Json rows = Json::array();
  for (std::size_t i = 0; i < p; ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; j < p; ++j) {
      double sum = 0;
      for (const auto& d : draws) sum += (d[i] - mean[i]) * (d[j] - mean[j]);
      if (!std::isfinite(sum)) return nullptr;
      row.push_back(sum / (n - 1));
    }
    rows.push_back(row);
  }
  return rows;
}

void add_draws(const LawFit& fit, Json& json) {
  const auto rows = draw_rows(fit);
  if (rows.empty()) return;
  json["draw_columns"] = draw_columns(fit);
  Json& draws = json["draws"] = Json::array();
  for (const auto& row : rows) {
    Json values = Json::array();
    for (const double value : row) values.push_back(finite(value, "draws"));
    draws.push_back(std::move(values));
  }
}

void add_text(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

void read_draws(const JsonReader& reader, LawFit& fit) {
  if (fit.form) {
    fit.form->draws = reader.rows("draws", fit.form->names.size());
    return;
  }
  for (const auto& row : reader.rows("draws", 5)) {
    fit.draws.push_back({row[0], row[1], row[2], row[3], row[4]});
  }
}

// What was done to the data and the law before the fit, and what was found beside it.
void add_choices(const LawFit& fit, Json& json) {
  add_text(json, "set", fit.set);
  if (fit.loss_unit != LawFit().loss_unit) json["loss_unit"] = fit.loss_unit;
  if (fit.params_counted != LawFit().params_counted) json["params_counted"] = fit.params_counted;
  if (!fit.recipe.empty()) json["recipe"] = recipe_json(fit.recipe);
  add_text(json, "where", fit.where);
  if (!fit.exclusions.empty()) json["exclusions"] = exclusions_json(fit.exclusions);
  if (!fit.constraints.empty()) json["constraints"] = fit.constraints;
  if (!fit.ranges.empty()) json["ranges"] = ranges_json(fit.ranges);
  if (fit.noise) json["noise"] = noise_json(*fit.noise);
}

void read_choices(const JsonReader& reader, LawFit& fit) {
  fit.set = reader.text_or("set", "");
  fit.loss_unit = reader.text_or("loss_unit", fit.loss_unit);
  fit.params_counted = reader.text_or("params_counted", fit.params_counted);
  if (reader.has("recipe")) fit.recipe = read_recipe(reader.object("recipe"));
  fit.where = reader.text_or("where", "");
  if (reader.has("exclusions")) fit.exclusions = read_exclusions(reader.objects("exclusions"));
  if (reader.has("constraints")) fit.constraints = reader.texts("constraints");
  if (reader.has("ranges")) fit.ranges = read_ranges(reader.objects("ranges"));
  if (reader.has("noise")) fit.noise = read_noise(reader.object("noise"));
}

// The rows that the answer hangs on stand at the top too, where scripts look for them.
void add_diagnostics(const LawFit& fit, Json& json) {
  if (!fit.diagnostics) return;
  json["diagnostics"] = diagnostics_json(*fit.diagnostics);
  json["influential"] = json["diagnostics"]["influential"];
}

void check(const JsonReader& reader, const LawFit& fit) {
  const auto check_law = [&](const LawParameters& p, const std::string& where) {
    const bool fine = p.E >= 0 && p.A > 0 && p.B > 0 && p.alpha > 0 && p.beta > 0;
    if (!fine) reader.fail(where, "A, B, alpha and beta must be above 0, and E not below");
  };
  const bool alone = fit.approach == 1 || fit.approach == 2;
  if (!fit.form && (fit.has_law() || !alone)) check_law(fit.parameters, "law.parameters");
  // A draw of few rows may have an exponent below 0: a law without an optimum, which plans count.
  for (std::size_t i = 0; i < fit.draws.size(); ++i) {
    const LawParameters& p = fit.draws[i];
    if (p.E >= 0 && p.A > 0 && p.B > 0) continue;
    reader.fail("draws[" + std::to_string(i) + "]", "A and B must be above 0, and E not below");
  }
  if (fit.interval_level <= 0 || fit.interval_level >= 1) {
    reader.fail("interval.level", "must be between 0 and 1");
  }
}

}  // namespace

std::string fit_json(const LawFit& fit) {
  Json json;
  json["law"] = law_json(fit);
  json["approach"] = fit.approach;
  json["observations"] = fit.observations;
  if (fit.observations > 0 && fit.has_law()) add_objective(fit, json);
  if (!fit.form) json["exponents"] = exponents_json(fit);
  if (!fit.draws.empty()) json["asymptote"] = interval_json(asymptote(fit), "asymptote");
  json["interval"] = interval_of(fit);
  json["flops"] = flops_json(fit.flops);
  if (fit.observations > 0) json["range"] = range_json(fit);
  add_choices(fit, json);
  if (fit.isoflop) json["isoflop"] = isoflop_json(*fit.isoflop);
  if (fit.envelope) json["envelope"] = envelope_json(*fit.envelope);
  if (fit.approaches) json["approaches"] = approaches_json(*fit.approaches);
  if (fit.backtest) json["backtest"] = backtest_json(*fit.backtest);
  add_diagnostics(fit, json);
  add_text(json, "source", fit.source);
  add_text(json, "data_sha256", fit.data_sha256);
  add_text(json, "version", fit.version);
  json["warnings"] = warnings_json(fit.warnings);
  const auto draws = draw_rows(fit);
  if (draws.size() > 1) {
    Json covariance = covariance_json(draws);
    if (!covariance.is_null()) json["covariance"] = std::move(covariance);
  }
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
  if (law.has("form")) {
    fit.form = read_form(law);
  } else if (law.has("parameters") || fit.approach == 3) {
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
  read_choices(reader, fit);
  if (reader.has("isoflop")) fit.isoflop = read_isoflop(reader.object("isoflop"));
  if (reader.has("envelope")) fit.envelope = read_envelope(reader.object("envelope"));
  if (reader.has("approaches")) fit.approaches = read_approaches(reader.object("approaches"));
  if (reader.has("backtest")) fit.backtest = read_backtest(reader.object("backtest"));
  if (reader.has("diagnostics")) fit.diagnostics = read_diagnostics(reader.object("diagnostics"));
  fit.source = reader.text_or("source", "");
  fit.data_sha256 = reader.text_or("data_sha256", "");
  fit.version = reader.text_or("version", "");
  if (reader.has("warnings")) {
    for (const JsonReader& warning : reader.objects("warnings")) {
      fit.warnings.push_back({warning.text("code"), warning.text("message")});
    }
  }
  if (reader.has("draws")) read_draws(reader, fit);
  check(reader, fit);
  return fit;
}

void write_fit(const LawFit& fit, const std::string& path) {
  write_file_atomically(path, fit_json(fit));
}

LawFit read_fit(const std::string& path) { return parse_fit(read_whole_file(path), path); }

}  // namespace isoflop
