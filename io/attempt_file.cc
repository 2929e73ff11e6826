#include "io/attempt_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <random>
#include <unistd.h>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "io/attempt_json.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAttemptSuffix = ".jsonl";

double attempt_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Error attempt_file_error(const std::string& path, const char* step) {
  const int why = errno;
  if (means_disk_full(why)) return disk_full_error(path, std::strerror(why));
  return failure("attempt file: " + path + ": " + step + " failed: " + std::strerror(why) +
                 "; check that the folder is writable and start the task again");
}

// "0123456789abcdef.20261123T150000Z.89abcdef": a person sees trial and time, and no two processes
// anywhere choose the same.
std::string new_origin(const std::string& identity) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char when[32];
  std::strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
  char random[16];
  std::snprintf(random, sizeof random, "%08x", static_cast<unsigned>(std::random_device{}()));
  return identity.substr(0, kShortIdentity) + "." + when + "." + random;
}

void make_attempts_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) return;
  errno = error.value();
  throw attempt_file_error(folder, "making the folder");
}

// So that the file's name survives a crash of this host; not every file system allows it.
void sync_attempts_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

bool has_heldout(std::span<const CurvePoint> points) {
  return std::any_of(points.begin(), points.end(),
                     [](const CurvePoint& point) { return point.heldout_loss.has_value(); });
}

}  // namespace

struct AttemptFile::Impl {
  std::string path;
  std::string origin;
  std::mutex mutex = {};
  int fd = -1;
  off_t size = 0;  // of the whole lines
  bool torn = false;
  Stopwatch synced = {};

  ~Impl() {
    if (fd >= 0) ::close(fd);
  }

  void create(const std::string& folder, const std::string& identity) {
    do {
      origin = new_origin(identity);
      path = folder + "/" + origin + kAttemptSuffix;
      fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0) throw attempt_file_error(path, "making it");
  }

  // Part of a line, from a write that failed, must not stay before the next one.
  void cut_torn_line() {
    if (torn && ::ftruncate(fd, size) != 0) throw attempt_file_error(path, "cutting a torn line");
    torn = false;
  }

  void write_line(const std::string& line) {
    cut_torn_line();
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t count = ::write(fd, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        const Error error = attempt_file_error(path, "writing");
        torn = true;
        if (::ftruncate(fd, size) == 0) torn = false;
        throw error;
      }
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    size += static_cast<off_t>(line.size());
  }

  void sync() {
    if (::fsync(fd) != 0) throw attempt_file_error(path, "fsync");
    synced.restart();
  }

  void add(const std::string& line, bool at_once) {
    const std::lock_guard lock(mutex);
    write_line(line);
    if (at_once || synced.seconds() >= kSyncSeconds) sync();
  }
};

AttemptFile::AttemptFile(const std::string& folder, const ForeignAttempt& header)
    : impl_(std::make_unique<Impl>()) {
  make_attempts_folder(folder);
  impl_->create(folder, header.identity);
  impl_->add(attempt_header_line(header), true);
  sync_attempts_folder(folder);
}

AttemptFile::~AttemptFile() = default;

const std::string& AttemptFile::origin() const { return impl_->origin; }
const std::string& AttemptFile::path() const { return impl_->path; }

void AttemptFile::append(std::span<const CurvePoint> points) {
  if (points.empty()) return;
  impl_->add(attempt_curve_line(points, attempt_clock()), has_heldout(points));
}

void AttemptFile::heartbeat(double tokens_done) {
  impl_->add(attempt_heartbeat_line(tokens_done, attempt_clock()), false);
}

void AttemptFile::end(const Outcome& outcome, bool final) {
  impl_->add(attempt_end_line(outcome, final, attempt_clock()), true);
}

std::vector<std::string> attempt_files(const std::string& folder, const std::string& identity) {
  const std::string start = identity.empty() ? "" : identity.substr(0, kShortIdentity) + ".";
  std::vector<std::string> paths;
  std::error_code gone;
  fs::directory_iterator entry(folder, gone);
  for (; !gone && entry != fs::directory_iterator(); entry.increment(gone)) {
    const fs::path& path = entry->path();
    const std::string name = path.filename().string();
    if (path.extension() != kAttemptSuffix || name.rfind(start, 0) != 0) continue;
    paths.push_back(folder + "/" + name);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string origin_of(const std::string& path) { return fs::path(path).stem().string(); }

}  // namespace isoflop
