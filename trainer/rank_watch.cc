#include "trainer/rank_watch.h"

#include <fstream>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

using namespace std::chrono_literals;

constexpr const char* kGone = "gone";
constexpr const char* kKnowIt = "know_it";
constexpr auto kBeatEvery = 1s;
constexpr auto kLookEvery = 20ms;
constexpr auto kOthersMayTake = 3s;

std::string beat_key(int rank) { return "beat/" + std::to_string(rank); }

struct ProcessFacts {
  std::string state, start;  // empty: there is no such process
};

// Fields 3 and 22 of /proc/PID/stat; the name in field 2 may hold anything.
ProcessFacts process_facts(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/stat");
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string text = whole.str();
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return {};
  std::istringstream fields(text.substr(after_name + 1));
  ProcessFacts facts;
  fields >> facts.state;
  for (int field = 4; field <= 22; ++field) fields >> facts.start;
  return facts;
}

// Process ids mean the same where this is the same.
std::string pid_scope() {
  char scope[128] = "";
  if (::readlink("/proc/self/ns/pid", scope, sizeof(scope) - 1) < 0) return "?";
  return scope;
}

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

std::string rank_key(int rank) { return "rank/" + std::to_string(rank); }

std::string own_presence() {
  const std::string pid = std::to_string(::getpid());
  return own_host() + " " + pid_scope() + " " + pid + " " + process_facts(pid).start;
}

RankWatch::RankWatch(c10::intrusive_ptr<c10d::Store> store, const RankPlace& place,
                     const std::vector<std::string>& presences, std::function<void()> when_gone)
    : store_(std::move(store)),
      place_(place),
      beats_(presences.size()),
      when_gone_(std::move(when_gone)) {
  for (const std::string& text : presences) {
    std::istringstream words(text);
    Presence presence;
    words >> presence.host >> presence.scope >> presence.pid >> presence.start;
    presences_.push_back(presence);
  }
  thread_ = std::thread([this] { run(); });
}

RankWatch::~RankWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// --- The watch's own thread.

void RankWatch::run() {
  while (true) {
    try {
      round();
    } catch (const std::exception&) {
      // The store is rank 0's, or torchrun's, which ends when one of its processes does.
      declare(0, "it has ended");
      when_gone_();
      return;
    }
    last_round_ = Clock::now().time_since_epoch().count();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kBeatEvery, [&] { return stop_ || (!verdict_.empty() && !told_); });
    if (stop_) return;
  }
}

void RankWatch::round() {
  store_->add(beat_key(place_.rank), 1);
  if (told_) {
    others_know_ = store_->add(kKnowIt, 0);
    return;
  }
  if (verdict().empty() && store_->check({kGone})) {
    const std::string known = text_of(store_->get(kGone));
    const std::scoped_lock lock(mutex_);
    verdict_ = known;
  }
  if (verdict().empty()) {
    const int end = place_.rank == 0 ? place_.world : 1;
    for (int rank = place_.rank == 0 ? 1 : 0; rank < end; ++rank) look_at(rank);
  }
  if (!verdict().empty()) tell();
}

void RankWatch::look_at(int rank) {
  Beat& beat = beats_[static_cast<std::size_t>(rank)];
  const std::int64_t count = store_->add(beat_key(rank), 0);
  if (count != beat.count) {
    beat = {.count = count, .changed = Clock::now()};
  } else if (Clock::now() - beat.changed > kRankSilence) {
    declare(rank, has_died(rank) ? "it has died" : "it has been silent for 6 seconds");
  }
}

// The first to write it down is believed by all.
void RankWatch::tell() {
  const std::string own = verdict();
  const std::string first = text_of(store_->compareSet(kGone, {}, bytes_of(own)));
  {
    const std::scoped_lock lock(mutex_);
    if (!first.empty()) verdict_ = first;
  }
  store_->add(kKnowIt, 1);
  told_ = true;
  when_gone_();
}

// --- Any thread.

void RankWatch::declare(int rank, const std::string& why) {
  {
    const std::scoped_lock lock(mutex_);
    if (!verdict_.empty()) return;
    verdict_ = std::to_string(rank) + " " + why;
  }
  wake_.notify_all();
}

std::string RankWatch::verdict() const {
  const std::scoped_lock lock(mutex_);
  return verdict_;
}

bool RankWatch::store_is_silent() const {
  const Clock::time_point last{Clock::duration(last_round_.load())};
  return Clock::now() - last > kRankSilence + kBeatEvery;
}

std::optional<std::string> RankWatch::gone() const {
  std::string text = verdict();
  if (text.empty() && store_is_silent()) text = "0 its store has been silent for 6 seconds";
  if (text.empty()) return std::nullopt;
  const auto space = text.find(' ');
  const int rank = std::stoi(text.substr(0, space));
  const std::string& host = presences_.at(static_cast<std::size_t>(rank)).host;
  return rank_name(rank, place_.world, host) + " is gone: " + text.substr(space + 1);
}

// A zombie has died too: whoever started it has not looked yet.
bool RankWatch::has_died(int rank) const {
  const Presence& own = presences_.at(static_cast<std::size_t>(place_.rank));
  const Presence& other = presences_.at(static_cast<std::size_t>(rank));
  if (other.host != own.host || other.scope != own.scope) return false;
  const ProcessFacts now = process_facts(other.pid);
  return now.start != other.start || now.state == "Z" || now.state == "X";
}

void RankWatch::look_for_the_dead() {
  for (int rank = 0; rank < place_.world; ++rank) {
    if (rank != place_.rank && has_died(rank)) return declare(rank, "it has died");
  }
}

std::optional<std::string> RankWatch::find_out() {
  const auto end = Clock::now() + kRankSilence + 2 * kBeatEvery;
  // What another has written down goes before what can be seen from here: the first to notice may
  // have left already.
  wake_.notify_all();
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    if (!gone()) look_for_the_dead();
    if (const auto known = gone()) {
      for (int i = 0; i < 50 && !told_; ++i) std::this_thread::sleep_for(kLookEvery);
      return gone().value_or(*known);
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return std::nullopt;
}

void RankWatch::leave(const std::string& why) {
  declare(place_.rank, why);
  for (int i = 0; i < 50 && !told_; ++i) std::this_thread::sleep_for(kLookEvery);
}

void RankWatch::wait_for_others() const {
  const auto end = Clock::now() + kOthersMayTake;
  while (Clock::now() < end && others_know_ < place_.world - 1) {
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace isoflop
