// Forecasts of finished runs as they would have been made on the way: what bench/forecast.py draws.
//
//   bench_forecast WINDOW STRANGERS.csv < curves.csv > forecasts.csv
//
// In:  run,family,step,rate,loss,heldout,heldout_error,final_heldout   (empty: absent)
// Out: run,family,prior,seen,truth,value,low,high,last,power,heldout_truth,heldout,heldout_low,
//      heldout_high,microseconds   (of CPU, for one forecast)
// The truth is the mean of the last WINDOW points; `last` is the same mean so far; `power` is the
// best L0 + A step^-alpha through what was seen. Priors, none of which has seen the run:
//   strangers  centred on STRANGERS.csv, runs of quite another kind; the default's spread x sqrt 2,
//              since the default lies between two kinds
//   others     learnt from the other families
//   siblings   learnt from the other runs of the family
// and, for completeness, "default", whose centres lie between the curves measured here.
#include "forecast/forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr std::array kSeen = {0.3, 0.5, 0.7, 0.9};
constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

struct Run {
  std::string name, family;
  std::vector<CurvePoint> points = {};
  double final_heldout = kAbsent;
};

double number(const std::string& text) {
  return text.empty() ? kAbsent : std::strtod(text.c_str(), nullptr);
}

std::vector<Run> read_runs(std::istream& stream) {
  std::vector<Run> runs;
  std::map<std::string, std::size_t> index;
  std::string line;
  while (std::getline(stream, line)) {
    std::vector<std::string> cells;
    std::stringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    cells.resize(8);
    const auto [at, fresh] = index.try_emplace(cells[1] + "/" + cells[0], runs.size());
    if (fresh) runs.push_back({.name = cells[0], .family = cells[1]});
    Run& run = runs[at->second];
    CurvePoint point{.step = std::atoll(cells[2].c_str()),
                     .train_loss = number(cells[4]),
                     .rate = number(cells[3])};
    if (!cells[5].empty()) {
      point.heldout_loss = number(cells[5]);
      point.heldout_error = cells[6].empty() ? 0 : number(cells[6]);
    }
    run.points.push_back(point);
    if (!cells[7].empty()) run.final_heldout = number(cells[7]);
  }
  return runs;
}

// The schedule as recorded: linear between points, and up from zero before the first, at most over
// its first 2160 steps (the warm-up of the published curves, which begin after it).
RateSchedule recorded_schedule(const std::vector<CurvePoint>& points) {
  return {.steps = points.back().step, .rate = [&points](std::int64_t step) {
            const auto after =
                std::lower_bound(points.begin(), points.end(), step,
                                 [](const CurvePoint& p, std::int64_t s) { return p.step < s; });
            if (after == points.begin()) {
              const double top = std::min<double>(static_cast<double>(after->step), 2160);
              return after->rate * std::min(1.0, static_cast<double>(step) / top);
            }
            if (after == points.end()) return points.back().rate;
            const auto before = after - 1;
            const double t = static_cast<double>(step - before->step) /
                             static_cast<double>(after->step - before->step);
            return before->rate + t * (after->rate - before->rate);
          }};
}

double mean_of_last(std::span<const CurvePoint> points, std::size_t window) {
  const std::size_t n = std::min(window, points.size());
  double sum = 0;
  for (const CurvePoint& p : points.last(n)) sum += p.train_loss;
  return sum / static_cast<double>(n);
}

struct Line {
  double at_zero = 0, slope = 0, squares = 0;
};

Line least_squares(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sx += x[i];
    sy += y[i];
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - sx / n, dy = y[i] - sy / n;
    sxx += dx * dx;
    sxy += dx * dy;
    syy += dy * dy;
  }
  const double slope = sxy / sxx;
  return {.at_zero = sy / n - slope * sx / n, .slope = slope, .squares = syy - slope * sxy};
}

// L0 + A step^-alpha by least squares; alpha on a grid from 0.05 to 2. The first 15 % of the points
// are left out, as in the forecast.
double power_law(std::span<const CurvePoint> points, double end) {
  double best = kAbsent;
  double least = std::numeric_limits<double>::infinity();
  for (double alpha = 0.05; alpha <= 2; alpha *= 1.05) {
    std::vector<double> x, y;
    for (const CurvePoint& p : points) {
      if (static_cast<double>(p.step) < 0.15 * static_cast<double>(points.back().step)) continue;
      x.push_back(std::pow(static_cast<double>(p.step) / end, -alpha));
      y.push_back(p.train_loss);
    }
    const Line line = least_squares(x, y);
    if (line.squares >= least) continue;
    least = line.squares;
    best = line.at_zero + line.slope;
  }
  return best;
}

ForecastPrior prior_from(const std::vector<Run>& runs, const Run& run, bool siblings) {
  std::vector<FinishedCurve> family;
  for (const Run& other : runs) {
    if (&other == &run || (other.family == run.family) != siblings) continue;
    family.push_back({.points = other.points, .schedule = recorded_schedule(other.points)});
  }
  return learn_prior(family);
}

ForecastPrior prior_of_strangers(const std::vector<Run>& strangers) {
  std::vector<FinishedCurve> curves;
  for (const Run& run : strangers) {
    curves.push_back({.points = run.points, .schedule = recorded_schedule(run.points)});
  }
  ForecastPrior prior = learn_prior(curves);
  const ForecastPrior spread = default_forecast_prior();
  prior.alpha.sd = spread.alpha.sd * std::sqrt(2.0);
  prior.pace.sd = spread.pace.sd * std::sqrt(2.0);
  prior.gain.sd = spread.gain.sd * std::sqrt(2.0);
  return prior;
}

void forecast_run(const std::vector<Run>& runs, const Run& run, const ForecastPrior& strangers,
                  std::size_t window) {
  const RateSchedule schedule = recorded_schedule(run.points);
  const double truth = mean_of_last(run.points, window);
  const std::map<std::string, ForecastPrior> priors = {{"default", default_forecast_prior()},
                                                       {"strangers", strangers},
                                                       {"others", prior_from(runs, run, false)},
                                                       {"siblings", prior_from(runs, run, true)}};
  for (const auto& [name, prior] : priors) {
    for (const double seen : kSeen) {
      std::vector<CurvePoint> points;
      for (const CurvePoint& p : run.points) {
        if (static_cast<double>(p.step) <= seen * static_cast<double>(schedule.steps)) {
          points.push_back(p);
        }
      }
      const std::clock_t start = std::clock();
      const Forecast f = forecast_final_loss(points, schedule, {.prior = prior});
      const double took = 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      if (!f.reliable) {
        std::fprintf(stderr, "%s/%s at %g: %s\n", run.family.c_str(), run.name.c_str(), seen,
                     f.why_not.c_str());
        continue;
      }
      const LossInterval held = f.heldout.value_or(LossInterval{kAbsent, kAbsent, kAbsent});
      std::printf("%s,%s,%s,%g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.0f\n",
                  run.name.c_str(), run.family.c_str(), name.c_str(), seen, truth, f.train.value,
                  f.train.low, f.train.high, mean_of_last(points, window),
                  power_law(points, static_cast<double>(schedule.steps)), run.final_heldout,
                  held.value, held.low, held.high, took);
    }
  }
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_forecast WINDOW STRANGERS.csv < curves.csv\n");
    return 2;
  }
  std::ifstream file(argv[2]);
  const isoflop::ForecastPrior strangers = isoflop::prior_of_strangers(isoflop::read_runs(file));
  const std::vector<isoflop::Run> runs = isoflop::read_runs(std::cin);
  std::printf(
      "run,family,prior,seen,truth,value,low,high,last,power,heldout_truth,heldout,"
      "heldout_low,heldout_high,microseconds\n");
  for (const isoflop::Run& run : runs) {
    isoflop::forecast_run(runs, run, strangers, std::strtoul(argv[1], nullptr, 10));
  }
}
