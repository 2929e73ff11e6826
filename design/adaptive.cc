#include "design/adaptive.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "core/error.h"
#include "core/interval.h"
#include "design/adaptive_batch.h"
#include "design/adaptive_start.h"
#include "design/cell_points.h"
#include "design/shared_noise.h"
#include "design/stop_guards.h"
#include "fit/fit_law.h"
#include "law/optimum.h"
namespace isoflop {
namespace {

constexpr std::size_t kGuesses = 12;
constexpr double kLeastPointError = 0.25;  // t over s
constexpr int kReplicateDegrees = 5;       // from which replicates speak of t
constexpr int kDoubts = 3;                 // looks, when the interval is narrow enough
constexpr int kLongDoubts = 6;             // when it is not

void check_adaptive_options(const AdaptiveOptions& options) {
  if (!(options.target_flops > 0) || !std::isfinite(options.target_flops)) {
    throw usage_error("--until: the target's FLOP must be positive; write it like --flops 1e21");
  }
  if (!(options.until > 1)) {
    throw usage_error(
        fmt::format("--until: {}: the interval's high end over its low end, above 1; 1.3 is usual",
                    options.until));
  }
  if (!(options.level > 0 && options.level < 1)) {
    throw usage_error(fmt::format("interval level: {}: must lie between 0 and 1", options.level));
  }
  if (!(options.trunk_correlation >= 0 && options.trunk_correlation < 1)) {
    throw usage_error("--until: the correlation of a trunk's noise must be at least 0, below 1");
  }
  if (!(options.caution >= 1) || options.looks < 1) {
    throw usage_error("--until: the caution and the looks must be at least 1");
  }
  if (options.batch < 1) throw usage_error("--until: a batch needs at least one cell");
  if (options.draws < 50) throw usage_error("--until: at least 50 draws are needed");
  if (!(options.most_flops >= 0)) throw usage_error("--until: FLOPs must not be negative");
}

void check_candidate(const CandidateCell& cell) {
  const bool positive = cell.params > 0 && cell.tokens > 0 && cell.flops_per_token > 0 &&
                        std::isfinite(cell.params * cell.tokens * cell.flops_per_token);
  const bool branched = cell.branch_tokens >= 0 && cell.branch_tokens <= cell.tokens;
  if (positive && branched) return;
  throw usage_error(fmt::format(
      "--until: cell {}: N {}, D {}, {} FLOP a token, branch at {}: must be positive and finite, "
      "the branch within D",
      cell.id, cell.params, cell.tokens, cell.flops_per_token, cell.branch_tokens));
}

void check_candidates(std::span<const CandidateCell> cells) {
  if (cells.empty()) {
    throw refusal("no_candidates", "--until: the grid has no cells; add budgets or sizes");
  }
  std::set<std::int64_t> ids;
  for (const CandidateCell& cell : cells) {
    check_candidate(cell);
    if (!ids.insert(cell.id).second) {
      throw usage_error(fmt::format("--until: cell {}: is there twice", cell.id));
    }
  }
}

void refuse_hopeless(std::span<const CellPoint> points, const FlopsPerToken& flops) {
  if (determines_a_law(points, points, flops)) return;
  throw refusal("cannot_determine",
                fmt::format("--until: {} points: all of them together could not determine a law; a "
                            "grid needs 6 points, 3 sizes, 3 token counts and 2 budgets",
                            points.size()));
}

double size_at_target(const LawParameters& law, const AdaptiveOptions& options) {
  return compute_optimum(law, options.flops, options.target_flops).params;
}

// What of a look does not change while it is decided.
struct Look {
  std::span<const CandidateCell> cells;
  std::span<const Observation> done;
  const AdaptiveOptions& options;
  std::vector<CellPoint> points;
  bool running = false;
};

Look look_at(std::span<const CandidateCell> cells, std::span<const Observation> done,
             const AdaptiveOptions& options) {
  Look look{.cells = cells, .done = done, .options = options, .points = points_of(cells, done)};
  look.running = std::any_of(cells.begin(), cells.end(),
                             [](const auto& c) { return c.state == CellState::kRunning; });
  return look;
}

void fill_spent(std::span<const CandidateCell> cells, AdaptiveStep& step) {
  step.spent_flops = spent_flops(cells);
  for (const CandidateCell& cell : cells) {
    const bool trained = cell.state == CellState::kDone || cell.state == CellState::kRunning;
    if (trained) step.alone_flops += alone_flops(cell);
  }
}

void propose(const Look& look, const std::vector<std::size_t>& chosen, AdaptiveStep& step) {
  TrunkLedger ledger(look.cells);
  for (const std::size_t i : chosen) {
    step.next.push_back(look.cells[i].id);
    step.next_flops += ledger.price(look.cells[i]);
    ledger.choose(look.cells[i]);
  }
}

// Nothing to propose: what runs may change that, otherwise it is the end.
void end_or_wait(const Look& look, const std::string& why, AdaptiveStep& step) {
  step.status = look.running ? AdaptiveStatus::kWait : AdaptiveStatus::kExhausted;
  step.stop = !look.running;
  step.why = look.running ? "what runs now decides what is next" : why;
}

void start(const Look& look, const std::string& why, AdaptiveStep& step) {
  propose(look, starting_cells(look.cells, look.points, look.options.flops), step);
  if (step.next.empty()) {
    end_or_wait(look, "no cells are left that could give a law", step);
    return;
  }
  step.status = AdaptiveStatus::kStart;
  step.why = why;
}

void fill_law(const Look& look, AdaptiveStep& step) {
  const AdaptiveOptions& options = look.options;
  step.fit = fit_law(look.done, "sweep",
                     {.bootstrap = BootstrapKind::kResidual,
                      .draws = options.draws,
                      .seed = options.seed,
                      .level = options.level,
                      .threads = options.threads,
                      .isoflop = false,
                      .backtest = false,
                      .flops = options.flops});
  step.has_law = true;
  step.noise = step.fit.noise->residual_sigma;
  std::vector<double> sizes;
  for (const LawParameters& draw : step.fit.draws) sizes.push_back(size_at_target(draw, options));
  const double now = size_at_target(step.fit.parameters, options);
  step.params = interval_over(now, std::move(sizes), options.level);
  step.widened = options.caution * widening(look.done, step.fit.parameters, options.flops,
                                            options.target_flops, options.trunk_correlation);
  step.params.low = now * std::pow(*step.params.low / now, step.widened);
  step.params.high = now * std::pow(*step.params.high / now, step.widened);
  step.width = *step.params.high / *step.params.low;
}

// t: what replicates show of it, a quarter of s at least.
double point_error_of(const AdaptiveStep& step) {
  const NoiseEstimate& noise = *step.fit.noise;
  const double least = kLeastPointError * step.noise;
  if (noise.replicate_degrees < kReplicateDegrees) return least;
  const double pure = *noise.replicate_sigma;
  return std::max(least, std::sqrt(std::max(step.noise * step.noise - pure * pure, 0.0)));
}

// The fit and some of its draws, those that have an optimum at the target.
std::vector<LawParameters> guesses_of(const Look& look, const LawFit& fit) {
  std::vector<LawParameters> out = {fit.parameters};
  for (std::size_t k = 1; k < kGuesses; ++k) {
    out.push_back(fit.draws[k * fit.draws.size() / kGuesses]);
  }
  std::erase_if(out, [&](const LawParameters& law) {
    return !(law.E > 0) ||
           compute_optimum(law, look.options.flops, look.options.target_flops).place !=
               OptimumPlace::kInterior;
  });
  if (out.empty()) out.push_back(scale_free_law(look.points));
  return out;
}

void go_on(const Look& look, AdaptiveStep& step) {
  constexpr double kLeastNoise = 1e-6;  // a law without residuals: anything positive
  const ChosenBatch batch = choose_batch({.cells = look.cells,
                                          .points = look.points,
                                          .guesses = guesses_of(look, step.fit),
                                          .noise = std::max(step.noise, kLeastNoise),
                                          .point_error = point_error_of(step),
                                          .spent = step.spent_flops,
                                          .log_width = std::log(step.width)},
                                         look.options);
  propose(look, batch.cells, step);
  step.expected_width = std::exp(batch.log_width);
  if (!step.next.empty()) return;
  end_or_wait(
      look,
      fmt::format("no cell is left{}, and N* is known to a factor {:.3g} only",
                  look.options.most_flops > 0 ? " within the FLOPs allowed" : "", step.width),
      step);
}

// Whether to stop, and if not why not.
void judge(const Look& look, const AdaptiveMemory& before, AdaptiveStep& step) {
  step.guards = little_known(look.done, look.points, look.options, step.spent_flops);
  const bool known = step.guards.empty();
  const bool narrow = step.width <= look.options.until;
  const auto failings = failings_of_law(look.done, step.fit, look.options);
  step.guards.insert(step.guards.end(), failings.begin(), failings.end());
  step.memory.held = narrow && step.guards.empty() ? before.held + 1 : 0;
  step.memory.doubted = known && !failings.empty() ? before.doubted + 1 : 0;
  const std::string width = fmt::format("N* at the target is known to a factor {:.3g}", step.width);
  if (step.memory.held >= look.options.looks) {
    step.status = AdaptiveStatus::kReached;
    step.why = width;
  } else if (step.memory.doubted >= (narrow ? kDoubts : kLongDoubts)) {
    step.status = AdaptiveStatus::kDoubtful;
    step.why = width + ", if the law holds; but " + failings.front();
  } else {
    step.status = AdaptiveStatus::kGoOn;
    step.why = !narrow               ? width + fmt::format(", not to {:.3g}", look.options.until)
               : step.guards.empty() ? width + "; one more look confirms it"
                                     : width + "; but " + step.guards.front();
  }
  step.stop = step.status != AdaptiveStatus::kGoOn;
}

}  // namespace

AdaptiveStep next_batch(std::span<const CandidateCell> cells, std::span<const Observation> done,
                        const AdaptiveOptions& options, const AdaptiveMemory& memory) {
  check_adaptive_options(options);
  check_candidates(cells);
  const Look look = look_at(cells, done, options);
  refuse_hopeless(look.points, options.flops);
  AdaptiveStep step;
  fill_spent(cells, step);
  if (!determines_a_law(points_of({}, done), look.points, options.flops)) {
    start(look, "no law yet: the cheapest cells that give one", step);
    return step;
  }
  fill_law(look, step);
  judge(look, memory, step);
  if (!step.stop) go_on(look, step);
  return step;
}

}  // namespace isoflop
