#include "sweep/stop_signal.h"

#include <atomic>
#include <signal.h>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

std::atomic<int> signals{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not wait for a lock");

void count_signal(int) { signals.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

struct StopSignal::Saved {
  struct sigaction interrupt {};
  struct sigaction terminate {};
  struct sigaction hang_up {};
  std::vector<std::pair<int, struct sigaction>> more = {};
};

StopSignal::StopSignal(std::initializer_list<int> more) : saved_(std::make_unique<Saved>()) {
  signals = 0;
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
