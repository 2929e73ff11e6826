#include "fit/valley_draws.h"

#include <cmath>

#include "core/normal.h"

namespace isoflop {
namespace {

std::vector<double> noiseless(const Valley& valley) {
  std::vector<double> out = valley.log_loss;
  const ValleyParabola parabola = windowed_parabola(valley.log_params, valley.log_loss);
  for (std::size_t i = parabola.window.first; i < parabola.window.last; ++i) {
    const double loss = parabola.at(valley.log_params[i]);
    if (loss > 0) out[i] = std::log(loss);
  }
  return out;
}

std::optional<ValleyMinimum> lowest_of_parabola(std::span<const double> x,
                                                std::span<const double> y) {
  return parabola_minimum(windowed_parabola(x, y), x);
}

void add_shift(const std::optional<ValleyMinimum>& truth, const std::optional<ValleyMinimum>& drawn,
               MinimumDraws& out) {
  if (truth && drawn) out.shift.push_back(drawn->log_params - truth->log_params);
}

}  // namespace

void finish_draws(int draws, MinimumDraws& out) {
  const auto n = static_cast<double>(out.shift.size());
  out.inside = n / draws;
  if (n < 2) return;
  double mean = 0;
  for (const double s : out.shift) mean += s / n;
  double square = 0;
  for (const double s : out.shift) square += (s - mean) * (s - mean) / (n - 1);
  out.error = std::sqrt(square) / out.inside;
}

ValleyDraws draw_minima(const Valley& valley, double sigma, int draws, std::uint64_t seed) {
  const std::span<const double> x = valley.log_params;
  const std::vector<double> truth = noiseless(valley);
  const auto akima = akima_minimum(x, truth);
  const auto parabola = lowest_of_parabola(x, truth);
  ValleyDraws out;
  std::vector<double> y(truth.size());
  for (int k = 0; k < draws; ++k) {
    SplitMix64 random(splitmix64(seed) + static_cast<std::uint64_t>(k) * 0x632be59bd9b4e019ULL);
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = truth[i] + sigma / std::sqrt(valley.rows[i]) * standard_normal(random);
    }
    add_shift(akima, akima_minimum(x, y), out.akima);
    add_shift(parabola, lowest_of_parabola(x, y), out.parabola);
  }
  finish_draws(draws, out.akima);
  finish_draws(draws, out.parabola);
  return out;
}

PowerLaw weighted_line(std::span<const double> x, std::span<const double> y,
                       std::span<const double> weight) {
  double total = 0, x_mean = 0, y_mean = 0;
  for (std::size_t i = 0; i < x.size(); ++i) total += weight[i];
  for (std::size_t i = 0; i < x.size(); ++i) {
    x_mean += weight[i] / total * x[i];
    y_mean += weight[i] / total * y[i];
  }
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += weight[i] * (x[i] - x_mean) * (x[i] - x_mean);
    xy += weight[i] * (x[i] - x_mean) * (y[i] - y_mean);
  }
  const double slope = xy / xx;
  return {.intercept = y_mean - slope * x_mean, .slope = slope};
}

}  // namespace isoflop
