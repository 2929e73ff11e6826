#include "io/diagnostics_json.h"

#include <cstddef>
#include <iterator>

namespace isoflop {
namespace {

// Rows and columns of the correlation, in their order.
constexpr const char* kEstimates[] = {"ln_E", "ln_A", "ln_B", "alpha", "beta"};

Json number_of(double value, const char* field) { return finite(value, field); }

Json coefficients_json(const LawParameters& p) {
  return {{"E", number_of(p.E, "diagnostics.E")},
          {"A", number_of(p.A, "diagnostics.A")},
          {"B", number_of(p.B, "diagnostics.B")},
          {"alpha", number_of(p.alpha, "diagnostics.alpha")},
          {"beta", number_of(p.beta, "diagnostics.beta")}};
}

LawParameters read_coefficients(const JsonReader& reader) {
  return {.E = reader.number("E"),
          .A = reader.number("A"),
          .B = reader.number("B"),
          .alpha = reader.number("alpha"),
          .beta = reader.number("beta")};
}

void add_words(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

Json answer_json(const LawAnswer& answer) {
  return {{"parameters", coefficients_json(answer.law)},
          {"observations", answer.observations},
          {"objective", number_of(answer.objective, "influence.objective")},
          {"params", number_of(answer.params, "influence.params")},
          {"tokens", number_of(answer.tokens, "influence.tokens")},
          {"loss", number_of(answer.loss, "influence.loss")}};
}

LawAnswer read_answer(const JsonReader& reader) {
  return {.law = read_coefficients(reader.object("parameters")),
          .observations = static_cast<int>(reader.whole("observations")),
          .objective = reader.number("objective"),
          .params = reader.number("params"),
          .tokens = reader.number("tokens"),
          .loss = reader.number("loss")};
}

Json influence_json(const Influence& influence) {
  Json json = {{"budget", number_of(influence.budget, "influence.budget")},
               {"scale", number_of(influence.scale, "influence.scale")},
               {"cutoff", number_of(influence.cutoff, "influence.cutoff")},
               {"level", number_of(influence.level, "influence.level")}};
  add_words(json, "method", influence.method);
  add_words(json, "why_not", influence.why_not);
  if (influence.with.observations > 0) {
    json["with"] = answer_json(influence.with);
    json["without"] = answer_json(influence.without);
  }
  return json;
}

Json influential_json(const Influence& influence) {
  Json rows = Json::array();
  for (const InfluentialRow& row : influence.rows) {
    Json json = {{"row", row.row}};
    add_words(json, "trial", row.trial);
    json["params_ratio"] = number_of(row.params_ratio, "influential.params_ratio");
    json["params"] = number_of(row.params, "influential.params");
    json["tokens_per_param"] = number_of(row.tokens_per_param(), "influential.tokens_per_param");
    json["run_params"] = number_of(row.run_params, "influential.run_params");
    json["run_tokens"] = number_of(row.run_tokens, "influential.run_tokens");
    json["run_loss"] = number_of(row.run_loss, "influential.run_loss");
    json["residual"] = number_of(row.residual, "influential.residual");
    rows.push_back(json);
  }
  return rows;
}

Influence read_influence(const JsonReader& reader, const std::vector<JsonReader>& rows) {
  Influence out;
  out.budget = reader.number("budget");
  out.scale = reader.number("scale");
  out.cutoff = reader.number("cutoff");
  out.level = reader.number("level");
  out.method = reader.text_or("method", "");
  out.why_not = reader.text_or("why_not", "");
  if (reader.has("with")) {
    out.with = read_answer(reader.object("with"));
    out.without = read_answer(reader.object("without"));
  }
  for (const JsonReader& row : rows) {
    out.rows.push_back({.row = row.whole("row"),
                        .trial = row.text_or("trial", ""),
                        .run_params = row.number("run_params"),
                        .run_tokens = row.number("run_tokens"),
                        .run_loss = row.number("run_loss"),
                        .residual = row.number("residual"),
                        .params = row.number("params"),
                        .params_ratio = row.number("params_ratio")});
  }
  return out;
}

Json residuals_json(const Residuals& residuals) {
  Json json = {{"scale", number_of(residuals.scale, "residuals.scale")},
               {"rms", number_of(residuals.rms, "residuals.rms")}};
  Json& trends = json["trends"] = Json::array();
  for (const ResidualTrend& t : residuals.trends) {
    trends.push_back({{"against", t.against},
                      {"slope", number_of(t.slope, "residuals.slope")},
                      {"slope_t", number_of(t.slope_t, "residuals.slope_t")},
                      {"curvature", number_of(t.curvature, "residuals.curvature")},
                      {"curvature_t", number_of(t.curvature_t, "residuals.curvature_t")}});
  }
  Json& largest = json["largest"] = Json::array();
  for (const ResidualRow& r : residuals.largest) {
    Json row = {{"row", r.row}};
    add_words(row, "trial", r.trial);
    row["params"] = number_of(r.params, "residuals.params");
    row["tokens"] = number_of(r.tokens, "residuals.tokens");
    row["loss"] = number_of(r.loss, "residuals.loss");
    row["residual"] = number_of(r.residual, "residuals.residual");
    row["scaled"] = number_of(r.scaled, "residuals.scaled");
    largest.push_back(row);
  }
  return json;
}

Residuals read_residuals(const JsonReader& reader) {
  Residuals out{.scale = reader.number("scale"), .rms = reader.number("rms")};
  for (const JsonReader& t : reader.objects("trends")) {
    out.trends.push_back({.against = t.text("against"),
                          .slope = t.number("slope"),
                          .slope_t = t.number("slope_t"),
                          .curvature = t.number("curvature"),
                          .curvature_t = t.number("curvature_t")});
  }
  for (const JsonReader& r : reader.objects("largest")) {
    out.largest.push_back({.row = r.whole("row"),
                           .trial = r.text_or("trial", ""),
                           .params = r.number("params"),
                           .tokens = r.number("tokens"),
                           .loss = r.number("loss"),
                           .residual = r.number("residual"),
                           .scaled = r.number("scaled")});
  }
  return out;
}

Json identifiability_json(const Identifiability& id) {
  Json json = {{"condition", number_of(id.condition, "identifiability.condition")},
               {"condition_scaled", number_of(id.condition_scaled, "identifiability.scaled")}};
  if (!id.correlation.empty()) {
    Json& errors = json["standard_errors"] = Json::object();
    for (std::size_t i = 0; i < std::size(kEstimates); ++i) {
      errors[kEstimates[i]] = number_of(id.standard_errors[i], "standard_errors");
    }
    Json& correlation = json["correlation"] = Json::array();
    for (const std::vector<double>& row : id.correlation) {
      Json& line = correlation.emplace_back(Json::array());
      for (const double c : row) line.push_back(number_of(c, "correlation"));
    }
  }
  json["sizes"] = id.sizes;
  json["token_counts"] = id.token_counts;
  json["budgets"] = id.budgets;
  json["tokens_per_param"] = {{"low", number_of(id.tokens_per_param_low, "tokens_per_param")},
                              {"high", number_of(id.tokens_per_param_high, "tokens_per_param")}};
  json["correlation_n_d"] = number_of(id.tokens_per_param_correlation, "correlation_n_d");
  json["flops_span"] = number_of(id.flops_span, "flops_span");
  json["extrapolation"] = number_of(id.extrapolation, "extrapolation");
  return json;
}

Identifiability read_identifiability(const JsonReader& reader) {
  Identifiability out{.condition = reader.number("condition"),
                      .condition_scaled = reader.number("condition_scaled")};
  if (reader.has("correlation")) {
    out.correlation = reader.rows("correlation", 5);
    const JsonReader errors = reader.object("standard_errors");
    for (const char* name : kEstimates) out.standard_errors.push_back(errors.number(name));
  }
  out.sizes = static_cast<int>(reader.whole("sizes"));
  out.token_counts = static_cast<int>(reader.whole("token_counts"));
  out.budgets = static_cast<int>(reader.whole("budgets"));
  out.tokens_per_param_low = reader.object("tokens_per_param").number("low");
  out.tokens_per_param_high = reader.object("tokens_per_param").number("high");
  out.tokens_per_param_correlation = reader.number("correlation_n_d");
  out.flops_span = reader.number("flops_span");
  out.extrapolation = reader.number("extrapolation");
  return out;
}

Json conventions_json(const ConventionTable& table) {
  Json rows = Json::array();
  for (const ConventionRow& row : table.rows) {
    Json json = {
        {"params", row.params}, {"flops", row.flops}, {"how", row.how}, {"usable", row.usable}};
    if (row.usable) {
      json["a"] = number_of(row.a, "conventions.a");
      json["b"] = number_of(row.b, "conventions.b");
      json["params_at"] = number_of(row.params_at, "conventions.params_at");
      json["parameters"] = coefficients_json(row.law);
    } else {
      add_words(json, "why_not", row.why_not);
    }
    rows.push_back(json);
  }
  const NonembeddingSlope& n = table.nonembedding;
  Json slopes = Json::object();
  const auto add = [&](const char* key, double value) {
    if (value != 0) slopes[key] = number_of(value, key);
  };
  add("simulated", n.simulated);
  add("exact", n.exact);
  add("large", n.large);
  add("asymptotic", n.asymptotic);
  add("loss_exponent", n.loss_exponent);
  return {{"rows", rows}, {"nonembedding", std::move(slopes)}};
}

ConventionRow read_convention(const JsonReader& reader) {
  ConventionRow out{.params = reader.text("params"),
                    .flops = reader.text("flops"),
                    .how = reader.text("how"),
                    .usable = reader.truth("usable"),
                    .why_not = reader.text_or("why_not", "")};
  if (!out.usable) return out;
  out.a = reader.number("a");
  out.b = reader.number("b");
  out.params_at = reader.number("params_at");
  out.law = read_coefficients(reader.object("parameters"));
  return out;
}

ConventionTable read_conventions(const JsonReader& reader) {
  ConventionTable out;
  for (const JsonReader& row : reader.objects("rows")) out.rows.push_back(read_convention(row));
  const JsonReader n = reader.object("nonembedding");
  out.nonembedding = {.simulated = n.number_or("simulated", 0),
                      .exact = n.number_or("exact", 0),
                      .large = n.number_or("large", 0),
                      .asymptotic = n.number_or("asymptotic", 0),
                      .loss_exponent = n.number_or("loss_exponent", 0)};
  return out;
}

Json model_choice_json(const ModelChoice& choice) {
  Json forms = Json::array();
  for (const FormTrial& form : choice.forms) {
    Json json = {{"form", form.form},
                 {"formula", form.formula},
                 {"usable", form.usable},
                 {"parameters", form.parameters}};
    if (form.usable) {
      json["hidden_rms"] = number_of(form.hidden_rms, "model_choice.hidden_rms");
      json["hidden_mean"] = number_of(form.hidden_mean, "model_choice.hidden_mean");
      json["fitted_rms"] = number_of(form.fitted_rms, "model_choice.fitted_rms");
    } else {
      add_words(json, "why_not", form.why_not);
    }
    forms.push_back(json);
  }
  return {{"budget", number_of(choice.budget, "model_choice.budget")},
          {"fitted", choice.fitted},
          {"hidden", choice.hidden},
          {"clear", choice.clear},
          {"forms", forms}};
}

ModelChoice read_model_choice(const JsonReader& reader) {
  ModelChoice out{.budget = reader.number("budget"),
                  .fitted = static_cast<int>(reader.whole("fitted")),
                  .hidden = static_cast<int>(reader.whole("hidden")),
                  .forms = {},
                  .clear = reader.truth("clear")};
  for (const JsonReader& form : reader.objects("forms")) {
    out.forms.push_back({.form = form.text("form"),
                         .formula = form.text_or("formula", ""),
                         .parameters = static_cast<int>(form.whole("parameters")),
                         .usable = form.truth("usable"),
                         .why_not = form.text_or("why_not", ""),
                         .hidden_rms = form.number_or("hidden_rms", 0),
                         .hidden_mean = form.number_or("hidden_mean", 0),
                         .fitted_rms = form.number_or("fitted_rms", 0)});
  }
  return out;
}

}  // namespace

Json diagnostics_json(const Diagnostics& diagnostics) {
  Json json = Json::object();
  if (diagnostics.influence) {
    json["influence"] = influence_json(*diagnostics.influence);
    json["influential"] = influential_json(*diagnostics.influence);
  }
  if (diagnostics.residuals) json["residuals"] = residuals_json(*diagnostics.residuals);
  if (diagnostics.identifiability) {
    json["identifiability"] = identifiability_json(*diagnostics.identifiability);
  }
  if (diagnostics.conventions) json["conventions"] = conventions_json(*diagnostics.conventions);
  if (diagnostics.model_choice) json["model_choice"] = model_choice_json(*diagnostics.model_choice);
  json["warnings"] = warnings_json(diagnostics.warnings);
  return json;
}

Diagnostics read_diagnostics(const JsonReader& reader) {
  Diagnostics out;
  if (reader.has("influence")) {
    out.influence = read_influence(reader.object("influence"), reader.objects("influential"));
  }
  if (reader.has("residuals")) out.residuals = read_residuals(reader.object("residuals"));
  if (reader.has("identifiability")) {
    out.identifiability = read_identifiability(reader.object("identifiability"));
  }
  if (reader.has("conventions")) out.conventions = read_conventions(reader.object("conventions"));
  if (reader.has("model_choice")) {
    out.model_choice = read_model_choice(reader.object("model_choice"));
  }
  for (const JsonReader& warning : reader.objects("warnings")) {
    out.warnings.push_back({warning.text("code"), warning.text("message")});
  }
  return out;
}

Json hidden_rows_json(const Backtest& backtest) {
  Json rows = Json::array();
  for (const HiddenRow& row : backtest.rows) {
    rows.push_back({{"row", row.row},
                    {"params", number_of(row.params, "backtest.rows.params")},
                    {"tokens", number_of(row.tokens, "backtest.rows.tokens")},
                    {"flops", number_of(row.flops, "backtest.rows.flops")},
                    {"loss", number_of(row.loss, "backtest.rows.loss")},
                    {"predicted", interval_json(row.predicted, "backtest.rows.predicted")}});
  }
  return rows;
}

std::vector<HiddenRow> read_hidden_rows(const std::vector<JsonReader>& rows) {
  std::vector<HiddenRow> out;
  for (const JsonReader& row : rows) {
    out.push_back({.row = row.whole("row"),
                   .params = row.number("params"),
                   .tokens = row.number("tokens"),
                   .flops = row.number("flops"),
                   .loss = row.number("loss"),
                   .predicted = read_interval(row.object("predicted"))});
  }
  return out;
}

}  // namespace isoflop
