#include "sweep/memory_watch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

// A memory cgroup's folder and its files' names, which differ by version: cgroups(7).
struct MemoryGroup {
  fs::path folder;
  bool version_2 = true;

  fs::path limit() const { return folder / (version_2 ? "memory.max" : "memory.limit_in_bytes"); }
  fs::path usage() const {
    return folder / (version_2 ? "memory.current" : "memory.usage_in_bytes");
  }
  std::string cache() const { return version_2 ? "inactive_file" : "total_inactive_file"; }
  fs::path events() const { return folder / (version_2 ? "memory.events" : "memory.oom_control"); }
};

// The process' own group and those above it: lines "0::/path" and "5:memory:/path".
std::vector<MemoryGroup> memory_groups() {
  std::vector<MemoryGroup> groups;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const bool version_2 = line.rfind("0::", 0) == 0;
    const auto start = version_2 ? 3 : line.find(":memory:");
    if (start == std::string::npos) continue;
    const fs::path root = version_2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    fs::path below = fs::path(line.substr(version_2 ? 3 : start + 8)).relative_path();
    for (;; below = below.parent_path()) {
      groups.push_back({.folder = root / below, .version_2 = version_2});
      if (below.empty()) break;
    }
  }
  return groups;
}

// "max" is no number.
std::optional<double> number_in(const fs::path& path) {
  std::ifstream file(path);
  double value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

// In lines "name number" or "name: number kB".
std::optional<double> entry_in(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto end = line.find_first_of(": ");
    if (line.substr(0, end) != name) continue;
    const auto digits = line.find_first_of("0123456789", end);
    if (digits != std::string::npos) return std::strtod(line.c_str() + digits, nullptr);
  }
  return std::nullopt;
}

std::optional<double> left_in(const MemoryGroup& group) {
  const auto limit = number_in(group.limit());
  const auto usage = number_in(group.usage());
  if (!limit || !usage) return std::nullopt;
  const double cache = entry_in(group.folder / "memory.stat", group.cache()).value_or(0);
  return std::max(0.0, *limit - std::max(0.0, *usage - cache));
}

}  // namespace

double available_memory() {
  double least = std::numeric_limits<double>::infinity();
  if (const auto kilobytes = entry_in("/proc/meminfo", "MemAvailable")) least = 1024 * *kilobytes;
  for (const MemoryGroup& group : memory_groups()) {
    if (const auto left = left_in(group)) least = std::min(least, *left);
  }
  return least < std::numeric_limits<double>::infinity() ? least : 0;
}

std::int64_t kernel_oom_kills() {
  for (const MemoryGroup& group : memory_groups()) {
    const auto count = entry_in(group.events(), "oom_kill");
    if (count) return static_cast<std::int64_t>(*count);
  }
  return static_cast<std::int64_t>(entry_in("/proc/vmstat", "oom_kill").value_or(0));
}

void OomWatch::tick() {
  constexpr double kSeconds = 10;
  if (since_.seconds() < kSeconds) return;
  since_.restart();
  older_ = newer_;
  newer_ = kills_();
}

bool OomWatch::claim_kill() {
  if (kills_() <= older_) return false;
  ++older_;
  newer_ = std::max(newer_, older_);
  return true;
}

}  // namespace isoflop
