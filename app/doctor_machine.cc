// The program and the machine that it runs on, for isoflop doctor.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <thread>

#include "app/doctor.h"
#include "app/study.h"
#include "core/device_peak.h"
#include "core/units.h"
#include "db/process.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"
#include "sweep/driver.h"
#include "sweep/memory_watch.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

// Below this the smallest sweep of tables fails; below the other decoders are cramped. Bytes.
constexpr double kLeastMemory = 128e6;
constexpr double kScarceMemory = 1e9;
// Files that a driver holds open, with its workers' pipes and logs.
constexpr rlim_t kLeastFiles = 64;
constexpr rlim_t kScarceFiles = 256;

std::string head_of_file(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The value behind "key  : " or "key:" in a file of such lines; empty: none.
std::string value_of(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

// A control group's setting (version 2), the nearest one upwards that is set; empty: none.
std::string control_group_setting(const std::string& name) {
  std::ifstream in("/proc/self/cgroup");
  std::string group;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("0::", 0) == 0) group = line.substr(3);
  }
  for (std::filesystem::path path = group.empty() ? "/" : group;; path = path.parent_path()) {
    const std::string value = head_of_file("/sys/fs/cgroup" + path.string() + "/" + name);
    if (!value.empty() && value.rfind("max", 0) != 0) return value;
    if (path == path.root_path() || path.empty()) return "";
  }
}

// Cores that the control group allows; 0: no limit.
double core_limit() {
  std::istringstream words(control_group_setting("cpu.max"));
  double quota = 0;
  double period = 0;
  if (words >> quota >> period && period > 0) return quota / period;
  std::istringstream old_quota(head_of_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"));
  std::istringstream old_period(head_of_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  if (old_quota >> quota && old_period >> period && quota > 0 && period > 0) return quota / period;
  return 0;
}

double memory_limit() {
  std::istringstream words(control_group_setting("memory.max"));
  double bytes = 0;
  return words >> bytes ? bytes : 0;
}

std::vector<std::string> nvidia_devices() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    names.push_back(value_of(entry.path().string() + "/information", "Model"));
  }
  return names;
}

bool has_trainer_program() {
  const std::filesystem::path beside =
      std::filesystem::path(own_path()).parent_path() / "isoflop-trainer";
  std::error_code none;
  return has_torch() || std::filesystem::exists(beside, none);
}

// "118 GFLOP/s", "989 TFLOP/s".
std::string giga_or_more(double flops_per_second) {
  const bool tera = flops_per_second >= 1e12;
  const double value = flops_per_second / (tera ? 1e12 : 1e9);
  return std::to_string(std::lround(value)) + (tera ? " TFLOP/s" : " GFLOP/s");
}

std::string environment_or(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace

Check check_program() {
  const bool torch = has_trainer_program();
  Check check{.name = "program",
              .text = "isoflop " + program_version() + ", " + compiler_name() +
                      (torch ? ", with LibTorch" : ", without LibTorch")};
  check.values = {{"version", program_version()}, {"libtorch", torch}};
  if (torch) return check;
  check.state = CheckState::kNote;
  check.text += ": fits, plans and sweeps of tables only";
  check.next =
      "to train decoders: ./scripts/setup, then cmake --preset release and "
      "cmake --build --preset release";
  return check;
}

Check check_processor() {
  const MeasuredPeak peak = measured_peak();
  const std::string model = value_of("/proc/cpuinfo", "model name");
  const int cores = static_cast<int>(usable_cores().size());
  const double limit = core_limit();
  std::string sets;
  for (const Kernels& kernels : usable_kernels()) {
    sets += (sets.empty() ? "" : ", ") + std::string(kernels.name);
  }
  Check check{.name = "processor",
              .text = (model.empty() ? "unknown" : model) + ", " + std::to_string(cores) +
                      (cores == 1 ? " core" : " cores") + ", " + peak.instruction_set + " (of " +
                      sets + "), " + giga_or_more(peak.flops_per_second) + " a core, measured"};
  check.values = {{"model", model},
                  {"cores", cores},
                  {"machine_cores", std::thread::hardware_concurrency()},
                  {"instruction_set", peak.instruction_set},
                  {"peak_flops_per_second", peak.flops_per_second}};
  if (limit <= 0) return check;
  check.values["core_limit"] = limit;
  check.text += "; its control group allows " + exact_number(limit) + " cores";
  if (limit < cores) {
    check.state = CheckState::kNote;
    check.next =
        "run sweeps with --workers " + std::to_string(std::max(1, static_cast<int>(limit)));
  }
  return check;
}

Check judge_memory(const MemoryFacts& facts) {
  Check check{.name = "memory",
              .text = format_bytes(facts.available) + " available of " + format_bytes(facts.total)};
  check.values = {{"total_bytes", facts.total}, {"available_bytes", facts.available}};
  if (facts.limit > 0) {
    check.values["limit_bytes"] = facts.limit;
    check.text += "; its control group allows " + format_bytes(facts.limit);
  }
  if (facts.available <= 0) {
    check.state = CheckState::kNote;
    check.text = "unknown: the system does not say";
  } else if (facts.available < kLeastMemory) {
    check.state = CheckState::kProblem;
    check.next = "end other programs, or raise the job's memory";
  } else if (facts.available < kScarceMemory) {
    check.state = CheckState::kNote;
    check.next = "keep to small models, or run with --workers 1";
  }
  return check;
}

Check check_memory() {
  std::istringstream total(value_of("/proc/meminfo", "MemTotal"));
  double kibibytes = 0;
  total >> kibibytes;
  return judge_memory(
      {.total = kibibytes * 1024, .available = available_memory(), .limit = memory_limit()});
}

Check check_gpu() {
  const std::vector<std::string> names = nvidia_devices();
  Check check{.name = "gpu"};
  check.values = {{"devices", names}};
  if (names.empty()) {
    check.text = "none: the NVIDIA driver is not loaded (/proc/driver/nvidia); sweeps use the CPU";
    return check;
  }
  for (const std::string& name : names) check.text += (check.text.empty() ? "" : ", ") + name;
  const auto known = find_device(names[0]);
  if (known) check.text += ", " + giga_or_more(peak_of(*known, "bfloat16")) + " (bfloat16)";
  if (has_trainer_program()) {
    check.text += "; --device cuda uses it where the program was built with preset cuda";
    return check;
  }
  check.state = CheckState::kNote;
  check.text += "; this program cannot use it";
  check.next = "./scripts/setup --cuda, then build with preset cuda";
  return check;
}

Check check_limits() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  Check check{.name = "limits",
              .text = files.rlim_cur == RLIM_INFINITY
                          ? "any number of open files"
                          : std::to_string(files.rlim_cur) + " open files"};
  if (files.rlim_cur == RLIM_INFINITY) return check;
  check.values = {{"open_files", files.rlim_cur}};
  if (files.rlim_cur >= kScarceFiles) return check;
  check.state = files.rlim_cur < kLeastFiles ? CheckState::kProblem : CheckState::kNote;
  check.next = "ulimit -n 1024";
  return check;
}

Check check_locale() {
  const std::string locale =
      environment_or("LC_ALL", environment_or("LC_CTYPE", environment_or("LANG", "C")));
  std::string lower = locale;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  Check check{.name = "locale", .text = locale + "; numbers never depend on it"};
  check.values = {{"locale", locale}};
  const bool utf8 =
      lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  if (!utf8) check.text += "; a terminal that is not UTF-8 shows ± and × wrongly";
  return check;
}

}  // namespace isoflop
