#include "data/interleave.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr int kShareBits = 62;

double sum_of(std::span<const double> weights, std::span<const std::size_t> parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0,
                         [&](double sum, std::size_t part) { return sum + weights[part]; });
}

// How many of the parts, heaviest first, go left so that both sides weigh most nearly the same.
std::size_t parts_on_the_left(std::span<const double> weights, std::span<const std::size_t> parts) {
  const double half = sum_of(weights, parts) / 2;
  std::size_t left = 1;
  double sum = weights[parts[0]];
  while (left + 1 < parts.size() && sum + weights[parts[left]] / 2 < half) {
    sum += weights[parts[left++]];
  }
  return left;
}

void check_weights(std::span<const double> weights) {
  if (weights.empty()) throw usage_error("mixture: no parts: name at least one");
  for (const double weight : weights) {
    if (std::isfinite(weight) && weight > 0) continue;
    throw usage_error("mixture: weight " + (std::isfinite(weight) ? exact_number(weight) : "nan") +
                      ": must be above 0");
  }
}

}  // namespace

Interleave::Interleave(std::span<const double> weights) : errors_(weights.size()) {
  check_weights(weights);
  std::vector<std::size_t> parts(weights.size());
  std::iota(parts.begin(), parts.end(), std::size_t{0});
  std::stable_sort(parts.begin(), parts.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  add_node(weights, parts, 0);
}

std::size_t Interleave::add_node(std::span<const double> weights,
                                 std::span<const std::size_t> parts, double error) {
  const std::size_t at = nodes_.size();
  nodes_.emplace_back();
  if (parts.size() == 1) {
    nodes_[at].part = parts[0];
    errors_[parts[0]] = error;
    return at;
  }
  const auto left = parts.first(parts_on_the_left(weights, parts));
  const auto right = parts.subspan(left.size());
  const double share = sum_of(weights, left) / sum_of(weights, parts);
  nodes_[at].left_share = static_cast<std::uint64_t>(std::ldexp(share, kShareBits));
  const std::size_t left_node = add_node(weights, left, 0.5 + share * error);
  const std::size_t right_node = add_node(weights, right, 0.5 + (1 - share) * error);
  nodes_[at].left = left_node;
  nodes_[at].right = right_node;
  return at;
}

// round(n p), halves up. A whole share of at most one makes it rise by 0 or 1 a window.
std::int64_t Interleave::left_count(const Node& node, std::int64_t n) const {
  const auto product = static_cast<unsigned __int128>(n) * node.left_share;
  return static_cast<std::int64_t>((product + (std::uint64_t{1} << (kShareBits - 1))) >>
                                   kShareBits);
}

Interleave::Place Interleave::at(std::int64_t i) const {
  const Node* node = &nodes_[0];
  while (node->left != 0) {
    const std::int64_t before = left_count(*node, i);
    const bool goes_left = left_count(*node, i + 1) > before;
    i = goes_left ? before : i - before;
    node = &nodes_[goes_left ? node->left : node->right];
  }
  return {.part = node->part, .ordinal = i};
}

void Interleave::count(std::size_t node, std::int64_t n, std::vector<std::int64_t>& counts) const {
  const Node& here = nodes_[node];
  if (here.left == 0) {
    counts[here.part] = n;
    return;
  }
  const std::int64_t left = left_count(here, n);
  count(here.left, left, counts);
  count(here.right, n - left, counts);
}

std::vector<std::int64_t> Interleave::counts(std::int64_t n) const {
  std::vector<std::int64_t> counts(errors_.size());
  count(0, n, counts);
  return counts;
}

std::int64_t Interleave::windows_within(std::span<const std::int64_t> limits) const {
  const auto fits = [&](std::int64_t n) {
    const auto used = counts(n);
    return std::equal(used.begin(), used.end(), limits.begin(),
                      [](std::int64_t count, std::int64_t limit) { return count <= limit; });
  };
  std::int64_t low = 0;  // fits; one more window than all parts have does not
  std::int64_t high = std::accumulate(limits.begin(), limits.end(), std::int64_t{1});
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace isoflop
