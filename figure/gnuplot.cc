#include "figure/gnuplot.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "core/error.h"
#include "core/stopwatch.h"

namespace isoflop {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {
    if (number < 0) {
      throw failure(std::string("gnuplot: no pipe to it: ") + std::strerror(errno) +
                    "; close other programs");
    }
  }
  Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close_it(); }
  int number() const { return number_; }
  void close_it() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Pipe open_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) ends = {-1, -1};
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// The script in memory, as a file to be read from its start: unlike a pipe it has no end that can
// break while it is written.
Descriptor script_file(std::string_view script) {
  Descriptor file(::memfd_create("isoflop-figure", MFD_CLOEXEC));
  while (!script.empty()) {
    const ssize_t count = ::write(file.number(), script.data(), script.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      throw failure(std::string("gnuplot: its script: ") + std::strerror(errno) +
                    "; free memory and try again");
    }
    script.remove_prefix(static_cast<std::size_t>(count));
  }
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

// Ours, but for what would change the drawing.
std::vector<std::string> plain_environment() {
  std::vector<std::string> kept{"LC_ALL=C"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    bool drop = false;
    for (const std::string_view prefix :
         {"LC_", "LANG", "GNU", "GDFONTPATH", "FIT_", "XDG_CONFIG"}) {
      drop = drop || text.substr(0, prefix.size()) == prefix;
    }
    if (!drop) kept.emplace_back(text);
  }
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

int spawn_gnuplot(std::vector<std::string> argv, int in, int out, int err, pid_t& pid) {
  std::vector<std::string> environment = plain_environment();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  const int error = ::posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr, pointers(argv).data(),
                                   pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

void take_what_is_there(Descriptor& end, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(end.number(), buffer.data(), buffer.size());
  if (count > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    end.close_it();
  }
}

// Reads both until gnuplot has closed them; false: the time was over first.
bool read_to_the_end(Descriptor& out, Descriptor& err, std::string& drawn, std::string& said,
                     double seconds) {
  const Stopwatch watch;
  while (out.number() >= 0 || err.number() >= 0) {
    const double left = seconds - watch.seconds();
    if (left <= 0) return false;
    std::array<pollfd, 2> ends{{{out.number(), POLLIN, 0}, {err.number(), POLLIN, 0}}};
    if (::poll(ends.data(), ends.size(), static_cast<int>(std::ceil(left * 1000))) <= 0) continue;
    if (ends[0].revents != 0) take_what_is_there(out, drawn);
    if (ends[1].revents != 0) take_what_is_there(err, said);
  }
  return true;
}

// The line of gnuplot's complaint that says what is wrong.
std::string complaint_of(const std::string& said) {
  std::string line = said.substr(0, said.find_last_not_of("\n .") + 1);
  line = line.substr(line.rfind('\n') == std::string::npos ? 0 : line.rfind('\n') + 1);
  line = line.substr(std::min(line.find_first_not_of(' '), line.size()));
  return line.empty() ? "it said nothing" : line;
}

Error not_installed() {
  return failure(
      "gnuplot: it draws the figures and is not installed; run: apt-get install gnuplot-nox");
}

std::string run_program(const std::vector<std::string>& argv, const std::string& script,
                        double seconds) {
  Descriptor in = script_file(script);
  Pipe out = open_pipe();
  Pipe err = open_pipe();
  pid_t pid = -1;
  const int error =
      spawn_gnuplot(argv, in.number(), out.write_end.number(), err.write_end.number(), pid);
  if (error == ENOENT) throw not_installed();
  if (error != 0) {
    throw failure(std::string("gnuplot: cannot be started: ") + std::strerror(error) +
                  "; try again later");
  }
  out.write_end.close_it();
  err.write_end.close_it();
  std::string drawn;
  std::string said;
  const bool ended = read_to_the_end(out.read_end, err.read_end, drawn, said, seconds);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) throw failure("gnuplot: is still drawing; it was stopped; draw fewer points");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw failure("gnuplot: failed: " + complaint_of(said) +
                  "; try gnuplot 5.4 or newer, and report it if that fails too");
  }
  return drawn;
}

}  // namespace

std::string run_gnuplot(const std::string& script, double seconds) {
  return run_program({"gnuplot", "--default-settings"}, script, seconds);
}

std::string gnuplot_version() {
  try {
    const std::string said = run_program({"gnuplot", "--version"}, "", 5);
    const std::string line = said.substr(0, said.find('\n'));
    return line.rfind("gnuplot ", 0) == 0 ? line.substr(8) : line;
  } catch (const Error&) {
    return "";
  }
}

}  // namespace isoflop
