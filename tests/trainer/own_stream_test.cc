// Leases of streams, with a device of 32 that are handed out in turn, as LibTorch does.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/own_stream.h"

#include <gtest/gtest.h>
#include <set>
#include <thread>

namespace isoflop {
namespace {

std::function<c10::Stream(torch::Device)> in_turn() {
  return [given = std::int64_t{0}](torch::Device device) mutable {
    return c10::Stream(c10::Stream::UNSAFE, device, given++ % 32);
  };
}

const torch::Device kFirst(torch::kCUDA, 0);
const torch::Device kSecond(torch::kCUDA, 1);

TEST(StreamPool, ALongTrialsStreamIsNobodyElses) {
  StreamPool pool(in_turn());
  const c10::Stream held = pool.take(kFirst);
  for (int trial = 0; trial < 100; ++trial) {
    const c10::Stream other = pool.take(kFirst);
    EXPECT_NE(other, held) << trial;
    pool.give_back(other);
  }
}

TEST(StreamPool, TrialsOfManyThreadsHaveStreamsOfTheirOwn) {
  StreamPool pool(in_turn());
  std::mutex mutex;
  std::set<c10::StreamId> taken;
  int shared = 0;
  const auto trials = [&] {
    for (int trial = 0; trial < 200; ++trial) {
      const c10::Stream stream = pool.take(kFirst);
      {
        const std::lock_guard lock(mutex);
        if (!taken.insert(stream.id()).second) ++shared;
      }
      std::this_thread::yield();
      {
        const std::lock_guard lock(mutex);
        taken.erase(stream.id());
      }
      pool.give_back(stream);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) threads.emplace_back(trials);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(shared, 0);
}

TEST(StreamPool, AStreamGoesBackToItsDevice) {
  StreamPool pool(in_turn());
  const c10::Stream first = pool.take(kFirst);
  pool.give_back(first);
  EXPECT_EQ(pool.take(kSecond).device(), kSecond);
  EXPECT_EQ(pool.take(kFirst), first);
}

TEST(StreamPool, TheCpuHasNone) { EXPECT_EQ(own_stream(torch::kCPU), nullptr); }

}  // namespace
}  // namespace isoflop
#endif
