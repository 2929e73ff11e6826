// How a sparse model spreads its tokens over its experts: what is logged beside the loss.
//
// Means over the layers and batches that went in. With c_e the share of a batch's choices that fell
// on expert e (before anything is dropped) and p(t) a token's probabilities over E experts:
//
//   largest_load   E max_e c_e: 1 when every expert has as much, E when one has all
//   unused         share of experts that were chosen by no token
//   dropped        share of choices that found their expert full
//   entropy        mean over tokens of -sum_e p_e ln p_e, nats; ln E: undecided, 0: certain
//   balance, z     the two losses, before their weights (core/trial.h)
#ifndef ISOFLOP_CORE_ROUTER_STATS_H_
#define ISOFLOP_CORE_ROUTER_STATS_H_

#include <array>

namespace isoflop {

struct RouterStats {
  double largest_load = 0;
  double unused = 0;
  double dropped = 0;
  double entropy = 0;
  double balance = 0;
  double z = 0;

  bool operator==(const RouterStats&) const = default;
};

struct RouterStatsField {
  const char* name;
  double RouterStats::*value;
};
// The one list of them, in the order in which files and tables hold them.
inline constexpr std::array<RouterStatsField, 6> kRouterStatsFields{{
    {"largest_load", &RouterStats::largest_load},
    {"unused", &RouterStats::unused},
    {"dropped", &RouterStats::dropped},
    {"entropy", &RouterStats::entropy},
    {"balance", &RouterStats::balance},
    {"z", &RouterStats::z},
}};

inline void add_share(RouterStats& sum, const RouterStats& part, double share) {
  for (const auto& field : kRouterStatsFields) sum.*field.value += share * part.*field.value;
}

// The weights of the two losses, TrainSpec::balance_loss and router_z_loss.
struct RouterLossWeights {
  double balance = 0;
  double z = 0;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_ROUTER_STATS_H_
