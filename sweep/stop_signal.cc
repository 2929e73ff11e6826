#include "sweep/stop_signal.h"

#include <atomic>
#include <cstdint>
#include <signal.h>
#include <time.h>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr std::int64_t kOneRequest = 200'000'000;  // ns

std::atomic<int> signals{0};
std::atomic<std::int64_t> last_signal{0};
static_assert(std::atomic<int>::is_always_lock_free &&
                  std::atomic<std::int64_t>::is_always_lock_free,
              "a signal handler may not wait for a lock");

void count_signal(int) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t moment = now.tv_sec * 1'000'000'000 + now.tv_nsec;
  if (moment - last_signal.exchange(moment) >= kOneRequest) ++signals;
}

}  // namespace

struct StopSignal::Saved {
  struct sigaction interrupt {};
  struct sigaction terminate {};
  struct sigaction hang_up {};
  std::vector<std::pair<int, struct sigaction>> more = {};
};

StopSignal::StopSignal(std::initializer_list<int> more) : saved_(std::make_unique<Saved>()) {
  signals = 0;
  last_signal = -kOneRequest;
  struct sigaction action {};
  action.sa_handler = count_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &saved_->interrupt);
  ::sigaction(SIGTERM, &action, &saved_->terminate);
  ::sigaction(SIGHUP, nullptr, &saved_->hang_up);
  if (saved_->hang_up.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
  for (const int signal : more) {
    ::sigaction(signal, &action, &saved_->more.emplace_back(signal, action).second);
  }
}

StopSignal::~StopSignal() {
  ::sigaction(SIGINT, &saved_->interrupt, nullptr);
  ::sigaction(SIGTERM, &saved_->terminate, nullptr);
  ::sigaction(SIGHUP, &saved_->hang_up, nullptr);
  for (const auto& [signal, old] : saved_->more) ::sigaction(signal, &old, nullptr);
}

int StopSignal::count() const { return signals.load(std::memory_order_relaxed); }

}  // namespace isoflop
