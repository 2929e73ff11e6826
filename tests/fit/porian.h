// The raw IsoFLOP points of Porian et al. 2024 and the exponents that they print, where they are at
// hand.
#ifndef ISOFLOP_TESTS_FIT_PORIAN_H_
#define ISOFLOP_TESTS_FIT_PORIAN_H_

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/observation.h"

namespace isoflop {

struct PrintedExponent {
  std::string data;  // "rw" or "owt2", as in the points
  char stage = '0';  // first letter of the experiment
  double value = 0, low = 0, high = 0;
};

inline std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::string cell;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (c == ',' && !quoted) {
      cells.push_back(std::move(cell));
      cell.clear();
    } else if (c != '"') {
      cell += c;
    }
  }
  cells.push_back(cell);
  return cells;
}

inline std::vector<PrintedExponent> porian_exponents() {
  std::ifstream file(ISOFLOP_SOURCE_DIR "/../shared/published/porian_exponents.csv");
  std::vector<PrintedExponent> out;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const std::vector<std::string> cell = cells_of(line);
    out.push_back({.data = cell.at(1) == "RefinedWeb" ? "rw" : "owt2",
                   .stage = cell.at(0).at(0),
                   .value = std::stod(cell.at(3)),
                   .low = std::stod(cell.at(4)),
                   .high = std::stod(cell.at(5))});
  }
  return out;
}

// Losses of one experiment; N and C as the authors count them there, D the tokens that they print.
inline std::vector<Observation> porian_points(const std::string& data, char stage) {
  std::ifstream file(
      ISOFLOP_SOURCE_DIR
      "/../shared/data/formll_resolving-scaling-law-discrepancies/porian_isoflop_points.csv");
  std::vector<Observation> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const std::vector<std::string> cell = cells_of(line);
    if (cell.at(0) != data || cell.at(1).at(0) != stage) continue;
    Observation o;
    o.flops = std::stod(cell.at(7));
    o.budget = o.flops;
    o.params = std::stod(cell.at(8));
    o.tokens = std::stod(cell.at(9));
    o.loss = std::stod(cell.at(10));
    o.row = static_cast<std::int64_t>(rows.size());
    rows.push_back(o);
  }
  return rows;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FIT_PORIAN_H_
