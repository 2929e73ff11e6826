// Where the trials that are running now will end, from their curves and from what the study's
// finished trials were like (forecast/forecast.h).
#ifndef ISOFLOP_APP_RUNNING_FORECASTS_H_
#define ISOFLOP_APP_RUNNING_FORECASTS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "db/store.h"
#include "forecast/forecast.h"
#include "io/json.h"

namespace isoflop {

// By identity, for at most `most` of them (each costs some milliseconds): those that have come
// furthest.
std::map<std::string, Forecast> forecast_running(const Store& store, const std::string& study,
                                                 std::size_t most);

// {"of": "held-out", "value", "low", "high"}
// The training losses so far of at most `most` running trials, by identity.
std::map<std::string, std::vector<double>> running_curves(const Store& store,
                                                          const std::string& study,
                                                          std::size_t most = 20);

Json forecast_json(const Forecast& forecast);

}  // namespace isoflop

#endif  // ISOFLOP_APP_RUNNING_FORECASTS_H_
