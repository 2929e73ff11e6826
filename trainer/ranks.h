// The processes of one trial, and what they say to each other: sums of gradients, shards of an
// optimizer, small values of the host. By c10d: NCCL between GPUs, Gloo between CPUs and for
// everything that lies on the host.
//
// All processes make the same calls in the same order. A world of one opens no sockets and returns
// at once.
//
// Meeting: rank 0 listens on RankPlace::address and port, with a socket of its own, so that c10d's
// store is heard on that interface only: on loopback unless the address is another. Gloo listens on
// the interface by which rank 0 is reached.
//
// A process that is gone: the others end with Error(kFailed), "rank 2 of 4 on HOST is gone", within
// 10 s:
//
//   it died       its connections are reset, which Gloo sees at once; who it was is known at once
//                 on the same host, else by its silence
//   it is silent  (stopped, its host lost) each process tells the store every second that it is
//                 there; after 6 s of silence it counts as gone, whatever the others wait for
//   it is alive but does not come: the call's time limit, timeout_seconds
//
// After that nothing more can be said, and the process should end. Not thread-safe, but sums may be
// begun in another thread than the one that waits.
#ifndef ISOFLOP_TRAINER_RANKS_H_
#define ISOFLOP_TRAINER_RANKS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/torch_headers.h"
#include "trainer/rank_place.h"

namespace isoflop {

struct RanksOptions {
  double timeout_seconds = 30;  // of every call, and for all to meet; see rank_place.h
  bool nccl = false;            // tensors lie on CUDA devices
};

class Ranks {
 public:
  Ranks();  // alone
  // Waits until all have come. Throws Error(kUsage) for a time limit that is none, Error(kFailed)
  // when the port is taken or not all come in time.
  Ranks(const RankPlace& place, const RanksOptions& options);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return place_.rank; }
  int world() const { return place_.world; }
  bool is_first() const { return place_.rank == 0; }
  bool is_alone() const { return place_.world == 1; }

  // Begins to replace `flat` by its sum over all; what is returned waits for it.
  std::function<void()> all_reduce(const torch::Tensor& flat);
  // shard [n] = the rank's part of the sum over all of `whole` [world x n], which is used up: Gloo,
  // whose own reduce-scatter is an all-reduce of a copy, sums in place.
  void reduce_scatter(const torch::Tensor& whole, const torch::Tensor& shard);
  // whole [world x n] = the shards [n] of all, in order.
  void all_gather(const torch::Tensor& whole, const torch::Tensor& shard);
  // `tensor` becomes rank 0's; waits for as long as it takes.
  void broadcast(const torch::Tensor& tensor);

  // Of values on the host: element by element over all. The same bits everywhere.
  std::vector<double> sum(const std::vector<double>& values);
  // Rank 0's; `bytes` of the others are not looked at.
  std::string broadcast(const std::string& bytes);
  // What rank 0 makes while the others wait, for as long as it takes. An Error that it throws is
  // thrown by all, with its kind and code; the others' has no message, since rank 0 has said it.
  std::string from_first(const std::function<std::string()>& make);
  void barrier();

  // Why nothing can be said any more: "rank 2 of 4 on HOST is gone ...".
  std::optional<std::string> gone() const;

 private:
  class Group;
  RankPlace place_;
  std::unique_ptr<Group> group_;  // null: alone
};

// Of `count` things the first that is `rank`'s; those of all ranks are consecutive, and differ in
// number by one at most.
inline std::int64_t first_of_share(std::int64_t count, int rank, int world) {
  return count * rank / world;
}

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_RANKS_H_
