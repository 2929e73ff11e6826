#include "data/staging.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include "core/error.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

Error file_error(const fs::path& path, const char* what) {
  return failure("prepare: " + path.string() + ": " + what + ": " + std::strerror(errno));
}

void sync_folder(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool good = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!good) throw file_error(path, "fsync failed");
}

}  // namespace

File File::reading(const fs::path& path) { return {path, O_RDONLY | O_CLOEXEC}; }
File File::creating(const fs::path& path) {
  return {path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC};
}

File::File(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags, 0644)) {
  if (fd_ < 0) throw file_error(path, "cannot be opened");
}

File::~File() { ::close(fd_); }

std::size_t File::read(std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = ::read(fd_, buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw file_error(path_, "reading failed");
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

void File::skip_to(std::int64_t offset) {
  if (::lseek(fd_, offset, SEEK_SET) < 0) throw file_error(path_, "seeking failed");
}

void File::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw file_error(path_, "writing failed");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void File::sync() {
  if (::fsync(fd_) != 0) throw file_error(path_, "fsync failed");
}

Staging::Staging(const fs::path& target)
    : target_(target), path_(target.string() + ".partial-" + std::to_string(::getpid())) {
  std::error_code error;
  fs::create_directories(target_.parent_path().empty() ? "." : target_.parent_path(), error);
  if (!fs::create_directory(path_, error)) {
    throw failure("prepare: " + path_.string() +
                  ": cannot be made: " + (error ? error.message() : "it exists already"));
  }
}

Staging::~Staging() {
  std::error_code ignored;
  if (!done_) fs::remove_all(path_, ignored);
}

void Staging::finish() {
  sync_folder(path_);
  std::error_code error;
  fs::rename(path_, target_, error);
  if (error) {
    throw failure("prepare: " + target_.string() + ": cannot get its name: " + error.message());
  }
  done_ = true;
}

}  // namespace isoflop
