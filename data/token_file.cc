#include "data/token_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

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

void check_size(const std::string& path, std::int64_t bytes, std::int64_t expected) {
  if (bytes == expected) return;
  throw failure("token file: " + path + ": has " + std::to_string(bytes) +
                " bytes, but its manifest says " + std::to_string(expected) +
                ": the file was cut or replaced; prepare the corpus again (isoflop data prepare)");
}

void check_shard(const std::string& path, const MappedFile& file, const TokenShard& shard) {
  check_size(path, static_cast<std::int64_t>(file.bytes().size()), shard.file_bytes);
  if (shard.offset < 0 || shard.tokens < 1 ||
      shard.tokens > (shard.file_bytes - shard.offset) / shard.token_bytes) {
    throw failure("token file: " + path + ": its manifest says " + std::to_string(shard.tokens) +
                  " tokens from byte " + std::to_string(shard.offset) +
                  ", which the file cannot hold; prepare the corpus again (isoflop data prepare)");
  }
  if (file.modified() != shard.modified) {
    throw failure("token file: " + path +
                  ": was written after the corpus was prepared, so its tokens may be others: "
                  "prepare the corpus again (isoflop data prepare)");
  }
}

// Ids of type T, which need not be aligned.
template <class T>
void copy_ids(const std::uint8_t* from, std::span<std::int32_t> out) {
  for (std::int32_t& id : out) {
    T value;
    std::memcpy(&value, from, sizeof value);
    id = static_cast<std::int32_t>(value);
    from += sizeof value;
  }
}

void copy_ids(const std::uint8_t* from, std::int64_t token_bytes, std::span<std::int32_t> out) {
  if (token_bytes == 1) return copy_ids<std::uint8_t>(from, out);
  if (token_bytes == 2) return copy_ids<std::uint16_t>(from, out);
  if (token_bytes == 4) return copy_ids<std::uint32_t>(from, out);
  copy_ids<std::uint64_t>(from, out);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status = {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) {
    throw failure("token file: " + path + ": cannot be opened: " + std::strerror(errno) +
                  "; put it back, or prepare the corpus again (isoflop data prepare)");
  }
  modified_ = status.st_mtim.tv_sec;
  if (status.st_size == 0) return;
  const auto size = static_cast<size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (mapped == MAP_FAILED) {
    throw failure("token file: " + path + ": " + std::to_string(size) +
                  " bytes cannot be mapped: " + std::strerror(errno));
  }
  bytes_ = {static_cast<const std::uint8_t*>(mapped), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), modified_(other.modified_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(modified_, other.modified_);
  return *this;
}

TokenFile::TokenFile(const std::string& corpus_dir, const CorpusManifest& manifest)
    : name_(corpus_dir) {
  const std::filesystem::path dir(corpus_dir);
  if (manifest.shards.empty()) {
    const std::string path = dir / kTokenFileName;
    MappedFile file(path);
    const std::int64_t bytes = manifest.tokens * manifest.token_bytes;
    check_size(path, static_cast<std::int64_t>(file.bytes().size()), bytes);
    if (bytes == 0) throw failure("token file: " + path + ": is empty");
    add(std::move(file), {.tokens = manifest.tokens, .token_bytes = manifest.token_bytes});
  }
  for (const TokenShard& shard : manifest.shards) {
    const std::string path = dir / shard.path;
    MappedFile file(path);
    check_shard(path, file, shard);
    add(std::move(file), shard);
  }
  if (size_ != manifest.tokens) {
    throw failure("token file: " + corpus_dir + ": the shards hold " + std::to_string(size_) +
                  " tokens, but the manifest says " + std::to_string(manifest.tokens) +
                  ": prepare the corpus again (isoflop data prepare)");
  }
}

void TokenFile::add(MappedFile file, const TokenShard& shard) {
  const std::uint8_t* ids = file.bytes().data() + shard.offset;
  size_ += shard.tokens;
  shards_.push_back(
      {.file = std::move(file), .ids = ids, .token_bytes = shard.token_bytes, .end = size_});
}

void TokenFile::read(std::int64_t first, std::span<std::int32_t> out) const {
  const auto count = static_cast<std::int64_t>(out.size());
  if (first < 0 || count > size_ || first > size_ - count) {
    throw failure("token file: " + name_ + ": tokens " + std::to_string(first) + " to " +
                  std::to_string(first + count) + " asked for, but there are " +
                  std::to_string(size_));
  }
  auto shard = std::upper_bound(shards_.begin(), shards_.end(), first,
                                [](std::int64_t at, const Shard& s) { return at < s.end; });
  while (!out.empty()) {
    const std::int64_t here =
        std::min<std::int64_t>(shard->end - first, static_cast<std::int64_t>(out.size()));
    const std::int64_t start = shard == shards_.begin() ? 0 : std::prev(shard)->end;
    copy_ids(shard->ids + (first - start) * shard->token_bytes, shard->token_bytes,
             out.first(static_cast<size_t>(here)));
    out = out.subspan(static_cast<size_t>(here));
    first += here;
    ++shard;
  }
}

}  // namespace isoflop
