#include "io/hyper_json.h"

#include <cmath>

#include "io/atomic_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

Json power_row(const HyperPower& power) {
  return Json::array({finite(power.coefficient, "coefficient"), finite(power.params, "params"),
                      finite(power.tokens, "tokens"), finite(power.flops, "flops")});
}

Json term_json(const HyperTerm& term) {
  Json json = {{"coefficient", finite(term.power.coefficient, "coefficient")},
               {"params", finite(term.power.params, "params")},
               {"tokens", finite(term.power.tokens, "tokens")},
               {"flops", finite(term.power.flops, "flops")}};
  if (term.draws.empty()) return json;
  json["draws"] = Json::array();
  for (const HyperPower& draw : term.draws) json["draws"].push_back(power_row(draw));
  return json;
}

HyperTerm read_term(const JsonReader& reader) {
  HyperTerm term{.power = {.coefficient = reader.number("coefficient"),
                           .params = reader.number_or("params", 0),
                           .tokens = reader.number_or("tokens", 0),
                           .flops = reader.number_or("flops", 0)}};
  if (!(term.power.coefficient > 0)) reader.fail("coefficient", "must be above 0");
  if (!reader.has("draws")) return term;
  for (const auto& row : reader.rows("draws", 4)) {
    if (!(row[0] > 0)) reader.fail("draws", "has a coefficient that is not above 0");
    term.draws.push_back(
        {.coefficient = row[0], .params = row[1], .tokens = row[2], .flops = row[3]});
  }
  return term;
}

void put_range(Json& json, const char* name, const HyperRange& range) {
  if (range == HyperRange{}) return;
  json[name] = {{"low", finite(range.low, name)}, {"high", finite(range.high, name)}};
}

HyperRange read_range(const JsonReader& reader, const char* name) {
  if (!reader.has(name)) return {};
  const JsonReader range = reader.object(name);
  const HyperRange out{range.number("low"), range.number("high")};
  if (!(out.low >= 0)) range.fail("low", "must be 0 or more");
  if (!(out.high >= out.low)) range.fail("high", "is below low");
  return out;
}

Json law_file_json(const HyperLaw& law) {
  Json json = {{"kind", "hyper_law"}, {"name", law.name}};
  if (!law.citation.empty()) json["citation"] = law.citation;
  json["counted"] = std::string(name_of(law.counted));
  if (law.rate) json["rate"] = term_json(*law.rate);
  if (law.batch) json["batch"] = term_json(*law.batch);
  Json range = Json::object();
  put_range(range, "params", law.params);
  put_range(range, "tokens", law.tokens);
  put_range(range, "flops", law.flops);
  put_range(range, "tokens_per_param", law.tokens_per_param);
  if (!range.empty()) json["range"] = range;
  if (law.warmup_per_param > 0) json["warmup_per_param"] = law.warmup_per_param;
  json["level"] = finite(law.level, "level");
  return json;
}

void put_number(Json& json, const char* name, const std::optional<double>& value) {
  if (value) json[name] = finite(*value, name);
}

void put_setting(Json& json, const TunedSetting& setting) {
  if (setting.rate) json["rate"] = interval_json(*setting.rate, "rate");
  if (setting.batch) json["batch_tokens"] = interval_json(*setting.batch, "batch_tokens");
  put_number(json, "batch_sequences", setting.sequences);
  put_number(json, "steps", setting.steps);
  put_number(json, "warmup_tokens", setting.warmup_tokens);
}

Json setting_json(const TunedSetting& setting) {
  Json json = {{"law", setting.law},
               {"formula", setting.formula},
               {"citation", setting.citation},
               {"counted", setting.counted}};
  put_setting(json, setting);
  if (!setting.range.empty()) json["range"] = setting.range;
  json["outside"] = setting.outside;
  return json;
}

Json losses_json(const std::vector<double>& losses) {
  Json json = Json::array();
  for (const double loss : losses) json.push_back(std::isfinite(loss) ? Json(loss) : Json(nullptr));
  return json;
}

Json rung_json(const HyperRung& rung) {
  Json json = {{"params", rung.params}, {"tokens", rung.tokens}};
  if (rung.beside > 0) json["beside"] = rung.beside;
  json["values"] = rung.values;
  json["losses"] = losses_json(rung.losses);
  json["state"] = std::string(name_of(rung.state));
  json["best"] = finite(rung.best, "best");
  put_number(json, "low", rung.low);
  put_number(json, "high", rung.high);
  if (rung.bracketed()) json["curvature"] = finite(rung.curvature, "curvature");
  put_number(json, "rule", rung.rule);
  put_number(json, "rule_loss", rung.rule_loss);
  put_number(json, "law", rung.law);
  put_number(json, "law_loss", rung.law_loss);
  return json;
}

Json term_fit_json(const HyperTermFit& fit) {
  Json json = {{"rungs", Json::array()}, {"bracketed", fit.bracketed}};
  for (const HyperRung& rung : fit.rungs) json["rungs"].push_back(rung_json(rung));
  if (fit.params_exponent) {
    json["exponents"]["params"] = interval_json(*fit.params_exponent, "params");
  }
  if (fit.tokens_exponent) {
    json["exponents"]["tokens"] = interval_json(*fit.tokens_exponent, "tokens");
  }
  if (fit.term) json["scatter"] = finite(fit.scatter, "scatter");
  if (!fit.refused.empty()) {
    json["refused"] = fit.refused;
    json["why"] = fit.why;
  }
  if (fit.lost_draws > 0) json["lost_draws"] = fit.lost_draws;
  json["warnings"] = warnings_json(fit.warnings);
  return json;
}

Json hyper_fit_json(const HyperFit& fit) {
  Json json = {{"runs", fit.runs}};
  if (fit.diverged > 0) json["diverged"] = fit.diverged;
  if (fit.noise > 0) {
    json["noise"] = finite(fit.noise, "noise");
    json["noise_source"] = fit.noise_source;
  }
  json["rate"] = term_fit_json(fit.rate);
  json["batch"] = term_fit_json(fit.batch);
  json["law"] = law_file_json(fit.law);
  return json;
}

void put_answer(Json& json, const TuneAnswer& answer) {
  const TunedSetting& chosen = answer.settings.at(answer.chosen);
  json["params"] = finite(answer.params, "params");
  json["tokens"] = finite(answer.tokens, "tokens");
  json["context"] = answer.context;
  json["schedule"] = answer.schedule;
  json["law"] = chosen.law;
  json["because"] = answer.because;
  put_setting(json, chosen);
  json["laws"] = Json::array();
  for (const TunedSetting& setting : answer.settings) json["laws"].push_back(setting_json(setting));
}

}  // namespace

std::string_view name_of(RungState state) {
  switch (state) {
    case RungState::kAtLowEdge:
      return "low_edge";
    case RungState::kAtHighEdge:
      return "high_edge";
    case RungState::kBesideDiverged:
      return "beside_diverged";
    case RungState::kFlat:
      return "flat";
    case RungState::kBesideOpen:
      return "beside_open";
    case RungState::kBracketed:
      break;
  }
  return "bracketed";
}

std::string hyper_law_json(const HyperLaw& law) { return json_text(law_file_json(law)); }

HyperLaw parse_hyper_law(std::string_view text, const std::string& name) {
  const Json json = parse_json(text, name);
  const JsonReader root(json, name);
  if (root.text_or("kind", "") != "hyper_law") {
    root.fail("kind", "is not a law of rates; write one with isoflop tune --out");
  }
  HyperLaw law{.name = root.text("name"),
               .citation = root.text_or("citation", ""),
               .counted = parse_counted_params(root.text_or("counted", "all"))};
  if (root.has("rate")) law.rate = read_term(root.object("rate"));
  if (root.has("batch")) law.batch = read_term(root.object("batch"));
  if (!law.rate && !law.batch) root.fail("rate", "is missing, and so is batch");
  if (root.has("range")) {
    const JsonReader range = root.object("range");
    law.params = read_range(range, "params");
    law.tokens = read_range(range, "tokens");
    law.flops = read_range(range, "flops");
    law.tokens_per_param = read_range(range, "tokens_per_param");
  }
  law.warmup_per_param = root.number_or("warmup_per_param", 0);
  if (!(law.warmup_per_param >= 0)) root.fail("warmup_per_param", "must be 0 or more");
  law.level = root.number_or("level", 0.9);
  if (!(law.level > 0 && law.level < 1)) root.fail("level", "must be between 0 and 1");
  return law;
}

HyperLaw read_hyper_law(const std::string& path) {
  return parse_hyper_law(read_whole_file(path), path);
}

std::string tune_json(const std::optional<TuneAnswer>& answer, const std::optional<HyperFit>& fit) {
  Json json = Json::object();
  if (answer) put_answer(json, *answer);
  if (fit) json["fit"] = hyper_fit_json(*fit);
  if (answer) json["assumptions"] = answer->assumptions;
  return json_text(json);
}

}  // namespace isoflop
