// NCCL between CUDA devices, where the program was built with it (preset cuda): nccl_group.cc, or
// no_nccl.cc.
#ifndef ISOFLOP_TRAINER_NCCL_GROUP_H_
#define ISOFLOP_TRAINER_NCCL_GROUP_H_

#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace isoflop {

// Of the current CUDA device of each process. Throws Error(kFailed) where there is no NCCL.
c10::intrusive_ptr<c10d::Backend> make_nccl_group(const c10::intrusive_ptr<c10d::Store>& store,
                                                  int rank, int world,
                                                  std::chrono::milliseconds timeout);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_NCCL_GROUP_H_
