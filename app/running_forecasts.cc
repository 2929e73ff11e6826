#include "app/running_forecasts.h"

#include <algorithm>

#include "core/schedule.h"
#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostSiblings = 24;  // each costs some milliseconds

RateSchedule schedule_of_row(const TrialRow& row) { return rate_schedule(schedule_of(row.trial)); }

// The finished trials that are spread most evenly over the grid.
ForecastPrior prior_of(const Store& store, const std::vector<TrialRow>& rows) {
  std::vector<const TrialRow*> done;
  for (const TrialRow& row : rows) {
    if (row.state == "done") done.push_back(&row);
  }
  std::vector<FinishedCurve> family;
  const std::size_t count = std::min(done.size(), kMostSiblings);
  for (std::size_t i = 0; i < count; ++i) {
    const TrialRow& row = *done[i * done.size() / count];
    family.push_back({store.curve(row.id), schedule_of_row(row)});
  }
  return learn_prior(family);
}

const LossInterval& interval_of(const Forecast& forecast) {
  return forecast.heldout ? *forecast.heldout : forecast.train;
}

const char* kind_of(const Forecast& forecast) { return forecast.heldout ? "held-out" : "train"; }

}  // namespace

std::vector<RunningForecast> forecast_running(const Store& store, const std::string& study) {
  const auto rows = store.trials(study);
  const auto is_running = [](const TrialRow& row) {
    return row.state == "running" && row.trial.trainer == "decoder";
  };
  if (std::none_of(rows.begin(), rows.end(), is_running)) return {};
  const ForecastOptions options{.prior = prior_of(store, rows)};
  std::vector<RunningForecast> forecasts;
  for (const TrialRow& row : rows) {
    if (!is_running(row)) continue;
    forecasts.push_back(
        {row, forecast_final_loss(store.curve(row.id), schedule_of_row(row), options)});
  }
  return forecasts;
}

std::string forecasts_text(const std::vector<RunningForecast>& forecasts) {
  std::string text;
  for (const auto& [trial, forecast] : forecasts) {
    text += "running: N " + format_quantity(trial.params) + "  D " + format_quantity(trial.tokens) +
            "  " + format_quantity(100 * trial.tokens_done / trial.tokens) + " % done";
    if (forecast.reliable) {
      const LossInterval& loss = interval_of(forecast);
      text += std::string("  ") + kind_of(forecast) + " loss will end at " + fixed4(loss.value) +
              " [" + fixed4(loss.low) + ", " + fixed4(loss.high) + "]";
    }
    text += '\n';
  }
  return text;
}

Json forecasts_json(const std::vector<RunningForecast>& forecasts) {
  Json array = Json::array();
  for (const auto& [trial, forecast] : forecasts) {
    Json row = {{"trial", trial.identity.substr(0, 12)},
                {"params", trial.params},
                {"tokens", trial.tokens},
                {"tokens_done", trial.tokens_done}};
    if (forecast.reliable) {
      const LossInterval& loss = interval_of(forecast);
      row["forecast"] = {
          {"of", kind_of(forecast)}, {"value", loss.value}, {"low", loss.low}, {"high", loss.high}};
    }
    array.push_back(row);
  }
  return array;
}

}  // namespace isoflop
