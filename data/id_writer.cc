#include "data/id_writer.h"

#include <utility>

#include "data/token_file.h"

namespace isoflop {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

}  // namespace

IdWriter::IdWriter(const std::filesystem::path& folder, std::int64_t token_bytes)
    : file_(File::creating(folder / kTokenFileName)), token_bytes_(token_bytes) {}

void IdWriter::write(std::span<const std::int32_t> ids) {
  for (const std::int32_t id : ids) {
    for (std::int64_t byte = 0; byte < token_bytes_; ++byte) {
      buffer_ += static_cast<char>(static_cast<std::uint32_t>(id) >> (8 * byte));
    }
  }
  if (buffer_.size() > kBufferBytes) write_bytes(std::exchange(buffer_, {}));
}

void IdWriter::write_bytes(std::string_view bytes) {
  digest_.update(bytes);
  file_.write(bytes);
  bytes_ += static_cast<std::int64_t>(bytes.size());
}

void IdWriter::finish(CorpusManifest& manifest) {
  write_bytes(std::exchange(buffer_, {}));
  file_.sync();
  manifest.token_bytes = token_bytes_;
  manifest.tokens = bytes_ / token_bytes_;
  manifest.tokens_sha256 = digest_.hex();
}

}  // namespace isoflop
