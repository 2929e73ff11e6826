// bench_sweep_cost [WORLDS [DRAWS [PART [DATA]]]]: FLOPs spent until the interval of N* at a target
// is as narrow as asked for, as Markdown tables for bench/results. PART: "simulated", or the number
// of one such surface from 0; "measured", surfaces made of Porian's and Besiroglu's tables in the
// folder DATA, or "replay", Porian's measured cells themselves.
//
// Ways to sweep, each stopped as soon as its interval (the same for all: residual bootstrap,
// widened for stopping and for what trunks share) is narrow enough:
//   plain      classical IsoFLOP grid: budget after budget, 7 sizes within a factor 4 of each
//              budget's true optimum, every run a cosine of its own; when all budgets are done,
//              again with another seed
//   trunks     the same order on a ladder of sizes, cooldowns branching from shared trunks
//   adaptive   next_batch chooses, every run on its own
//   both       next_batch chooses, trunks are shared
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/hash.h"
#include "core/interval.h"
#include "core/law_parameters.h"
#include "core/normal.h"
#include "data/tabular_learner.h"
#include "design/adaptive.h"
#include "design/shared_noise.h"
#include "fit/fit_law.h"
#include "fit/parallel.h"
#include "fit/parametric_fit.h"
#include "fit/residuals.h"
#include "fit/simulate.h"
#include "law/loss_law.h"
#include "law/optimum.h"
#include "law/presets.h"

namespace isoflop {
namespace {

constexpr double kCooldown = 0.2;
constexpr double kTrunkCorrelation = 0.65;
constexpr int kSeeds = 6;
constexpr double kLadder = 1.4142135623730951;
constexpr double kBeyond = 100;  // the target over the largest budget

using Loss = std::function<double(double params, double tokens)>;

struct Scenario {
  std::string name;
  Loss loss;
  std::vector<double> budgets;
  double target = 0;
  double log_truth = 0;  // ln N* at the target
  double noise = 0.002;
  std::vector<double> scatter;  // ln L's noise is drawn from it; empty: normal
  double until = 1.3;
  double lowest_ratio = 1;  // D / N of the candidates
  double highest_ratio = 700;
  LawParameters near{.A = 0};  // where optima are looked for; A = 0: anywhere
};

enum class Way { kPlain, kTrunks, kAdaptive, kBoth };
constexpr const char* kWayNames[] = {"plain", "trunks alone", "adaptive alone", "both"};

struct Spending {
  double flops = 0;
  double width = 0;
  bool inside = false;
  AdaptiveStatus status = AdaptiveStatus::kExhausted;
  int runs = 0;
};

// By golden section on ln N, within a factor 8 of `near`'s optimum where there is such a law.
double log_optimum(const Scenario& s, double flops) {
  const auto at = [&](double ln) { return s.loss(std::exp(ln), flops / (6 * std::exp(ln))); };
  double low = std::log(1e2), high = std::log(flops / 6e2);
  if (s.near.A > 0) {
    const double middle = std::log(compute_optimum(s.near, FlopsPerToken::six_n(), flops).params);
    low = middle - std::log(8.0);
    high = middle + std::log(8.0);
  }
  constexpr double kGolden = 0.6180339887498949;
  for (int k = 0; k < 100; ++k) {
    const double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
    (at(left) < at(right) ? high : low) = at(left) < at(right) ? right : left;
  }
  return 0.5 * (low + high);
}

double normal_from(std::uint64_t seed) {
  SplitMix64 random(splitmix64(seed));
  return standard_normal(random);
}

// Noise of a cell: of its own, or along its trunk's branches a Markov process in ln D.
double noise_of(const Scenario& s, const CandidateCell& cell, std::uint64_t world) {
  if (!s.scatter.empty()) {
    const auto at = splitmix64(splitmix64(world) + static_cast<std::uint64_t>(cell.id));
    return s.scatter[at % s.scatter.size()];
  }
  const std::uint64_t own = splitmix64(world * 1000003 + static_cast<std::uint64_t>(cell.id));
  if (cell.trunk.empty()) return s.noise * normal_from(own);
  const std::uint64_t trunk = std::hash<std::string>{}(cell.trunk) + world * 7919;
  double e = 0, before = 0;
  for (const double budget : s.budgets) {
    const double tokens = budget / (6 * cell.params);
    const double r = before > 0 ? shared_correlation(tokens, before, kTrunkCorrelation) : 0;
    e = r * e + std::sqrt(1 - r * r) * normal_from(trunk + std::llround(budget / 1e9));
    before = tokens;
    if (tokens >= cell.tokens * 0.999) break;
  }
  return s.noise * e;
}

Observation run_cell(const Scenario& s, const CandidateCell& cell, std::uint64_t world, int row) {
  return {.params = cell.params,
          .tokens = cell.tokens,
          .flops = cell.flops_per_token * cell.tokens,
          .loss = s.loss(cell.params, cell.tokens) * std::exp(noise_of(s, cell, world)),
          .seed = cell.seed,
          .trial = std::to_string(cell.id),
          .row = row,
          .run = cell.trunk};
}

CandidateCell cell_at(double params, double budget, int seed, bool trunks, std::int64_t id) {
  CandidateCell cell{.id = id,
                     .params = params,
                     .tokens = budget / (6 * params),
                     .flops_per_token = 6 * params,
                     .seed = seed};
  if (!trunks) return cell;
  cell.trunk = std::to_string(params) + " " + std::to_string(seed);
  cell.branch_tokens = (1 - kCooldown) * cell.tokens;
  return cell;
}

std::vector<double> ladder(const Scenario& s) {
  std::vector<double> sizes;
  const double high = std::exp(log_optimum(s, s.budgets.back())) * 6;
  for (double n = std::exp(log_optimum(s, s.budgets.front())) / 6; n < high; n *= kLadder) {
    sizes.push_back(n);
  }
  return sizes;
}

// What a planner would list: all budgets with all sizes that are not absurd for them.
std::vector<CandidateCell> candidates(const Scenario& s, bool trunks) {
  std::vector<CandidateCell> cells;
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const double n : ladder(s)) {
      for (const double budget : s.budgets) {
        const double ratio = budget / (6 * n * n);
        if (ratio < s.lowest_ratio || ratio > s.highest_ratio) continue;
        cells.push_back(cell_at(n, budget, seed, trunks, static_cast<std::int64_t>(cells.size())));
      }
    }
  }
  return cells;
}

void judge(const Scenario& s, const Interval& params, Spending& out) {
  out.width = *params.high / *params.low;
  out.inside = std::log(*params.low) <= s.log_truth && s.log_truth <= std::log(*params.high);
}

Spending sweep_adaptively(const Scenario& s, std::vector<CandidateCell> cells, std::uint64_t world,
                          int draws, double caution) {
  Spending out;
  std::vector<Observation> rows;
  const AdaptiveOptions options{.target_flops = s.target,
                                .until = s.until,
                                .caution = caution,
                                .draws = draws,
                                .seed = world};
  for (AdaptiveStep step;;) {
    step = next_batch(cells, rows, options, step.memory);
    out.status = step.status;
    if (step.stop) {
      if (step.has_law) judge(s, step.params, out);
      out.runs = static_cast<int>(rows.size());
      return out;
    }
    out.flops += step.next_flops;
    for (const std::int64_t id : step.next) {
      CandidateCell& cell = cells[static_cast<std::size_t>(id)];
      cell.state = CellState::kDone;
      rows.push_back(run_cell(s, cell, world, static_cast<int>(rows.size())));
    }
  }
}

Interval interval_of_rows(const Scenario& s, const std::vector<Observation>& rows, int draws,
                          std::uint64_t seed, double caution) {
  const LawFit fit = fit_law(rows, "grid",
                             {.bootstrap = BootstrapKind::kResidual,
                              .draws = draws,
                              .seed = seed,
                              .threads = 1,
                              .isoflop = false,
                              .backtest = false});
  std::vector<double> sizes;
  for (const LawParameters& law : fit.draws) {
    sizes.push_back(compute_optimum(law, fit.flops, s.target).params);
  }
  const double now = compute_optimum(fit.parameters, fit.flops, s.target).params;
  Interval out = interval_over(now, sizes, 0.9);
  const double wide =
      caution * widening(rows, fit.parameters, fit.flops, s.target, kTrunkCorrelation);
  out.low = now * std::pow(*out.low / now, wide);
  out.high = now * std::pow(*out.high / now, wide);
  return out;
}

// The sizes of one budget in the classical grid.
std::vector<double> sizes_of_budget(const Scenario& s, double budget, bool trunks) {
  const double middle = std::exp(log_optimum(s, budget));
  // Shared trunks need the same sizes in every budget: a ladder as dense as the seven.
  const double rung = std::cbrt(4.0);
  const double first = std::exp(log_optimum(s, s.budgets.front()));
  const double nearest =
      first * std::pow(rung, std::round(std::log(middle / first) / std::log(rung)));
  const double centre = trunks ? nearest : middle;
  std::vector<double> sizes = log_spaced(centre / 4, centre * 4, 7);
  for (double& size : sizes) {
    if (!trunks) continue;  // the same number to the bit, whatever the budget
    size = first * std::pow(rung, std::round(std::log(size / first) / std::log(rung)));
  }
  std::erase_if(sizes, [&](double n) {
    const double ratio = budget / (6 * n * n);
    return ratio < s.lowest_ratio / 1.2 || ratio > s.highest_ratio * 1.2;
  });
  return sizes;
}

// `whole`: all budgets once, whatever the interval.
Spending sweep_plainly(const Scenario& s, bool trunks, std::uint64_t world, int draws,
                       double caution, bool whole) {
  Spending out;
  std::vector<Observation> rows;
  std::vector<CandidateCell> cells;
  for (int seed = 0; seed < 8; ++seed) {
    for (std::size_t b = 0; b < s.budgets.size(); ++b) {
      for (const double n : sizes_of_budget(s, s.budgets[b], trunks)) {
        cells.push_back(
            cell_at(n, s.budgets[b], seed, trunks, static_cast<std::int64_t>(cells.size())));
        cells.back().state = CellState::kDone;
        rows.push_back(run_cell(s, cells.back(), world, static_cast<int>(rows.size())));
      }
      if (b + 1 < (whole ? s.budgets.size() : 3)) continue;
      judge(s, interval_of_rows(s, rows, draws, world, caution), out);
      if (out.width > s.until && !whole) continue;
      out.status = AdaptiveStatus::kReached;
      out.flops = spent_flops(cells);
      out.runs = static_cast<int>(rows.size());
      return out;
    }
  }
  out.flops = spent_flops(cells);
  return out;
}

Spending sweep(const Scenario& s, Way way, std::uint64_t world, int draws, double caution) {
  const bool trunks = way == Way::kTrunks || way == Way::kBoth;
  if (way == Way::kPlain || way == Way::kTrunks) {
    return sweep_plainly(s, trunks, world, draws, caution, false);
  }
  return sweep_adaptively(s, candidates(s, trunks), world, draws, caution);
}

struct Summary {
  double log_flops = 0;  // mean
  int reached = 0;
  int doubtful = 0;
  int inside = 0;
  int inside_reached = 0;
  double runs = 0;
};

Summary summary_of(const std::vector<Spending>& worlds) {
  Summary out;
  const auto n = static_cast<double>(worlds.size());
  for (const Spending& world : worlds) {
    const bool reached = world.status == AdaptiveStatus::kReached;
    out.log_flops += std::log(world.flops) / n;
    out.runs += world.runs / n;
    out.reached += reached ? 1 : 0;
    out.doubtful += world.status == AdaptiveStatus::kDoubtful ? 1 : 0;
    out.inside += world.inside ? 1 : 0;
    out.inside_reached += reached && world.inside ? 1 : 0;
  }
  return out;
}

std::vector<Spending> worlds_of(int count, const std::function<Spending(std::uint64_t)>& world) {
  std::vector<Spending> out(static_cast<std::size_t>(count));
  parallel_for(count, 1, [&](int i) {
    out[static_cast<std::size_t>(i)] = world(static_cast<std::uint64_t>(5000 + i));
  });
  return out;
}

void print_summary(const Scenario& s, const char* way, const Summary& sum, int worlds,
                   double plain) {
  std::printf("| %s | %.2f | %s | %.3g | %.1f | %.0f | %.0f | %.0f | %.0f |", s.name.c_str(),
              s.until, way, std::exp(sum.log_flops), std::exp(plain - sum.log_flops), sum.runs,
              100.0 * sum.reached / worlds, 100.0 * sum.doubtful / worlds,
              100.0 * sum.inside / worlds);
  if (sum.reached > 0) std::printf(" %.0f |\n", 100.0 * sum.inside_reached / sum.reached);
  if (sum.reached == 0) std::printf(" |\n");
  std::fflush(stdout);
}

void print_head() {
  std::printf(
      "\n| surface | until | way | FLOPs | plain over it | runs | reached, %% | doubtful, %% | "
      "holds the truth, %% | of those reached, %% |\n|---|---|---|---|---|---|---|---|---|---|\n");
}

void print_scenario(const Scenario& s, int worlds, int draws) {
  const double caution = AdaptiveOptions{}.caution;
  double plain = 0;
  for (const Way way : {Way::kPlain, Way::kTrunks, Way::kAdaptive, Way::kBoth}) {
    const Summary sum = summary_of(
        worlds_of(worlds, [&](std::uint64_t w) { return sweep(s, way, w, draws, caution); }));
    if (way == Way::kPlain) plain = sum.log_flops;
    print_summary(s, kWayNames[static_cast<int>(way)], sum, worlds, plain);
  }
  const Summary bare = summary_of(
      worlds_of(worlds, [&](std::uint64_t w) { return sweep(s, Way::kBoth, w, draws, 1); }));
  print_summary(s, "both, without the stopping rule", bare, worlds, plain);
  const Summary whole = summary_of(worlds_of(
      worlds, [&](std::uint64_t w) { return sweep_plainly(s, false, w, draws, 1, true); }));
  print_summary(s, "the whole plain grid, once", whole, worlds, plain);
}

Scenario of_law(const std::string& name, const LawParameters& law, double noise, double until) {
  Scenario s{.name = name, .budgets = SimulatedDesign{}.budgets, .noise = noise, .until = until};
  s.loss = [law](double n, double d) { return predict_loss(law, n, d); };
  s.target = kBeyond * s.budgets.back();
  s.log_truth = log_optimum(s, s.target);
  return s;
}

Scenario under_tuned() {
  Scenario s = of_law("epoch2024, small sizes under-tuned: + 1 % at 100M as N^-0.5, noise 0.002",
                      besiroglu_law(), 0.002, 1.3);
  s.loss = [law = besiroglu_law()](double n, double d) {
    return predict_loss(law, n, d) * (1 + 0.01 * std::sqrt(1e8 / n));
  };
  return s;  // the truth stays that of tuned runs
}

Scenario of_tabular() {
  DataSpec data;
  data.source = "zipf";
  data.zipf_digits = 10;
  const auto learner = std::make_shared<TabularLearner>(data);
  // A loss takes a millisecond and is asked for often.
  const auto known = std::make_shared<std::map<std::pair<double, double>, double>>();
  Scenario s{.name = "tabular learner, noise 0.002", .budgets = log_spaced(1e11, 1e13, 9)};
  s.loss = [=](double n, double d) {
    const auto [at, fresh] = known->try_emplace({n, d}, 0);
    if (fresh) at->second = learner->loss(n, d);
    return at->second;
  };
  s.target = kBeyond * s.budgets.back();
  s.log_truth = log_optimum(s, s.target);
  s.until = 2;
  const double best = std::exp(log_optimum(s, 1e12));
  const double middle = 1e12 / (6 * best * best) / 20;  // its tokens a parameter over 20
  s.lowest_ratio *= middle;
  s.highest_ratio *= middle;
  return s;
}

std::vector<std::vector<std::string>> read_table(const std::string& path) {
  std::vector<std::vector<std::string>> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::stringstream text(line);
    out.emplace_back();
    for (std::string cell; std::getline(text, cell, ',');) out.back().push_back(cell);
  }
  return out;
}

// Besiroglu's clean points: the law that fits them best, and noise drawn from their residuals.
Scenario of_besiroglu(const std::string& folder) {
  std::vector<Observation> rows;
  for (const auto& cell :
       read_table(folder + "/epoch-research_analyzing-chinchilla/svg_extracted_data.csv")) {
    if (cell.size() < 7 || cell[0] == "x") continue;
    const double n = std::stod(cell[3]), c = std::stod(cell[4]);
    rows.push_back({.params = n, .tokens = c / (6 * n), .flops = c, .loss = std::stod(cell[6])});
  }
  if (rows.size() < 100) return {};
  rows.erase(rows.begin(), rows.begin() + 5);
  const LawParameters law = preset_law("chinchilla-huber").parameters;
  Scenario s =
      of_law("Besiroglu's 240 points: their best law, their residuals as noise", law, 0, 2);
  s.scatter = log_residuals(law, rows);
  return s;
}

// Solves the normal equations by Gauss-Jordan with the largest pivot.
std::vector<double> solve(std::vector<std::vector<double>> m) {
  const std::size_t n = m.size();
  for (std::size_t k = 0; k < n; ++k) {
    const auto pivot = std::max_element(
        m.begin() + static_cast<std::ptrdiff_t>(k), m.end(),
        [k](const auto& a, const auto& b) { return std::abs(a[k]) < std::abs(b[k]); });
    std::swap(m[k], *pivot);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double f = m[i][k] / m[k][k];
      for (std::size_t j = k; j <= n; ++j) m[i][j] -= f * m[k][j];
    }
  }
  std::vector<double> x;
  for (std::size_t k = 0; k < n; ++k) x.push_back(m[k][n] / m[k][k]);
  return x;
}

std::vector<double> quadratic(double params, double tokens) {
  const double x = std::log(params / 1e8), y = std::log(tokens / 1e9);
  return {1, x, y, x * x, x * y, y * y};
}

// A smooth surface through measured points: the law that fits them best times a quadratic in ln N
// and ln D; `noise` is what is left.
Loss smooth_surface(const std::vector<Observation>& rows, LawParameters& law, double& noise) {
  law = fit_parametric(rows, {.threads = 1}).parameters;
  const std::vector<double> r = log_residuals(law, rows);
  std::vector<std::vector<double>> normal(6, std::vector<double>(7, 0.0));
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const auto q = quadratic(rows[k].params, rows[k].tokens);
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < 6; ++j) normal[i][j] += q[i] * q[j];
      normal[i][6] += q[i] * r[k];
    }
  }
  const std::vector<double> c = solve(normal);
  const auto correction = [c](double n, double d) {
    const auto q = quadratic(n, d);
    double sum = 0;
    for (std::size_t i = 0; i < 6; ++i) sum += c[i] * q[i];
    return sum;
  };
  double squares = 0;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    squares += std::pow(r[k] - correction(rows[k].params, rows[k].tokens), 2);
  }
  noise = std::sqrt(squares / static_cast<double>(rows.size() - 11));
  return [law = law, correction](double n, double d) {
    return predict_loss(law, n, d) * std::exp(correction(n, d));
  };
}

// The same, replayed: real cells up to a sixteenth of the largest budget, whose N* was measured.
struct Replay {
  std::string name;
  Scenario scenario;
  std::vector<CandidateCell> cells;
  std::map<std::int64_t, double> losses;
  std::vector<Observation> all;  // with the largest budgets, and D / N from 1
};

constexpr double kPorianLargest = 2.56e19;

std::vector<Replay> porian(const std::string& folder) {
  const std::string base = folder + "/formll_resolving-scaling-law-discrepancies/";
  std::map<std::string, Replay> found;
  for (const auto& cell : read_table(base + "porian_isoflop_points.csv")) {
    if (cell.size() < 11 || cell[5] != "standard") continue;
    const double flops = std::stod(cell[7]), n = std::stod(cell[8]), d = std::stod(cell[9]);
    Replay& replay = found[cell[0] + " " + cell[1]];
    if (d < n) continue;
    replay.all.push_back({.params = n, .tokens = d, .flops = flops, .loss = std::stod(cell[10])});
    if (flops > kPorianLargest / 15) continue;
    const auto id = static_cast<std::int64_t>(replay.cells.size());
    CandidateCell candidate{.id = id, .params = n, .tokens = d, .flops_per_token = flops / d};
    // Without decay the budgets of a size are points of one run.
    if (cell[4] == "const") {
      candidate.trunk = cell[8];
      candidate.branch_tokens = (1 - kCooldown) * d;
    }
    replay.cells.push_back(candidate);
    replay.losses[id] = std::stod(cell[10]);
  }
  for (const auto& cell : read_table(base + "porian_optimal_pairs.csv")) {
    if (cell.size() < 12 || cell[7] == "flops") continue;
    const auto at = found.find(cell[0] + " " + cell[1]);
    if (at == found.end() || std::abs(std::stod(cell[7]) / kPorianLargest - 1) > 0.01) continue;
    at->second.scenario.log_truth = std::log(std::stod(cell[8]));
  }
  std::vector<Replay> out;
  for (auto& [name, replay] : found) {
    replay.name = name;
    replay.scenario.target = kPorianLargest;
    if (replay.scenario.log_truth > 0) out.push_back(std::move(replay));
  }
  return out;
}

Observation measured_row(const Replay& replay, const CandidateCell& cell, bool trunks) {
  return {.params = cell.params,
          .tokens = cell.tokens,
          .flops = 6 * cell.params * cell.tokens,
          .loss = replay.losses.at(cell.id),
          .trial = std::to_string(cell.id),
          .run = trunks ? cell.trunk : ""};
}

// Budget after budget on the very same cells, each on its own.
Spending replay_plainly(Replay replay, int draws) {
  std::stable_sort(replay.cells.begin(), replay.cells.end(), [](const auto& a, const auto& b) {
    return a.flops_per_token * a.tokens < b.flops_per_token * b.tokens * (1 - 1e-6);
  });
  Spending out;
  std::vector<Observation> rows;
  for (std::size_t i = 0; i < replay.cells.size(); ++i) {
    const CandidateCell& cell = replay.cells[i];
    rows.push_back(measured_row(replay, cell, false));
    out.flops += cell.flops_per_token * cell.tokens;
    const bool last_of_budget = i + 1 == replay.cells.size() ||
                                replay.cells[i + 1].flops_per_token * replay.cells[i + 1].tokens >
                                    1.01 * cell.flops_per_token * cell.tokens;
    if (!last_of_budget || rows.size() < 12) continue;
    judge(replay.scenario, interval_of_rows(replay.scenario, rows, draws, 1, 1.15), out);
    out.runs = static_cast<int>(rows.size());
    if (out.width > replay.scenario.until) continue;
    out.status = AdaptiveStatus::kReached;
    break;
  }
  return out;
}

Spending replay_adaptively(Replay replay, int draws) {
  Spending out;
  std::vector<Observation> rows;
  const AdaptiveOptions options{
      .target_flops = replay.scenario.target, .until = replay.scenario.until, .draws = draws};
  for (AdaptiveStep step;;) {
    step = next_batch(replay.cells, rows, options, step.memory);
    out.status = step.status;
    out.runs = static_cast<int>(rows.size());
    if (step.has_law) judge(replay.scenario, step.params, out);
    if (step.stop) return out;
    out.flops += step.next_flops;
    for (const std::int64_t id : step.next) {
      CandidateCell& cell = replay.cells[static_cast<std::size_t>(id)];
      cell.state = CellState::kDone;
      rows.push_back(measured_row(replay, cell, true));
    }
  }
}

// Budgets up to a sixteenth of the largest; the target is the largest, so its optimum lies within
// what was measured.
Scenario smooth_scenario(const Replay& replay) {
  Scenario s{.name = replay.name + ", smooth", .target = kPorianLargest, .until = 2};
  s.loss = smooth_surface(replay.all, s.near, s.noise);
  s.highest_ratio = 1;
  for (const Observation& row : replay.all) {
    s.highest_ratio = std::max(s.highest_ratio, row.tokens / row.params);
  }
  for (double c = kPorianLargest / 16; c > 2e16; c /= 2) s.budgets.insert(s.budgets.begin(), c);
  s.log_truth = log_optimum(s, s.target);
  char label[32];
  std::snprintf(label, sizeof(label), ", noise %.4f", s.noise);
  s.name += label;
  return s;
}

const char* word_of(AdaptiveStatus status) {
  if (status == AdaptiveStatus::kReached) return "reached";
  return status == AdaptiveStatus::kDoubtful ? "doubtful" : "all cells";
}

void print_porian(const std::string& folder, int draws) {
  std::printf(
      "\n| measured cells | cells | way | FLOPs | plain over it | runs | end | width | measured N* "
      "inside |\n|---|---|---|---|---|---|---|---|---|\n");
  for (Replay& replay : porian(folder)) {
    replay.scenario.until = 1.5;
    const Spending plain = replay_plainly(replay, draws);
    const Spending ours = replay_adaptively(replay, draws);
    for (const auto& [way, s] : {std::pair{"plain", plain}, std::pair{"adaptive", ours}}) {
      std::printf("| %s | %zu | %s | %.3g | %.1f | %d | %s | %.2f | %s |\n", replay.name.c_str(),
                  replay.cells.size(), way, s.flops, plain.flops / s.flops, s.runs,
                  word_of(s.status), s.width, s.inside ? "yes" : "no");
    }
    std::fflush(stdout);
  }
}

std::vector<Scenario> simulated() {
  const LawParameters epoch = besiroglu_law();
  const LawParameters hoffmann = preset_law("hoffmann2022").parameters;
  return {of_law("epoch2024, noise 0.002", epoch, 0.002, 1.3),
          of_law("epoch2024, noise 0.002", epoch, 0.002, 1.15),
          of_law("epoch2024, noise 0.004", epoch, 0.004, 1.5),
          of_law("hoffmann2022, noise 0.002", hoffmann, 0.002, 1.3),
          under_tuned(),
          of_tabular()};
}

void print_measured(const std::string& folder, int worlds, int draws) {
  print_head();
  const Scenario besiroglu = of_besiroglu(folder);
  if (!besiroglu.scatter.empty()) print_scenario(besiroglu, worlds, draws);
  for (const Replay& replay : porian(folder)) {
    if (replay.name.starts_with("rw 4") || replay.name.starts_with("rw 5")) {
      print_scenario(smooth_scenario(replay), worlds, draws);
    }
  }
}

}  // namespace
}  // namespace isoflop

int main(int count, char** words) {
  const int worlds = count > 1 ? std::atoi(words[1]) : 100;
  const int draws = count > 2 ? std::atoi(words[2]) : 200;
  const std::string part = count > 3 ? words[3] : "simulated";
  const std::string folder = count > 4 ? words[4] : "";
  if (part == "replay") {
    isoflop::print_porian(folder, draws);
  } else if (part == "measured") {
    isoflop::print_measured(folder, worlds, draws);
  } else {
    isoflop::print_head();
    const auto scenarios = isoflop::simulated();
    for (std::size_t k = 0; k < scenarios.size(); ++k) {
      if (part != "simulated" && part != std::to_string(k)) continue;
      isoflop::print_scenario(scenarios[k], worlds, draws);
    }
  }
}
