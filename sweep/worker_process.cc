#include "sweep/worker_process.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/error.h"

namespace isoflop {
namespace {

struct Variable {
  const char* name;
  const char* value;
  bool always;  // or only where the user has not set it
};

// One thread a worker, since its results are promised for that. The rest keeps glibc from returning
// pages between steps and faulting them in again: up to 12 % of a small model's time. 32 MiB is the
// largest mmap threshold that glibc takes.
constexpr Variable kEnvironment[] = {
    {"OMP_NUM_THREADS", "1", true},
    {"MKL_NUM_THREADS", "1", true},
    {"MALLOC_MMAP_THRESHOLD_", "33554432", false},
    {"MALLOC_TRIM_THRESHOLD_", "1073741824", false},
    {"MALLOC_TOP_PAD_", "67108864", false},
};

std::vector<std::string> worker_environment() {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) result.emplace_back(*entry);
  for (const Variable& variable : kEnvironment) {
    const std::string start = std::string(variable.name) + "=";
    const auto is_it = [&](const std::string& entry) { return entry.rfind(start, 0) == 0; };
    const auto old = std::find_if(result.begin(), result.end(), is_it);
    if (old == result.end()) {
      result.push_back(start + variable.value);
    } else if (variable.always) {
      *old = start + variable.value;
    }
  }
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void write_error(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

// Between fork and exec only async-signal-safe calls: the driver may have threads.
[[noreturn]] void become_worker(char* const* command, char* const* environment, int log, int core,
                                pid_t driver) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != driver) ::_exit(1);  // it died before the line above
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  if (core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    ::sched_setaffinity(0, sizeof cores, &cores);  // a worker that is not pinned works as well
  }
  ::execvpe(command[0], command, environment);
  write_error(command[0]);
  write_error(": cannot be started: ");
  write_error(::strerrordesc_np(errno));
  write_error("\n");
  ::_exit(127);
}

}  // namespace

pid_t start_worker(const WorkerLaunch& launch) {
  std::vector<std::string> command = launch.command;
  std::vector<std::string> environment = worker_environment();
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  const int log = ::open(launch.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    throw failure("worker log: " + launch.log + ": " + std::strerror(errno) +
                  "; check the folder, or name another");
  }
  const pid_t driver = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become_worker(arguments.data(), variables.data(), log, launch.core, driver);
  const int why = errno;
  ::close(log);
  if (pid < 0) {
    throw failure(std::string("worker: cannot be started: ") + std::strerror(why) +
                  "; run with fewer --workers");
  }
  return pid;
}

std::uintmax_t file_bytes(const std::string& path) {
  std::error_code missing;
  const std::uintmax_t bytes = std::filesystem::file_size(path, missing);
  return missing ? 0 : bytes;
}

std::string last_lines(const std::string& path, int lines, std::uintmax_t from) {
  constexpr std::uintmax_t kMost = 65536;
  const std::uintmax_t bytes = file_bytes(path);
  if (bytes > kMost) from = std::max(from, bytes - kMost);
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(from));
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line);) {
    last.push_back(line);
    if (last.size() > static_cast<size_t>(lines)) last.pop_front();
  }
  std::string text;
  for (const std::string& line : last) text += line + "\n";
  return text;
}

std::string signal_text(int signal) {
  const char* name = ::sigdescr_np(signal);
  return "signal " + std::to_string(signal) +
         (name == nullptr ? std::string() : " (" + std::string(name) + ")");
}

bool is_crash(int signal) {
  constexpr int kCrashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
  return std::find(std::begin(kCrashes), std::end(kCrashes), signal) != std::end(kCrashes);
}

}  // namespace isoflop
