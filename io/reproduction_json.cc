#include "io/reproduction_json.h"

#include "io/comparison_json.h"
#include "io/json.h"

namespace isoflop {
namespace {

void put_known(Json& json, const char* key, const std::optional<double>& value) {
  if (value) json[key] = finite(*value, key);
}

Json reproduced_value_json(const ReproducedValue& value) {
  Json json = {{"label", value.label}, {"quantity", value.quantity}};
  put_known(json, "ours", value.ours);
  put_known(json, "printed", value.printed);
  put_known(json, "ratio", value.ratio());
  json["basis"] = value.basis;
  return json;
}

Json reproduced_table_json(const ReproducedTable& table) {
  Json values = Json::array();
  for (const ReproducedValue& value : table.values) values.push_back(reproduced_value_json(value));
  return {{"name", table.name},
          {"title", table.title},
          {"source", table.source},
          {"values", std::move(values)},
          {"findings", warnings_json(table.findings)},
          {"notes", table.notes}};
}

Json suite_json(const SuiteOutcome& suite) {
  Json printed = {{"better", suite.printed.better},
                  {"equal", suite.printed.equal},
                  {"worse", suite.printed.worse}};
  put_known(printed, "chinchilla", suite.printed.chinchilla);
  put_known(printed, "gopher", suite.printed.gopher);
  Json tasks = Json::array();
  for (const TaskRow& task : suite.tasks) {
    tasks.push_back({{"task", task.task},
                     {"chinchilla", task.chinchilla},
                     {"gopher", task.gopher},
                     {"metric", task.metric}});
  }
  return {{"suite", suite.printed.suite},
          {"better", suite.better},
          {"equal", suite.equal},
          {"worse", suite.worse},
          {"chinchilla", finite(suite.chinchilla, "chinchilla")},
          {"gopher", finite(suite.gopher, "gopher")},
          {"mean_ratio", finite(suite.mean_ratio, "mean_ratio")},
          {"printed", std::move(printed)},
          {"findings", warnings_json(suite.findings)},
          {"tasks", std::move(tasks)}};
}

}  // namespace

std::string reproduction_json(const Reproduction& r) {
  Json json = {{"name", r.name}};
  if (r.models) json["models"] = parse_json(comparison_json(*r.models), "comparison");
  json["tables"] = Json::array();
  for (const ReproducedTable& table : r.tables) {
    json["tables"].push_back(reproduced_table_json(table));
  }
  json["suites"] = Json::array();
  for (const SuiteOutcome& suite : r.suites) json["suites"].push_back(suite_json(suite));
  return json_text(json);
}

}  // namespace isoflop
