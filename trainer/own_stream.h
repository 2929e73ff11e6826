// Streams of a device that one trial at a time has to itself. Trials of a pack (sweep/pack.h) run
// side by side only on streams of their own, and a stream that one trial records as a graph must
// see no other's launches.
//
// LibTorch hands out 32 streams a device in turn, whoever has them. A lease takes one that was
// given back, and asks LibTorch only where there is none: as many streams are in use as there are
// leases at the same time, and no two have the same one as long as those are at most 32.
#ifndef ISOFLOP_TRAINER_OWN_STREAM_H_
#define ISOFLOP_TRAINER_OWN_STREAM_H_

#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "model/torch_headers.h"

namespace isoflop {

// Thread-safe. Outlives its leases.
class StreamPool {
 public:
  explicit StreamPool(std::function<c10::Stream(torch::Device)> next) : next_(std::move(next)) {}

  c10::Stream take(torch::Device device);
  void give_back(c10::Stream stream);

 private:
  std::function<c10::Stream(torch::Device)> next_;
  std::mutex mutex_;
  std::vector<c10::Stream> free_;
};

// This thread's current stream while it lives.
class OwnStream {
 public:
  OwnStream(StreamPool& pool, torch::Device device)
      : pool_(pool), stream_(pool.take(device)), guard_(stream_) {}
  ~OwnStream() { pool_.give_back(stream_); }  // before the guard: who takes it queues behind
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;

 private:
  StreamPool& pool_;
  c10::Stream stream_;
  c10::StreamGuard guard_;
};

// Of the process' devices; null on the CPU, which has none.
std::unique_ptr<OwnStream> own_stream(torch::Device device);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_OWN_STREAM_H_
