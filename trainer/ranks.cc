#include "trainer/ranks.h"

// gloo's own headers are not in the wheel: cmake/gloo stands in for them.
#define USE_C10D_GLOO
#include <ATen/core/ivalue_inl.h>
#include <c10/util/Logging.h>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "core/error.h"
#include "trainer/nccl_group.h"
#include "trainer/rank_meeting.h"
#include "trainer/rank_watch.h"

namespace isoflop {
namespace {

using std::chrono::milliseconds;
using Works = c10::intrusive_ptr<c10d::Work>;

constexpr milliseconds kLookForTheGone{100};
// For what rank 0 does alone, such as writing a checkpoint; the watch still sees it die.
constexpr std::chrono::hours kAsLongAsItTakes{24};
constexpr const char* kWhatToDo =
    "start all of them again with the same `isoflop train`; with --checkpoints the trial goes on "
    "from its last one";

std::string first_line(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  const std::string text = known != nullptr ? known->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

milliseconds time_limit(const RanksOptions& options) {
  require_peer_timeout(options.timeout_seconds);
  return milliseconds(static_cast<std::int64_t>(options.timeout_seconds * 1000));
}

// A lost connection is told in our own words; c10d's warning of it is a page of stack frames.
void quieten_c10d() {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") != nullptr) return;
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 1);
  c10::initLogging();
}

torch::Tensor host_tensor(void* values, std::size_t count, torch::ScalarType type) {
  return torch::from_blob(values, {static_cast<std::int64_t>(count)}, type);
}

// Of what may be large, or comes when rank 0 has made it.
c10d::BroadcastOptions patient() {
  c10d::BroadcastOptions options;
  options.timeout = kAsLongAsItTakes;
  return options;
}

// Set when a call has ended, well or not.
class Ended {
 public:
  void set() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  bool wait_for(milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

c10::intrusive_ptr<c10d::Store> open_store(const RankPlace& place, bool server, milliseconds wait) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  options.isServer = server;
  options.waitWorkers = false;  // we wait for all by their keys, and can say who is missing
  options.timeout = wait;
  if (server) {
    options.masterListenFd =
        place.listening_socket >= 0 ? place.listening_socket : listen_at(place.address, place.port);
  }
  const auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
  return c10::make_intrusive<c10d::PrefixStore>("isoflop/" + place.attempt, store);
}

}  // namespace

class Ranks::Group {
 public:
  Group(const RankPlace& place, const RanksOptions& options)
      : place_(place), limit_(time_limit(options)) {
    quieten_c10d();
    try {
      meet(options);
    } catch (const c10::Error& error) {
      throw failure("several processes: " + name() + ": cannot meet the others at " +
                    place.address + ":" + std::to_string(place.port) + " within " +
                    std::to_string(limit_.count() / 1000) + " s: " + first_line(error) +
                    ": check that all are started, and MASTER_ADDR and MASTER_PORT");
    }
  }

  std::string name() const { return rank_name(place_.rank, place_.world, own_host()); }
  std::optional<std::string> gone() const { return watch_->gone(); }

  bool is_on_device(const torch::Tensor& tensor) const { return devices_ && !tensor.is_cpu(); }
  c10d::Backend& of(const torch::Tensor& tensor) {
    return is_on_device(tensor) ? *devices_ : *hosts_;
  }
  c10d::Backend& hosts() { return *hosts_; }

  // Runs a call of c10d; what goes wrong with it is told in our words.
  template <class Call>
  auto guarded(const Call& call) {
    try {
      return call();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      give_up(first_line(error));
    }
  }

  // Of a call on the host; the watch is asked all the while.
  void wait(const Works& work) {
    guarded([&] {
      if (const auto future = future_of(work)) wait_for_end(*future);
      work->wait();
    });
  }
  // NCCL's wait() does not block the host.
  void wait_on(const torch::Tensor& tensor, const Works& work) {
    if (!is_on_device(tensor)) return wait(work);
    guarded([&] { work->wait(); });
  }

  // In order when nothing has failed; otherwise nothing can be waited for, and the process ends
  // with what there is.
  static void end(std::unique_ptr<Group> group) {
    if (group->failed_ || std::uncaught_exceptions() > 0) {
      if (!group->failed_) group->watch_->leave("it has ended with an error of its own");
      if (group->place_.rank == 0) group->watch_->wait_for_others();
      group.release();
      return;
    }
    try {
      std::vector<double> one{1};
      std::vector<at::Tensor> tensors{host_tensor(one.data(), 1, torch::kFloat64)};
      group->wait(group->hosts_->allreduce(tensors));
    } catch (const std::exception&) {
      group.release();
    }
  }

 private:
  void meet(const RanksOptions& options) {
    store_ = open_store(place_, place_.rank == 0 && !place_.has_store, limit_);
    store_->set(rank_key(place_.rank), own_presence());
    const auto presences = presences_of_all();
    auto gloo = c10d::ProcessGroupGloo::Options::create(limit_);
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(
        own_address_towards(place_.address, place_.port)));
    hosts_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>("gloo", store_), place_.rank, place_.world, gloo);
    if (options.nccl) {
      devices_ = make_nccl_group(c10::make_intrusive<c10d::PrefixStore>("nccl", store_),
                                 place_.rank, place_.world, limit_);
    }
    watch_ = std::make_unique<RankWatch>(open_store(place_, false, limit_), place_, presences,
                                         [this] { abort_devices(); });
  }

  std::vector<std::string> presences_of_all() {
    std::vector<std::string> keys, presences;
    for (int rank = 0; rank < place_.world; ++rank) keys.push_back(rank_key(rank));
    try {
      store_->wait(keys, limit_);
    } catch (const c10::Error&) {
      std::string missing;
      for (const std::string& key : keys) {
        if (!store_->check({key})) missing += (missing.empty() ? "" : ", ") + key.substr(5);
      }
      throw failure("several processes: " + name() + ": rank " + missing + " did not come to " +
                    place_.address + ":" + std::to_string(place_.port) + " within " +
                    std::to_string(limit_.count() / 1000) +
                    " s: check that all of them are started, and that they see that address");
    }
    for (const std::string& key : keys) presences.push_back(store_->get_to_str(key));
    return presences;
  }

  // A host that waits for a device which waits for a lost one is let go.
  void abort_devices() {
    if (devices_) devices_->abort();
  }

  static c10::intrusive_ptr<c10::ivalue::Future> future_of(const Works& work) {
    try {
      return work->getFuture();
    } catch (const c10::Error&) {
      return {};  // a call that is made of others has none
    }
  }

  void wait_for_end(c10::ivalue::Future& future) {
    const auto ended = std::make_shared<Ended>();
    future.addCallback([ended](c10::ivalue::Future&) { ended->set(); });
    while (!ended->wait_for(kLookForTheGone)) {
      if (gone()) give_up("");
    }
  }

  [[noreturn]] void give_up(const std::string& said) {
    failed_ = true;
    if (const auto who = watch_->find_out()) {
      throw failure("several processes: " + *who + ": " + kWhatToDo);
    }
    throw failure("several processes: all " + std::to_string(place_.world) +
                  " are alive, but one did not come to the others within " +
                  std::to_string(limit_.count() / 1000) + " s (" + said +
                  "): raise --peer-timeout, and " + kWhatToDo);
  }

  RankPlace place_;
  milliseconds limit_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> hosts_, devices_;
  std::unique_ptr<RankWatch> watch_;
  bool failed_ = false;
};

Ranks::Ranks() = default;

Ranks::Ranks(const RankPlace& place, const RanksOptions& options) : place_(place) {
  if (place.world > 1) group_ = std::make_unique<Group>(place, options);
}

Ranks::~Ranks() {
  if (group_) Group::end(std::move(group_));
}

std::function<void()> Ranks::all_reduce(const torch::Tensor& flat) {
  if (!group_) return [] {};
  std::vector<at::Tensor> tensors{flat};
  const Works work = group_->guarded([&] { return group_->of(flat).allreduce(tensors); });
  return [this, flat, work] { group_->wait_on(flat, work); };
}

void Ranks::reduce_scatter(const torch::Tensor& whole, const torch::Tensor& shard) {
  if (!group_) {
    shard.copy_(whole);
    return;
  }
  if (group_->is_on_device(whole)) {
    at::Tensor from = whole, to = shard;
    group_->wait_on(
        whole, group_->guarded([&] { return group_->of(whole)._reduce_scatter_base(to, from); }));
    return;
  }
  // Gloo's is an all-reduce of a copy.
  all_reduce(whole)();
  shard.copy_(whole.narrow(0, shard.numel() * rank(), shard.numel()));
}

void Ranks::all_gather(const torch::Tensor& whole, const torch::Tensor& shard) {
  if (!group_) {
    whole.copy_(shard);
    return;
  }
  at::Tensor to = whole, from = shard;
  group_->wait_on(whole,
                  group_->guarded([&] { return group_->of(whole)._allgather_base(to, from); }));
}

void Ranks::broadcast(const torch::Tensor& tensor) {
  if (!group_) return;
  std::vector<at::Tensor> tensors{tensor};
  group_->wait_on(
      tensor, group_->guarded([&] { return group_->of(tensor).broadcast(tensors, patient()); }));
}

std::vector<double> Ranks::sum(const std::vector<double>& values) {
  std::vector<double> sums = values;
  if (group_) all_reduce(host_tensor(sums.data(), sums.size(), torch::kFloat64))();
  return sums;
}

std::string Ranks::broadcast(const std::string& bytes) {
  if (!group_) return bytes;
  const auto send = [&](const torch::Tensor& tensor) {
    std::vector<at::Tensor> tensors{tensor};
    group_->wait(group_->guarded([&] { return group_->hosts().broadcast(tensors, patient()); }));
  };
  auto size = static_cast<std::int64_t>(bytes.size());
  send(host_tensor(&size, 1, torch::kInt64));
  std::string received = bytes;
  received.resize(static_cast<std::size_t>(size));
  if (size > 0) send(host_tensor(received.data(), received.size(), torch::kUInt8));
  return received;
}

// The first byte says what it is: '=' what was made, or the digit of an error's kind before its
// code.
std::string Ranks::from_first(const std::function<std::string()>& make) {
  if (!group_) return make();
  if (is_first()) {
    try {
      const std::string made = make();
      broadcast("=" + made);
      return made;
    } catch (const Error& error) {
      if (!group_->gone()) broadcast(std::to_string(error.exit_code()) + error.code());
      throw;
    }
  }
  const std::string told = broadcast(std::string());
  if (told[0] == '=') return told.substr(1);
  throw Error(static_cast<ErrorKind>(told[0] - '0'), "", told.substr(1));
}

void Ranks::barrier() { sum({1}); }

std::optional<std::string> Ranks::gone() const { return group_ ? group_->gone() : std::nullopt; }

}  // namespace isoflop
