// The cells of a grid before their trials: rows of budgets, tokens or ratios, by sizes; and what
// the axes set in each.
//
// Errors: Error(kUsage) where the specification is none.
#ifndef ISOFLOP_SWEEP_GRID_CELLS_H_
#define ISOFLOP_SWEEP_GRID_CELLS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/grid_spec.h"

namespace isoflop {

// Trial keys, or kEpochsAxis, and their values.
using Keys = std::vector<std::pair<std::string, std::string>>;

// One row of the grid before its axes: exactly one of budget, tokens and ratio is set.
struct Cell {
  std::optional<double> budget;
  std::optional<double> tokens;
  std::optional<double> ratio;
  std::optional<double> size;  // absent where model.width stands for it
};

// Budgets, then sizes.
std::vector<Cell> cells_of(const GridSpec& spec);

// Every combination of the axes' values, the last axis fastest.
std::vector<Keys> combinations(const GridSpec& spec);

// Throws for keys that are set twice, or that follow from the grid.
void check_keys(const GridSpec& spec);

bool has_key(const Keys& keys, std::string_view key);
bool has_axis(const GridSpec& spec, std::string_view key);
bool names_key(const GridSpec& spec, std::string_view key);  // fixed or an axis

// "budget 1e12, size 20k, train.rate 0.01".
std::string describe(const Cell& cell, const Keys& keys);
Error grid_error(const std::string& where, const std::string& what);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_GRID_CELLS_H_
