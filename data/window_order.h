// Which window of a source is the i-th that training sees, epoch after epoch.
//
//   window(i) = kept(order_e(i mod U)),   e = i / U
//
// order_e is the epoch's own seeded order of data/permutation.h. U is all of the source's windows
// and `kept` the identity, unless there is a cap: then U is the cap and `kept` the beginning of one
// fixed permutation, which no seed changes, so that all trials of a cap repeat the same windows and
// those of a smaller cap are among those of a larger one.
//
// O(1) memory, random access, integers only. Threads: const calls from any number.
#ifndef ISOFLOP_DATA_WINDOW_ORDER_H_
#define ISOFLOP_DATA_WINDOW_ORDER_H_

#include <cstdint>
#include <optional>

#include "data/permutation.h"

namespace isoflop {

class WindowOrder {
 public:
  // `windows` above 0 are the source's; `cap` is how many of them are seen, 0 or as many as there
  // are: all.
  WindowOrder(std::int64_t windows, std::int64_t cap, std::uint64_t seed);

  // U, the windows of an epoch.
  std::int64_t size() const { return first_epoch_.size(); }
  // The window, in [0, windows), that comes at place i >= 0 of the endless row.
  std::int64_t operator()(std::int64_t i) const;

 private:
  std::uint64_t seed_;
  Permutation first_epoch_;
  std::optional<Permutation> kept_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_WINDOW_ORDER_H_
