#include "app/running_forecasts.h"

#include <algorithm>

#include "core/schedule.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostSiblings = 24;  // each costs some milliseconds

RateSchedule schedule_of_row(const TrialRow& row) { return rate_schedule(schedule_of(row.trial)); }

// The finished trials that are spread most evenly over the grid.
ForecastPrior prior_of(const Store& store, const std::string& study) {
  std::vector<FinishedCurve> family;
  for (const TrialRow& row : store.some_done(study, kMostSiblings)) {
    family.push_back({store.curve(row.id), schedule_of_row(row)});
  }
  return learn_prior(family);
}

}  // namespace

std::map<std::string, Forecast> forecast_running(const Store& store, const std::string& study,
                                                 std::size_t most) {
  std::vector<TrialRow> rows = store.running_trials(study);
  std::erase_if(rows, [](const TrialRow& row) { return row.trial.trainer != "decoder"; });
  std::stable_sort(rows.begin(), rows.end(), [](const TrialRow& a, const TrialRow& b) {
    return a.tokens_done / a.tokens > b.tokens_done / b.tokens;
  });
  rows.resize(std::min(rows.size(), most));
  if (rows.empty()) return {};
  const ForecastOptions options{.prior = prior_of(store, study)};
  std::map<std::string, Forecast> forecasts;
  for (const TrialRow& row : rows) {
    forecasts[row.identity] =
        forecast_final_loss(store.curve(row.id), schedule_of_row(row), options);
  }
  return forecasts;
}

std::map<std::string, std::vector<double>> running_curves(const Store& store,
                                                          const std::string& study,
                                                          std::size_t most) {
  std::vector<TrialRow> rows = store.running_trials(study);
  rows.resize(std::min(rows.size(), most));
  std::map<std::string, std::vector<double>> curves;
  for (const TrialRow& row : rows) {
    for (const CurvePoint& point : store.curve(row.id)) {
      if (point.train_loss > 0) curves[row.identity].push_back(point.train_loss);
    }
  }
  return curves;
}

Json forecast_json(const Forecast& forecast) {
  const LossInterval& loss = forecast.heldout ? *forecast.heldout : forecast.train;
  return {{"of", forecast.heldout ? "held-out" : "train"},
          {"value", loss.value},
          {"low", loss.low},
          {"high", loss.high}};
}

}  // namespace isoflop
