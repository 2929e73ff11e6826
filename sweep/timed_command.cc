#include "sweep/timed_command.h"

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/stopwatch.h"

namespace isoflop {
namespace {

// The reading end of what a program writes to one of its descriptors.
struct Output {
  int read_end = -1;
  int write_end = -1;

  Output() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw failure(std::string("pipe: ") + std::strerror(errno) + "; close other programs");
    }
    read_end = ends[0];
    write_end = ends[1];
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    close_end(read_end);
    close_end(write_end);
  }
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

// What is there to be read now, or the pipe's end.
void read_some(int& end, std::string& text) {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(end, buffer.data(), buffer.size());
  if (count > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    Output::close_end(end);
  }
}

int start(const std::vector<std::string>& argv, const Output& out, const Output& err, pid_t& pid) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err.write_end, STDERR_FILENO);
  const int error = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Reads both until they are closed or the time is over; false then.
bool read_until_end(Output& out, Output& err, CommandResult& result, double seconds) {
  const Stopwatch watch;
  while (out.read_end >= 0 || err.read_end >= 0) {
    const double left = seconds - watch.seconds();
    if (left <= 0) return false;
    std::array<pollfd, 2> ends{{{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}}};
    if (::poll(ends.data(), ends.size(), static_cast<int>(std::ceil(left * 1000))) <= 0) continue;
    if (ends[0].revents != 0) read_some(out.read_end, result.out);
    if (ends[1].revents != 0) read_some(err.read_end, result.err);
  }
  return true;
}

}  // namespace

CommandResult run_timed(const std::vector<std::string>& argv, double seconds) {
  Output out, err;
  CommandResult result;
  pid_t pid = -1;
  const int error = start(argv, out, err, pid);
  if (error == ENOENT) return {.code = 127, .err = argv[0] + ": is not in PATH\n"};
  if (error != 0) {
    throw failure(argv[0] + ": cannot be started: " + std::strerror(error) + "; try again later");
  }
  Output::close_end(out.write_end);
  Output::close_end(err.write_end);
  result.timed_out = !read_until_end(out, err, result, seconds);
  if (result.timed_out) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

bool in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access(((folder.empty() ? "." : folder) + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace isoflop
