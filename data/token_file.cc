#include "data/token_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace isoflop {
namespace {

// Closes the descriptor; a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

void check_size(const std::string& path, std::int64_t bytes, const CorpusManifest& manifest) {
  if (manifest.token_bytes != 1) {
    throw failure(
        "token file: " + path + ": the manifest says " + std::to_string(manifest.token_bytes) +
        " bytes a token, but this version reads one: prepare the corpus again with bytes");
  }
  if (bytes == manifest.tokens) return;
  throw failure("token file: " + path + ": has " + std::to_string(bytes) +
                " bytes, but its manifest says " + std::to_string(manifest.tokens) +
                ": the file was cut or replaced; prepare the corpus again (isoflop data prepare)");
}

}  // namespace

TokenFile::TokenFile(const std::string& corpus_dir, const CorpusManifest& manifest)
    : path_(corpus_dir + "/" + kTokenFileName) {
  const Descriptor file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status = {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) {
    throw failure("token file: " + path_ + ": cannot be opened: " + std::strerror(errno) +
                  "; prepare the corpus first (isoflop data prepare)");
  }
  check_size(path_, status.st_size, manifest);
  if (status.st_size == 0) throw failure("token file: " + path_ + ": is empty");
  void* mapped =
      ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_SHARED, file.fd, 0);
  if (mapped == MAP_FAILED) {
    throw failure("token file: " + path_ + ": " + std::to_string(status.st_size) +
                  " bytes cannot be mapped: " + std::strerror(errno));
  }
  ids_ = static_cast<const std::uint8_t*>(mapped);
  size_ = status.st_size;
}

TokenFile::~TokenFile() { ::munmap(const_cast<std::uint8_t*>(ids_), static_cast<size_t>(size_)); }

void TokenFile::read(std::int64_t first, std::span<std::int32_t> out) const {
  const auto count = static_cast<std::int64_t>(out.size());
  if (first < 0 || count > size_ || first > size_ - count) {
    throw failure("token file: " + path_ + ": tokens " + std::to_string(first) + " to " +
                  std::to_string(first + count) + " asked for, but there are " +
                  std::to_string(size_));
  }
  std::copy_n(ids_ + first, count, out.begin());
}

}  // namespace isoflop
