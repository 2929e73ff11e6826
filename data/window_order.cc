#include "data/window_order.h"

namespace isoflop {
namespace {

// Of the permutation whose beginning a cap keeps. Any number would do, and none may replace it:
// trials that are stored have seen these windows.
constexpr std::uint64_t kKeptSeed = 0x756e69717565;

bool is_cap(std::int64_t windows, std::int64_t cap) { return cap > 0 && cap < windows; }

}  // namespace

WindowOrder::WindowOrder(std::int64_t windows, std::int64_t cap, std::uint64_t seed)
    : seed_(seed), first_epoch_(is_cap(windows, cap) ? cap : windows, seed) {
  if (is_cap(windows, cap)) kept_.emplace(windows, kKeptSeed);
}

std::int64_t WindowOrder::operator()(std::int64_t i) const {
  const std::int64_t epoch = i / size();
  const std::int64_t place = i % size();
  const std::int64_t chosen =
      epoch == 0 ? first_epoch_(place) : epoch_order(size(), seed_, epoch)(place);
  return kept_ ? (*kept_)(chosen) : chosen;
}

}  // namespace isoflop
