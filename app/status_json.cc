#include "app/status_json.h"

#include <algorithm>
#include <cmath>

#include "app/running_forecasts.h"

namespace isoflop {
namespace {

void put(Json& json, const char* key, const std::optional<double>& value) {
  if (value && std::isfinite(*value)) json[key] = *value;
}
void put(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

Json states_json(const SweepStatus& status) {
  return {{"planned", status.planned},
          {"leased", status.leased},
          {"running", status.running},
          {"done", status.done},
          {"failed", status.failed},
          {"diverged", status.diverged},
          {"out_of_memory", status.out_of_memory},
          {"cancelled", status.cancelled}};
}

Json rung_json(const RateRung& rung) {
  Json losses = Json::array();
  for (const double loss : rung.losses) losses.push_back(std::isfinite(loss) ? Json(loss) : Json());
  return {{"params", rung.params},   {"tokens", rung.tokens},
          {"rate", rung.rate},       {"rates", rung.rates},
          {"losses", losses},        {"best", rung.best},
          {"at_edge", rung.at_edge}, {"best_rate", rung.best_rate},
          {"ratio", rung.ratio}};
}

Json group_json(const SweepGroup& group) {
  Json json{{"params_low", group.params_low},
            {"params_high", group.params_high},
            {"trials", states_json(group.status)},
            {"flops", group.status.flops_done},
            {"flops_total", group.status.flops_total}};
  if (group.budget_high > 0) {
    json["budget_low"] = group.budget_low;
    json["budget_high"] = group.budget_high;
  }
  if (group.bracket) json["bracket"] = true;
  return json;
}

Json running_json(const StatusAnswer& answer, const LiveAttempt& attempt) {
  Json json{{"trial", attempt.identity.substr(0, 12)},
            {"params", attempt.params},
            {"tokens", attempt.tokens},
            {"tokens_done", attempt.tokens_done},
            {"attempt", attempt.number},
            {"host", attempt.host},
            {"pid", attempt.pid},
            {"device", attempt.device},
            {"started", attempt.started},
            {"heartbeat", attempt.heartbeat},
            {"silent_seconds", std::max(0.0, answer.view.now - attempt.heartbeat)},
            {"gone", attempt.gone}};
  put(json, "held_by", attempt.held_by);
  put(json, "train_loss", attempt.train_loss);
  put(json, "heldout_loss", attempt.heldout_loss);
  if (attempt.micro_batch > 0) json["micro_batch"] = attempt.micro_batch;
  const auto forecast = answer.forecasts.find(attempt.identity);
  if (forecast != answer.forecasts.end() && forecast->second.reliable) {
    json["forecast"] = forecast_json(forecast->second);
  }
  return json;
}

Json failure_json(const FailureClass& failure, const std::string& store_flags) {
  Json json{{"state", failure.state},
            {"trials", failure.trials},
            {"retry", retry_command(failure.state, store_flags)}};
  put(json, "reason", failure.reason);
  put(json, "trial", failure.identity.substr(0, 12));
  put(json, "log", failure.log);
  if (failure.with_reason > 0) json["with_reason"] = failure.with_reason;
  return json;
}

void put_costs(Json& json, const StatusAnswer& answer) {
  const SweepBill bill = bill_of(answer.view, answer.rates);
  json["core_hours"] = bill.core_hours;
  json["gpu_hours"] = bill.gpu_hours;
  put(json, "energy_kwh", bill.energy);
  put(json, "money", bill.money);
  put(json, "cost_basis", bill.basis);
  if (const auto left = time_left(answer.view)) {
    put(json, "eta_seconds", left->seconds);
    json["worker_seconds_left"] = left->worker_seconds;
    json["workers"] = left->workers;
  }
}

}  // namespace

Json status_json(const StatusAnswer& answer) {
  const SweepView& view = answer.view;
  const SweepStatus& status = view.status;
  Json json{{"study", status.study},
            {"headline", headline(answer)},
            {"trials", states_json(status)},
            {"flops", status.flops_done},
            {"flops_total", status.flops_total},
            {"flops_left", std::max(0.0, status.flops_left)},
            {"flops_spent", status.flops_spent},
            {"flops_alone", status.flops_alone},
            {"trunks", status.trunks},
            {"seconds", status.seconds}};
  put_costs(json, answer);
  for (const char* list : {"groups", "rungs", "running", "held", "failures"}) {
    json[list] = Json::array();
  }
  for (const SweepGroup& group : view.groups) json["groups"].push_back(group_json(group));
  for (const RateRung& rung : answer.rungs) json["rungs"].push_back(rung_json(rung));
  for (const LiveAttempt& attempt : view.running) {
    json["running"].push_back(running_json(answer, attempt));
  }
  for (const HeldTrials& held : view.held) {
    json["held"].push_back({{"holder", held.holder}, {"trials", held.trials}});
  }
  for (const FailureClass& failure : view.failures) {
    json["failures"].push_back(failure_json(failure, answer.store_flags));
  }
  return json;
}

}  // namespace isoflop
