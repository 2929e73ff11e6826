// What `isoflop reproduce` answers: printed numbers beside ours, and what does not agree.
#ifndef ISOFLOP_CORE_REPRODUCTION_H_
#define ISOFLOP_CORE_REPRODUCTION_H_

#include <optional>
#include <string>
#include <vector>

#include "core/comparison.h"
#include "core/law_parameters.h"
#include "core/published_rows.h"

namespace isoflop {

enum class QuantityKind { kCount, kFlops, kNumber };  // how people write it: 67B, 5.76e23, 0.4565

struct ReproducedValue {
  std::string label;     // "approach 3, 67B"
  std::string quantity;  // "N", "a"
  QuantityKind kind = QuantityKind::kNumber;
  std::optional<double> ours;
  std::optional<double> printed;
  std::string basis;         // what ours comes from
  bool alternative = false;  // a form that is shown for comparison and not expected to agree

  std::optional<double> ratio() const {
    if (!ours || !printed || *printed == 0) return std::nullopt;
    return *ours / *printed;
  }
};

struct ReproducedTable {
  std::string name;  // "table3"
  std::string title;
  std::string source;
  std::vector<ReproducedValue> values;
  // What a check found: two printed numbers that contradict each other, or one that its own formula
  // does not give. The code names the check.
  std::vector<Warning> findings;
  std::vector<std::string> notes;  // what was not recomputed, and why
};

// Chinchilla against Gopher on the tasks of one suite.
struct SuiteOutcome {
  SuiteRow printed;
  bool lower_is_better = false;
  int better = 0, equal = 0, worse = 0;  // of Chinchilla
  double chinchilla = 0, gopher = 0;     // unweighted means
  double mean_ratio = 0;                 // of Chinchilla's number to Gopher's, over tasks
  std::vector<TaskRow> tasks;
  std::vector<Warning> findings;
};

struct Reproduction {
  std::string name;  // what was asked for
  std::optional<ModelComparison> models;
  std::vector<ReproducedTable> tables;
  std::vector<SuiteOutcome> suites;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_REPRODUCTION_H_
