#include "design/cell_points.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace isoflop {
namespace {

constexpr double kSamePoint = 1e-9;  // relative, as in fit/noise.h

bool same_to_rounding(double a, double b) { return std::abs(a - b) <= kSamePoint * std::abs(b); }

bool by_branch(const CandidateCell* a, const CandidateCell* b) {
  return a->branch_tokens < b->branch_tokens;
}

struct PointItem {
  double params = 0;
  double tokens = 0;
  std::ptrdiff_t cell = -1;  // -1: an observation
  std::ptrdiff_t row = -1;   // -1: a cell
  std::size_t size = 0;      // rank of N among the distinct ones
};

// In order of N up to rounding, then of D, so that equal points are neighbours.
std::vector<PointItem> sorted_items(std::span<const CandidateCell> cells,
                                    std::span<const Observation> done) {
  std::vector<PointItem> items;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    items.push_back({cells[i].params, cells[i].tokens, static_cast<std::ptrdiff_t>(i), -1});
  }
  for (std::size_t i = 0; i < done.size(); ++i) {
    items.push_back({done[i].params, done[i].tokens, -1, static_cast<std::ptrdiff_t>(i)});
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const PointItem& a, const PointItem& b) { return a.params < b.params; });
  for (std::size_t i = 1; i < items.size(); ++i) {
    const bool same = same_to_rounding(items[i - 1].params, items[i].params);
    items[i].size = items[i - 1].size + (same ? 0 : 1);
  }
  std::stable_sort(items.begin(), items.end(), [](const PointItem& a, const PointItem& b) {
    return a.size != b.size ? a.size < b.size : a.tokens < b.tokens;
  });
  return items;
}

}  // namespace

double alone_flops(const CandidateCell& cell) { return cell.flops_per_token * cell.tokens; }

std::vector<CellPoint> points_of(std::span<const CandidateCell> cells,
                                 std::span<const Observation> done) {
  std::vector<CellPoint> points;
  for (const PointItem& item : sorted_items(cells, done)) {
    if (points.empty() || !same_to_rounding(points.back().params, item.params) ||
        !same_to_rounding(points.back().tokens, item.tokens)) {
      points.push_back({.params = item.params, .tokens = item.tokens});
    }
    CellPoint& point = points.back();
    if (item.cell < 0) {
      point.runs.push_back(done[static_cast<std::size_t>(item.row)].run);
      continue;
    }
    const auto index = static_cast<std::size_t>(item.cell);
    if (cells[index].state == CellState::kRunning) point.runs.push_back(cells[index].trunk);
    if (cells[index].state == CellState::kOpen) point.cells.push_back(index);
  }
  return points;
}

TrunkLedger::TrunkLedger(std::span<const CandidateCell> cells) {
  for (const CandidateCell& cell : cells) {
    const bool trained = cell.state == CellState::kDone || cell.state == CellState::kRunning;
    if (cell.trunk.empty() || !trained) continue;
    Trunk& trunk = trunks_[cell.trunk];
    trunk.reached = std::max(trunk.reached, cell.branch_tokens);
  }
}

double TrunkLedger::cost(const Trunk& trunk) {
  double sum = 0;
  double before = 0;
  for (const CandidateCell* cell : trunk.batch) {
    const double given =
        std::max(before, trunk.reached <= cell->branch_tokens ? trunk.reached : 0.0);
    sum += cell->flops_per_token * (cell->tokens - given);
    before = cell->branch_tokens;
  }
  return sum;
}

double TrunkLedger::price(const CandidateCell& cell) const {
  const auto found = cell.trunk.empty() ? trunks_.end() : trunks_.find(cell.trunk);
  if (found == trunks_.end()) return alone_flops(cell);
  Trunk with = found->second;
  with.batch.insert(std::upper_bound(with.batch.begin(), with.batch.end(), &cell, by_branch),
                    &cell);
  return cost(with) - cost(found->second);
}

void TrunkLedger::choose(const CandidateCell& cell) {
  if (cell.trunk.empty()) return;
  auto& batch = trunks_[cell.trunk].batch;
  batch.insert(std::upper_bound(batch.begin(), batch.end(), &cell, by_branch), &cell);
}

std::vector<double> marginal_costs(std::span<const CandidateCell> cells) {
  const TrunkLedger ledger(cells);
  std::vector<double> costs;
  for (const CandidateCell& cell : cells) {
    costs.push_back(cell.state == CellState::kOpen ? ledger.price(cell) : 0);
  }
  return costs;
}

double spent_flops(std::span<const CandidateCell> cells) {
  TrunkLedger ledger({});
  double sum = 0;
  for (const CandidateCell& cell : cells) {
    if (cell.state != CellState::kDone && cell.state != CellState::kRunning) continue;
    sum += ledger.price(cell);
    ledger.choose(cell);
  }
  return sum;
}

}  // namespace isoflop
