// bench_fit TABLE [--threads T]: times of the fits of a table of N, C and loss, for bench/fit.py.
//
// TABLE is the CSV of Besiroglu et al. 2024 (Model Size, Training FLOP, loss in columns 4, 5 and
// 7); its first five rows are left out. Prints one JSON object: seconds are of the wall clock, the
// shortest of five runs, of one of the paper's grid.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/stopwatch.h"
#include "fit/bootstrap.h"
#include "fit/law_sums.h"
#include "fit/newton.h"
#include "fit/parametric_fit.h"
#include "fit/points.h"
#include "fit/simulate.h"

namespace isoflop {
namespace {

std::vector<Observation> read_points(const char* path) {
  std::ifstream file(path);
  std::vector<Observation> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream cells(line);
    std::vector<std::string> cell;
    for (std::string text; std::getline(cells, text, ',');) cell.push_back(text);
    const double params = std::stod(cell.at(3));
    const double flops = std::stod(cell.at(4));
    rows.push_back({.params = params,
                    .tokens = flops / (6 * params),
                    .flops = flops,
                    .loss = std::stod(cell.at(6))});
  }
  rows.erase(rows.begin(), rows.begin() + 5);
  return rows;
}

template <typename Work>
double shortest(int times, Work work) {
  double best = 1e300;
  for (int k = 0; k < times; ++k) {
    const Stopwatch watch;
    work();
    best = std::min(best, watch.seconds());
  }
  return best;
}

// Screened starts and one warm refit of tables of n rows.
void print_sizes(int threads) {
  std::printf("\"sizes\": [");
  for (const int n : {100, 1000, 10000, 100000}) {
    const auto rows = simulate_isoflop(
        besiroglu_law(), {.sizes = log_spaced(5e7, 1.6e10, n / 9 + 1), .window = 1e9}, 0.002, 1);
    ParametricFit fit;
    const double all =
        shortest(n > 10000 ? 1 : 3, [&] { fit = fit_parametric(rows, {.threads = threads}); });
    const Points points = make_points(rows);
    const LawVector warm = centred(to_vector(besiroglu_law()), points);
    const double refit = shortest(3, [&] { newton_descent(points, warm, {}); });
    std::printf("%s{\"rows\": %zu, \"fit\": %.6g, \"refit\": %.6g}", n > 100 ? ", " : "",
                rows.size(), all, refit);
  }
  std::printf("], ");
}

// Exponentials and logarithms a second is what the inner loop is made of: the time of one pass.
void print_passes(const std::vector<Observation>& rows) {
  const Points points = make_points(rows);
  const LawVector theta = centred(to_vector(besiroglu_law()), points);
  HuberSums sums;
  double sink = 0;
  constexpr int kPasses = 2000;
  const double whole = shortest(20, [&] {
    for (int k = 0; k < kPasses; ++k) {
      law_sums().sums(arrays_of(points), theta.data(), 1e-3, sums);
      sink += sums.value;
    }
  });
  const double value = shortest(20, [&] {
    for (int k = 0; k < kPasses; ++k) {
      sink += law_sums().value(arrays_of(points), theta.data(), 1e-3);
    }
  });
  std::printf("\"lanes\": \"%s\", \"pass\": %.6g, \"value_pass\": %.6g, \"sink\": %.3g",
              law_sums().name, whole / kPasses, value / kPasses, sink);
}

void print_all(const std::vector<Observation>& rows, int threads) {
  ParametricFit paper;
  const double grid = shortest(
      5, [&] { paper = fit_parametric(rows, {.starts = Starts::kPaperGrid, .threads = threads}); });
  const double grid_one =
      shortest(2, [&] { fit_parametric(rows, {.starts = Starts::kPaperGrid, .threads = 1}); });
  ParametricFit screened;
  const double screen = shortest(5, [&] { screened = fit_parametric(rows, {.threads = threads}); });
  const double draws =
      shortest(3, [&] { bootstrap(rows, screened, {.draws = 4000, .threads = threads}); });
  std::printf(
      "{\"rows\": %zu, \"threads\": %d, \"paper_seconds\": %.6g, \"paper_one_thread\": "
      "%.6g, \"objective\": %.10g, \"agreeing\": %d, \"screened_seconds\": %.6g, "
      "\"draws_4000_seconds\": %.6g, ",
      rows.size(), threads, grid, grid_one, paper.objective, paper.starts_agreeing, screen, draws);
  print_sizes(threads);
  print_passes(rows);
  std::printf("}\n");
}

}  // namespace
}  // namespace isoflop

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "usage: bench_fit TABLE [THREADS]\n");
    return 2;
  }
  isoflop::print_all(isoflop::read_points(words[1]), count > 2 ? std::atoi(words[2]) : 2);
}
