// Where the trials that are running now will end, from their curves and from what the study's
// finished trials were like (forecast/forecast.h).
#ifndef ISOFLOP_APP_RUNNING_FORECASTS_H_
#define ISOFLOP_APP_RUNNING_FORECASTS_H_

#include <string>
#include <vector>

#include "db/store.h"
#include "forecast/forecast.h"
#include "io/json.h"

namespace isoflop {

struct RunningForecast {
  TrialRow trial;
  Forecast forecast;
};

// In the grid's order.
std::vector<RunningForecast> forecast_running(const Store& store, const std::string& study);

// One line a trial; empty without any.
std::string forecasts_text(const std::vector<RunningForecast>& forecasts);
Json forecasts_json(const std::vector<RunningForecast>& forecasts);

}  // namespace isoflop

#endif  // ISOFLOP_APP_RUNNING_FORECASTS_H_
