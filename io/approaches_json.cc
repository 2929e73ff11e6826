#include "io/approaches_json.h"

#include <utility>

namespace isoflop {
namespace {

void add_word(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

void add_maybe(Json& json, const char* key, const std::optional<double>& value) {
  if (value) json[key] = finite(*value, key);
}

Json line_json(const PowerLaw& line, const char* field) {
  return {{"intercept", finite(line.intercept, field)}, {"slope", finite(line.slope, field)}};
}

PowerLaw read_line(const JsonReader& reader) {
  return {.intercept = reader.number("intercept"), .slope = reader.number("slope")};
}

// The draws of N*(C) and D*(C) belong together: one row each.
void add_line_draws(Json& json, const PowerLawFit& params, const PowerLawFit& tokens) {
  if (params.draws.empty() || params.draws.size() != tokens.draws.size()) return;
  json["draw_columns"] = {"params_intercept", "params_slope", "tokens_intercept", "tokens_slope"};
  Json& draws = json["draws"] = Json::array();
  for (std::size_t k = 0; k < params.draws.size(); ++k) {
    const PowerLaw& n = params.draws[k];
    const PowerLaw& d = tokens.draws[k];
    draws.push_back({finite(n.intercept, "draws"), finite(n.slope, "draws"),
                     finite(d.intercept, "draws"), finite(d.slope, "draws")});
  }
}

void read_line_draws(const JsonReader& reader, PowerLawFit& params, PowerLawFit& tokens) {
  if (!reader.has("draws")) return;
  for (const auto& row : reader.rows("draws", 4)) {
    params.draws.push_back({.intercept = row[0], .slope = row[1]});
    tokens.draws.push_back({.intercept = row[2], .slope = row[3]});
  }
}

std::vector<Warning> read_approach_warnings(const JsonReader& reader) {
  std::vector<Warning> warnings;
  if (!reader.has("warnings")) return warnings;
  for (const JsonReader& warning : reader.objects("warnings")) {
    warnings.push_back({warning.text("code"), warning.text("message")});
  }
  return warnings;
}

Json profile_json(const BudgetProfile& p) {
  Json json = {{"budget", finite(p.budget, "isoflop.profiles.budget")},
               {"points", p.points},
               {"sizes", p.sizes},
               {"usable", p.usable}};
  add_word(json, "code", p.code);
  add_word(json, "estimator", p.estimator);
  json["params"] = finite(p.params, "isoflop.profiles.params");
  json["tokens"] = finite(p.tokens, "isoflop.profiles.tokens");
  json["loss"] = finite(p.loss, "isoflop.profiles.loss");
  json["curvature"] = finite(p.curvature, "isoflop.profiles.curvature");
  add_maybe(json, "akima", p.akima);
  add_maybe(json, "parabola", p.parabola);
  add_maybe(json, "joint", p.joint);
  add_maybe(json, "log_error", p.log_error);
  json["disagreement"] = finite(p.disagreement, "isoflop.profiles.disagreement");
  return json;
}

BudgetProfile read_profile(const JsonReader& reader) {
  return {.budget = reader.number("budget"),
          .points = static_cast<int>(reader.whole("points")),
          .sizes = static_cast<int>(reader.whole_or("sizes", 0)),
          .usable = reader.truth("usable"),
          .code = reader.text_or("code", ""),
          .estimator = reader.text_or("estimator", ""),
          .params = reader.number("params"),
          .tokens = reader.number("tokens"),
          .loss = reader.number("loss"),
          .curvature = reader.number("curvature"),
          .akima = reader.maybe_number("akima"),
          .parabola = reader.maybe_number("parabola"),
          .joint = reader.maybe_number("joint"),
          .log_error = reader.maybe_number("log_error"),
          .disagreement = reader.number_or("disagreement", 0)};
}

Json estimator_json(const EstimatorExponents& e) {
  return {{"estimator", e.estimator},
          {"budgets", e.budgets},
          {"a", interval_json(e.a, "isoflop.estimators.a")},
          {"b", interval_json(e.b, "isoflop.estimators.b")},
          {"log_error", finite(e.log_error, "isoflop.estimators.log_error")}};
}

EstimatorExponents read_estimator(const JsonReader& reader) {
  return {.estimator = reader.text("estimator"),
          .budgets = static_cast<int>(reader.whole("budgets")),
          .a = read_interval(reader.object("a")),
          .b = read_interval(reader.object("b")),
          .log_error = reader.number_or("log_error", 0)};
}

Json step_json(const EnvelopeStep& s) {
  return {{"params", finite(s.params, "envelope.steps.params")},
          {"runs", s.runs},
          {"flops_low", finite(s.flops_low, "envelope.steps.flops_low")},
          {"flops_high", finite(s.flops_high, "envelope.steps.flops_high")},
          {"tokens_low", finite(s.tokens_low, "envelope.steps.tokens_low")},
          {"tokens_high", finite(s.tokens_high, "envelope.steps.tokens_high")},
          {"loss", finite(s.loss, "envelope.steps.loss")},
          {"grid_points", s.grid_points},
          {"bracketed", s.bracketed}};
}

EnvelopeStep read_step(const JsonReader& reader) {
  return {.params = reader.number("params"),
          .runs = reader.text("runs"),
          .flops_low = reader.number("flops_low"),
          .flops_high = reader.number("flops_high"),
          .tokens_low = reader.number("tokens_low"),
          .tokens_high = reader.number("tokens_high"),
          .loss = reader.number("loss"),
          .grid_points = static_cast<int>(reader.whole("grid_points")),
          .bracketed = reader.truth("bracketed")};
}

Json third_json(const EnvelopeThird& third) {
  Json json = {{"flops_low", finite(third.flops_low, "envelope.thirds.flops_low")},
               {"flops_high", finite(third.flops_high, "envelope.thirds.flops_high")}};
  add_maybe(json, "a", third.a);
  return json;
}

EnvelopeThird read_third(const JsonReader& reader) {
  return {.flops_low = reader.number("flops_low"),
          .flops_high = reader.number("flops_high"),
          .a = reader.maybe_number("a")};
}

Json approach_answer_json(const ApproachAnswer& answer) {
  Json json = {{"approach", answer.approach}, {"usable", answer.usable}};
  add_word(json, "code", answer.code);
  add_word(json, "why_not", answer.why_not);
  if (!answer.usable) return json;
  json["a"] = interval_json(answer.a, "approaches.answers.a");
  json["b"] = interval_json(answer.b, "approaches.answers.b");
  json["params"] = interval_json(answer.params, "approaches.answers.params");
  json["tokens"] = interval_json(answer.tokens, "approaches.answers.tokens");
  if (answer.loss) json["loss"] = interval_json(*answer.loss, "approaches.answers.loss");
  return json;
}

ApproachAnswer read_approach_answer(const JsonReader& reader) {
  ApproachAnswer answer{.approach = static_cast<int>(reader.whole("approach")),
                        .usable = reader.truth("usable"),
                        .code = reader.text_or("code", ""),
                        .why_not = reader.text_or("why_not", "")};
  if (!answer.usable) return answer;
  answer.a = read_interval(reader.object("a"));
  answer.b = read_interval(reader.object("b"));
  answer.params = read_interval(reader.object("params"));
  answer.tokens = read_interval(reader.object("tokens"));
  if (reader.has("loss")) answer.loss = read_interval(reader.object("loss"));
  return answer;
}

Json pair_json(const ApproachPair& pair) {
  Json json = {{"first", pair.first},
               {"second", pair.second},
               {"ratio", finite(pair.ratio, "approaches.pairs.ratio")}};
  add_maybe(json, "z", pair.z);
  return json;
}

ApproachPair read_pair(const JsonReader& reader) {
  return {.first = static_cast<int>(reader.whole("first")),
          .second = static_cast<int>(reader.whole("second")),
          .ratio = reader.number("ratio"),
          .z = reader.maybe_number("z")};
}

template <typename Item, typename ToJson>
Json list_json(const std::vector<Item>& items, ToJson to_json) {
  Json json = Json::array();
  for (const Item& item : items) json.push_back(to_json(item));
  return json;
}

template <typename Item>
std::vector<Item> read_list(const JsonReader& reader, const char* key,
                            Item (*read)(const JsonReader&)) {
  std::vector<Item> items;
  if (!reader.has(key)) return items;
  for (const JsonReader& item : reader.objects(key)) items.push_back(read(item));
  return items;
}

// Quantiles are taken at it.
double read_level(const JsonReader& reader, double absent) {
  const double level = reader.number_or("level", absent);
  if (!(level > 0 && level < 1)) reader.fail("level", "must be between 0 and 1");
  return level;
}

}  // namespace

Json isoflop_json(const IsoflopFit& fit) {
  Json json = {{"usable", fit.usable}};
  add_word(json, "why_not", fit.why_not);
  json["a"] = interval_json(fit.a, "isoflop.a");
  json["b"] = interval_json(fit.b, "isoflop.b");
  json["level"] = finite(fit.level, "isoflop.level");
  json["params_law"] = line_json(fit.params_law.line, "isoflop.params_law");
  json["tokens_law"] = line_json(fit.tokens_law.line, "isoflop.tokens_law");
  json["estimators"] = list_json(fit.estimators, estimator_json);
  json["noise"] = finite(fit.noise, "isoflop.noise");
  add_word(json, "noise_source", fit.noise_source);
  json["scatter"] = finite(fit.scatter, "isoflop.scatter");
  json["profiles"] = list_json(fit.profiles, profile_json);
  json["warnings"] = warnings_json(fit.warnings);
  add_line_draws(json, fit.params_law, fit.tokens_law);
  return json;
}

IsoflopFit read_isoflop(const JsonReader& reader) {
  IsoflopFit fit;
  fit.usable = reader.truth("usable");
  fit.why_not = reader.text_or("why_not", "");
  fit.a = read_interval(reader.object("a"));
  fit.b = read_interval(reader.object("b"));
  fit.level = read_level(reader, fit.level);
  fit.params_law.line = read_line(reader.object("params_law"));
  fit.tokens_law.line = read_line(reader.object("tokens_law"));
  fit.estimators = read_list(reader, "estimators", read_estimator);
  fit.noise = reader.number_or("noise", 0);
  fit.noise_source = reader.text_or("noise_source", "");
  fit.scatter = reader.number_or("scatter", 1);
  fit.profiles = read_list(reader, "profiles", read_profile);
  fit.warnings = read_approach_warnings(reader);
  read_line_draws(reader, fit.params_law, fit.tokens_law);
  return fit;
}

Json envelope_json(const EnvelopeFit& fit) {
  Json json = {{"usable", fit.usable}};
  add_word(json, "code", fit.code);
  add_word(json, "why_not", fit.why_not);
  json["runs"] = fit.runs;
  json["sizes"] = fit.sizes;
  json["flops"] = {{"low", finite(fit.flops_low, "envelope.flops")},
                   {"high", finite(fit.flops_high, "envelope.flops")}};
  json["a"] = interval_json(fit.a, "envelope.a");
  json["b"] = interval_json(fit.b, "envelope.b");
  json["a_as_printed"] = finite(fit.a_as_printed, "envelope.a_as_printed");
  json["level"] = finite(fit.level, "envelope.level");
  add_word(json, "method", fit.interval_method);
  json["params_law"] = line_json(fit.params_law.line, "envelope.params_law");
  json["tokens_law"] = line_json(fit.tokens_law.line, "envelope.tokens_law");
  json["thirds"] = list_json(fit.thirds, third_json);
  json["steps"] = list_json(fit.steps, step_json);
  json["warnings"] = warnings_json(fit.warnings);
  add_line_draws(json, fit.params_law, fit.tokens_law);
  return json;
}

EnvelopeFit read_envelope(const JsonReader& reader) {
  EnvelopeFit fit;
  fit.usable = reader.truth("usable");
  fit.code = reader.text_or("code", "");
  fit.why_not = reader.text_or("why_not", "");
  fit.runs = static_cast<int>(reader.whole("runs"));
  fit.sizes = static_cast<int>(reader.whole("sizes"));
  fit.flops_low = reader.object("flops").number("low");
  fit.flops_high = reader.object("flops").number("high");
  fit.a = read_interval(reader.object("a"));
  fit.b = read_interval(reader.object("b"));
  fit.a_as_printed = reader.number_or("a_as_printed", 0);
  fit.level = read_level(reader, fit.level);
  fit.interval_method = reader.text_or("method", "");
  fit.params_law.line = read_line(reader.object("params_law"));
  fit.tokens_law.line = read_line(reader.object("tokens_law"));
  fit.thirds = read_list(reader, "thirds", read_third);
  fit.steps = read_list(reader, "steps", read_step);
  fit.warnings = read_approach_warnings(reader);
  read_line_draws(reader, fit.params_law, fit.tokens_law);
  return fit;
}

Json approaches_json(const ApproachComparison& comparison) {
  Json json = {{"flops", finite(comparison.flops, "approaches.flops")},
               {"level", finite(comparison.level, "approaches.level")}};
  json["answers"] = list_json(comparison.answers, approach_answer_json);
  json["pairs"] = list_json(comparison.pairs, pair_json);
  add_word(json, "verdict", comparison.verdict);
  json["warnings"] = warnings_json(comparison.warnings);
  return json;
}

ApproachComparison read_approaches(const JsonReader& reader) {
  return {.flops = reader.number("flops"),
          .level = reader.number("level"),
          .answers = read_list(reader, "answers", read_approach_answer),
          .pairs = read_list(reader, "pairs", read_pair),
          .verdict = reader.text_or("verdict", ""),
          .warnings = read_approach_warnings(reader)};
}

}  // namespace isoflop
