#include "db/process.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <signal.h>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace isoflop {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

struct ProcessStat {
  char state = '?';
  std::int64_t start_ticks = 0;
};

// proc(5): the command, field 2, is in parentheses and may contain anything; field 3 is the state
// and field 22 the start time.
std::optional<ProcessStat> process_stat(std::int64_t pid) {
  const std::string line = first_line("/proc/" + std::to_string(pid) + "/stat");
  const auto command_end = line.rfind(')');
  if (command_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(command_end + 1));
  ProcessStat stat;
  fields >> stat.state;
  std::string field;
  for (int number = 4; number <= 22; ++number) fields >> field;
  if (!fields) return std::nullopt;
  stat.start_ticks = std::stoll(field);
  return stat;
}

bool runs_here(const WorkerId& worker) {
  const auto stat = process_stat(worker.pid);
  // Where /proc hides other people's processes, the kernel still says whether there is one.
  if (!stat) return ::kill(static_cast<pid_t>(worker.pid), 0) == 0 || errno == EPERM;
  return stat->start_ticks == worker.start_ticks && stat->state != 'Z' && stat->state != 'X';
}

}  // namespace

double uptime_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

WorkerId this_worker(const std::string& device) {
  WorkerId worker{.host = host_name(),
                  .boot_id = first_line("/proc/sys/kernel/random/boot_id"),
                  .pid = ::getpid(),
                  .device = device};
  struct stat name_space {};
  if (::stat("/proc/self/ns/pid", &name_space) == 0) {
    worker.pid_namespace = static_cast<std::int64_t>(name_space.st_ino);
  }
  if (const auto stat = process_stat(worker.pid)) worker.start_ticks = stat->start_ticks;
  return worker;
}

Liveness liveness_of(const WorkerId& worker, const WorkerId& self) {
  if (worker.boot_id != self.boot_id) {
    return worker.host == self.host ? Liveness::kDead : Liveness::kUnknown;
  }
  if (worker.pid_namespace != self.pid_namespace) return Liveness::kUnknown;
  return runs_here(worker) ? Liveness::kAlive : Liveness::kDead;
}

std::string program_version() { return ISOFLOP_VERSION; }

std::string compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

}  // namespace isoflop
