#include "app/processes.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "app/output.h"
#include "app/study.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "sweep/stop_signal.h"
#include "trainer/rank_meeting.h"
#include "trainer/rank_place.h"

namespace isoflop {
namespace {

using namespace std::chrono_literals;

constexpr const char* kProcesses = "ISOFLOP_PROCESSES";
constexpr const char* kHere = "127.0.0.1";
constexpr double kOthersMayNotice = 12;  // seconds
constexpr double kOthersMayEnd = 3;

std::vector<std::string> words_of_this_process() {
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

std::vector<std::string> own_environment_with(
    const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    const auto is_set = [&](const auto& pair) { return pair.first == name; };
    if (std::find_if(more.begin(), more.end(), is_set) == more.end()) result.push_back(text);
  }
  for (const auto& [name, value] : more) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> c_strings(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Member {
  pid_t pid = 0;
  bool ended = false;
  int status = 0;
};

class Family {
 public:
  explicit Family(int count) : count_(count), socket_(listen_at(kHere, 0)) {
    for (int rank = 0; rank < count; ++rank) start(rank);
    ::close(socket_);
  }

  int wait() {
    const StopSignal stop;
    int handed_on = 0;
    while (left_ > 0) {
      std::this_thread::sleep_for(10ms);
      for (; handed_on < stop.count(); ++handed_on) send(SIGTERM);
      bury();
      if (first_bad_ >= 0) end_the_rest();
    }
    return code_;
  }

 private:
  void start(int rank) {
    const std::string own = std::to_string(rank), all = std::to_string(count_);
    auto environment = own_environment_with({{"RANK", own},
                                             {"LOCAL_RANK", own},
                                             {"WORLD_SIZE", all},
                                             {"MASTER_ADDR", kHere},
                                             {"MASTER_PORT", std::to_string(port_of(socket_))},
                                             {kListeningSocket, std::to_string(socket_)},
                                             {kProcesses, all}});
    auto words = words_of_this_process();
    const std::string program = own_path();
    const auto arguments = c_strings(words), variables = c_strings(environment);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) throw failure(std::string("--processes: cannot start one: ") + strerror(errno));
    if (pid > 0) {
      members_.push_back({.pid = pid});
      ++left_;
      return;
    }
    // Only async-signal-safe calls from here on: LibTorch has threads.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);  // it died before the line above
    if (rank == 0) ::fcntl(socket_, F_SETFD, 0);
    ::execve(program.c_str(), arguments.data(), variables.data());
    ::_exit(127);
  }

  void send(int signal) {
    for (const Member& member : members_) {
      if (!member.ended) ::kill(member.pid, signal);
    }
  }

  void bury() {
    for (std::size_t rank = 0; rank < members_.size(); ++rank) {
      Member& member = members_[rank];
      if (member.ended || ::waitpid(member.pid, &member.status, WNOHANG) != member.pid) continue;
      member.ended = true;
      --left_;
      if (member.status != 0 && first_bad_ < 0) note_bad(static_cast<int>(rank), member.status);
    }
  }

  // The first one's end is the reason of all the others'.
  void note_bad(int rank, int status) {
    first_bad_ = rank;
    since_bad_.restart();
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (WIFEXITED(status)) return;  // it has said why
    say("isoflop: train: rank " + std::to_string(rank) + " of " + std::to_string(count_) +
        " was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
        ::strsignal(WTERMSIG(status)) + ")");
  }

  void end_the_rest() {
    const double seconds = since_bad_.seconds();
    if (seconds > kOthersMayNotice + kOthersMayEnd) {
      send(SIGKILL);
    } else if (seconds > kOthersMayNotice && !asked_to_end_) {
      asked_to_end_ = true;
      send(SIGTERM);
    }
  }

  int count_;
  int socket_;
  std::vector<Member> members_;
  int left_ = 0;
  int first_bad_ = -1;
  int code_ = 0;
  bool asked_to_end_ = false;
  Stopwatch since_bad_;
};

}  // namespace

int started_as_one_of() {
  const char* value = std::getenv(kProcesses);
  return value == nullptr ? 0 : std::atoi(value);
}

int run_processes(int count) { return Family(count).wait(); }

}  // namespace isoflop
