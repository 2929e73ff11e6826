// The rows on which starts of a search are judged: all of them, or a fixed sample where there are
// many. Where to begin shows in a part as well; the search itself sees every row.
#ifndef ISOFLOP_FIT_ROW_SAMPLE_H_
#define ISOFLOP_FIT_ROW_SAMPLE_H_

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "core/hash.h"

namespace isoflop {

inline constexpr std::size_t kMostScreenedRows = 1000;

// Chosen by a hash of their place: every n-th row could be one size of each budget.
inline std::vector<std::size_t> row_sample(std::size_t rows) {
  std::vector<std::size_t> out(std::min(rows, kMostScreenedRows));
  std::iota(out.begin(), out.end(), std::size_t{0});
  if (rows > kMostScreenedRows) {
    for (std::size_t& row : out) row = splitmix64(row) % rows;
  }
  return out;
}

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ROW_SAMPLE_H_
