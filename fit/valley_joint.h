// The third estimator of the minima: one shape for all valleys, levels free, by variable
// projection.
//
//   L_ij = l_i + A N_ij^-alpha + B D_ij^-beta        i a budget, j a size
//
// Given (alpha, beta) the rest is linear: l_i falls out by taking each budget's weighted mean away,
// A and B are two normal equations. What is left is a search in two well-conditioned dimensions
// instead of five badly conditioned ones (Golub and Pereyra 1973; Czech et al. 2026,
// arXiv:2603.22339: condition 11 instead of 3.5e11, no bias from wide or off-centre grids, where a
// parabola's N* is off by up to 23 %). Unlike theirs each budget keeps a level of its own in place
// of one E, so that only the shapes of the valleys speak: how the bottoms fall with C, which is
// what approach 3 rests on, does not, and the two stay independent opinions about N*.
//
// The minimum of a budget C is that of A N^-alpha + B (C / f(N))^-beta. Points enter within a
// factor kJointReach of their budget's lowest and kJointRise of its loss: on Porian's sweeps the
// law holds to 0.4 % there and misses by 3 % beyond. Weights are rows / L^2.
//
// No answer where the valleys do not determine the shape: fewer than 2 of them, no degree of
// freedom left, A or B not above zero, alpha or beta at an end of [0.02, 1.5].
#ifndef ISOFLOP_FIT_VALLEY_JOINT_H_
#define ISOFLOP_FIT_VALLEY_JOINT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/flops.h"
#include "fit/valley.h"
#include "fit/valley_draws.h"

namespace isoflop {

inline constexpr double kJointReach = 9;
inline constexpr double kJointRise = 0.05;  // in ln L

struct JointValleys {
  double alpha = 0;
  double beta = 0;
  double log_A = 0;
  double log_B = 0;
  double residual_rms = 0;  // of L / L, with the degrees of freedom taken off
};

std::optional<JointValleys> fit_joint_valleys(std::span<const Valley> valleys);

// ln N at the minimum between the given ln N; empty where it is at an end.
std::optional<double> joint_minimum(const JointValleys& joint, double budget,
                                    const FlopsPerToken& flops, double log_low, double log_high);

// Shifts of the valleys' minima (those of the same valleys, in their order) when noise with
// standard deviation `sigma` in ln L goes on the joint fit's own losses and all is fitted again.
// Shift k of every valley is of the same refit.
std::vector<MinimumDraws> draw_joint_minima(std::span<const Valley> valleys,
                                            const JointValleys& joint, const FlopsPerToken& flops,
                                            double sigma, int draws, std::uint64_t seed);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_VALLEY_JOINT_H_
