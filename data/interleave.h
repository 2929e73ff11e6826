// Who comes next in a mixture: a fixed, evenly spread sequence of parts with random access.
//
// The parts are the leaves of a binary tree. Of the first n windows that reach a node, round(n p)
// go to its left child, p being the left child's share of the node's weight, and the rest to the
// right one; so window i goes left when round((i + 1) p) > round(i p), and which window of its
// child it is, is the count before it. Both need nothing but i: O(log parts) and no table, and the
// sequence never comes round again.
//
//   count(k, n) = n w_k +- error(k)   for every n,   error(child) = 1/2 + share error(parent)
//
// The root's error is 0. Parts, heaviest first, are split where both sides weigh most nearly the
// same, so that no side of several parts has more than 2/3 and error(k) stays below 2 however many
// parts there are; it is 1/2 for two parts and below 1 for three. Shares are kept in units of 2^-62
// and multiplied in 128 bits: whole numbers, the same everywhere, and nothing drifts.
//
// The sequence depends on weights and their order alone, never on a seed: which windows of a part
// are seen is the part's own order. Threads: const calls from any number.
#ifndef ISOFLOP_DATA_INTERLEAVE_H_
#define ISOFLOP_DATA_INTERLEAVE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

class Interleave {
 public:
  // Weights are positive; only their ratios count. Throws Error(kUsage) when there are none or one
  // is not a positive finite number.
  explicit Interleave(std::span<const double> weights);

  struct Place {
    std::size_t part = 0;
    std::int64_t ordinal = 0;  // which window of that part
  };
  // Where window i >= 0 of the sequence comes from.
  Place at(std::int64_t i) const;

  // How many of the first n windows come from each part.
  std::vector<std::int64_t> counts(std::int64_t n) const;

  // The bound above, in windows, for each part.
  const std::vector<double>& errors() const { return errors_; }

  // Windows before the first whose part has no fresh one left, `limits` being each part's windows.
  std::int64_t windows_within(std::span<const std::int64_t> limits) const;

 private:
  struct Node {
    std::uint64_t left_share = 0;     // in units of 2^-62
    std::size_t left = 0, right = 0;  // nodes
    std::size_t part = 0;             // of a leaf, which has no children (left == 0)
  };

  std::size_t add_node(std::span<const double> weights, std::span<const std::size_t> parts,
                       double error);
  std::int64_t left_count(const Node& node, std::int64_t n) const;
  void count(std::size_t node, std::int64_t n, std::vector<std::int64_t>& counts) const;

  std::vector<Node> nodes_;  // the root first
  std::vector<double> errors_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_INTERLEAVE_H_
