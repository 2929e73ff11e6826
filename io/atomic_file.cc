#include "io/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "core/disk_space.h"
#include "core/error.h"

namespace isoflop {
namespace {

Error write_error(const std::string& path, const char* step) {
  if (means_disk_full(errno)) {
    return disk_full_error(path, std::string(step) + " failed: " + std::strerror(errno));
  }
  return failure("write: " + path + ": " + step + " failed: " + std::strerror(errno) +
                 "; check that the folder exists, is writable and has room");
}

// A descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void write_and_sync(const std::string& path, const std::string& temporary, std::string_view text) {
  const Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (file.fd < 0) throw write_error(path, "opening a temporary file beside it");
  if (!write_all(file.fd, text)) throw write_error(path, "writing");
  if (::fsync(file.fd) != 0) throw write_error(path, "fsync");
}

// So that the new name survives a power cut. Not every file system allows it, so failure is
// ignored.
void sync_folder(const std::filesystem::path& folder) {
  const Descriptor file{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (file.fd >= 0) ::fsync(file.fd);
}

}  // namespace

void write_file_atomically(const std::string& path, std::string_view text) {
  static std::atomic<unsigned> counter = 0;  // two threads may write the same file
  const std::string temporary =
      path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  try {
    write_and_sync(path, temporary, text);
    if (std::rename(temporary.c_str(), path.c_str()) != 0) throw write_error(path, "renaming");
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  const auto folder = std::filesystem::path(path).parent_path();
  sync_folder(folder.empty() ? "." : folder);
}

std::string read_whole_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw usage_error("read: " + path + ": is a folder: name a file in it");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw usage_error("read: " + path + ": cannot be opened: " + std::strerror(errno) +
                      "; check the path");
  }
  std::ostringstream text;
  if (file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (file.bad() || text.bad()) throw failure("read: " + path + ": reading failed");
  return std::move(text).str();
}

}  // namespace isoflop
