#include "data/shard_formats.h"

#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <sys/stat.h>

#include "core/error.h"
#include "data/staging.h"
#include "data/token_file.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLlmcHeaderBytes = 1024;
constexpr std::int64_t kMegatronHeaderBytes = 34;

Error wrong(const fs::path& path, const std::string& what) {
  return usage_error("prepare: " + path.string() + ": " + what);
}

std::string number(std::int64_t value) { return std::to_string(value); }

template <class T>
T value_at(std::span<const std::uint8_t> bytes, std::int64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Path, size and time; no tokens yet.
TokenShard shard_of(const InputFile& file) {
  struct stat status = {};
  if (::stat(file.path.c_str(), &status) != 0) {
    throw wrong(file.path, "cannot be found: give it its place beside its .idx");
  }
  if (status.st_size == 0) throw wrong(file.path, "is empty: leave it out");
  return {.path = fs::canonical(file.path).string(),
          .file_bytes = status.st_size,
          .modified = status.st_mtim.tv_sec,
          .licence = file.licence};
}

// Everything from `offset` on is ids.
DescribedShard ids_to_the_end(const InputFile& file, std::int64_t offset, std::int64_t token_bytes,
                              bool is_signed) {
  TokenShard shard = shard_of(file);
  shard.offset = offset;
  shard.token_bytes = token_bytes;
  const std::int64_t bytes = shard.file_bytes - offset;
  if (bytes % token_bytes != 0) {
    throw wrong(file.path, number(bytes) + " bytes of ids from byte " + number(offset) +
                               " on are not a multiple of " + number(token_bytes) +
                               ": the file was cut at byte " + number(shard.file_bytes) +
                               ", or its ids have another width (--dtype)");
  }
  shard.tokens = bytes / token_bytes;
  if (shard.tokens == 0) throw wrong(file.path, "holds no ids: leave it out");
  return {shard, is_signed};
}

// llm.c ---------------------------------------------------------------------------------------

std::int64_t llmc_width(const fs::path& path, std::int32_t magic, std::int32_t version) {
  if (magic == kLlmcMagicEval) {
    throw wrong(path,
                "is an llm.c evaluation set (magic 20240522), not training data: leave it out");
  }
  const bool small = magic == kLlmcMagic16;
  if (version == (small ? 1 : 7)) return small ? 2 : 4;
  throw wrong(path, "byte 4: llm.c version " + number(version) + " with magic " + number(magic) +
                        ", but only " + (small ? "1" : "7") +
                        " is known: write the shard again with llm.c's data scripts");
}

DescribedShard describe_llmc(const InputFile& file) {
  const MappedFile mapped(file.path);
  const auto bytes = mapped.bytes();
  const auto size = static_cast<std::int64_t>(bytes.size());
  const auto magic = value_at<std::int32_t>(bytes, 0);
  if (size < kLlmcHeaderBytes) {
    throw wrong(file.path, "was cut at byte " + number(size) +
                               " within its llm.c header of 1024 bytes: fetch it again");
  }
  const std::int64_t width = llmc_width(file.path, magic, value_at<std::int32_t>(bytes, 4));
  const std::int64_t tokens = value_at<std::int32_t>(bytes, 8);
  const std::int64_t expected = kLlmcHeaderBytes + tokens * width;
  if (tokens < 1 || size != expected) {
    throw wrong(file.path, "byte 8: its llm.c header says " + number(tokens) + " ids of " +
                               number(width) + " bytes, " + number(expected) +
                               " bytes in all, but the file has " + number(size) +
                               ": it was cut or is still being written; fetch it again");
  }
  return ids_to_the_end(file, kLlmcHeaderBytes, width, false);
}

// Megatron-LM ---------------------------------------------------------------------------------

struct IdType {
  std::int64_t bytes;
  bool is_signed;
};

std::optional<IdType> megatron_type(std::uint8_t code) {
  switch (code) {
    case 1:
      return IdType{1, false};
    case 2:
      return IdType{1, true};
    case 3:
      return IdType{2, true};
    case 4:
      return IdType{4, true};
    case 5:
      return IdType{8, true};
    case 8:
      return IdType{2, false};
    default:
      return std::nullopt;
  }
}

struct MegatronIndex {
  IdType type{};
  std::int64_t sequences = 0;
  std::int64_t documents = 0;
};

MegatronIndex read_index_header(const fs::path& path, std::span<const std::uint8_t> bytes) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (size < kMegatronHeaderBytes) {
    throw wrong(
        path, "was cut at byte " + number(size) + " within its header of 34 bytes: fetch it again");
  }
  const auto version = value_at<std::uint64_t>(bytes, 9);
  if (version != 1) {
    throw wrong(path, "byte 9: version " + std::to_string(version) +
                          " of the Megatron index, but only 1 is known: write it again with "
                          "Megatron-LM's preprocess_data.py");
  }
  const auto type = megatron_type(bytes[17]);
  if (!type) {
    throw wrong(path, "byte 17: type " + number(bytes[17]) +
                          " of the Megatron index is no integer type: token ids are wanted");
  }
  const auto sequences = value_at<std::uint64_t>(bytes, 18);
  const auto documents = value_at<std::uint64_t>(bytes, 26);
  const auto most = static_cast<std::uint64_t>(size);
  if (sequences > most || documents > most) {
    throw wrong(path, "byte 18: says " + std::to_string(sequences) + " sequences and " +
                          std::to_string(documents) +
                          " document indices, more than its own bytes: it was cut or damaged; "
                          "fetch it again");
  }
  return {*type, static_cast<std::int64_t>(sequences), static_cast<std::int64_t>(documents)};
}

void check_index_size(const fs::path& path, const MegatronIndex& index, std::int64_t size) {
  const std::int64_t expected = kMegatronHeaderBytes + 12 * index.sequences + 8 * index.documents;
  if (size == expected || size == expected + index.sequences) return;  // with modes
  throw wrong(path, "has " + number(size) + " bytes, but " + number(index.sequences) +
                        " sequences and " + number(index.documents) + " document indices take " +
                        number(expected) +
                        ": it was cut or is still being written; fetch it again");
}

// The bytes of ids that the sequences fill, one after the other.
std::int64_t check_sequences(const fs::path& path, const MegatronIndex& index,
                             std::span<const std::uint8_t> bytes, std::int64_t bin_bytes) {
  const std::int64_t lengths = kMegatronHeaderBytes;
  const std::int64_t offsets = lengths + 4 * index.sequences;
  std::int64_t end = 0;
  for (std::int64_t i = 0; i < index.sequences; ++i) {
    const std::int64_t length = value_at<std::int32_t>(bytes, lengths + 4 * i);
    const std::int64_t offset = value_at<std::int64_t>(bytes, offsets + 8 * i);
    if (length < 0) {
      throw wrong(path, "byte " + number(lengths + 4 * i) + ": sequence " + number(i) +
                            " has length " + number(length) + ": it is damaged; fetch it again");
    }
    if (offset != end) {
      throw wrong(path, "byte " + number(offsets + 8 * i) + ": sequence " + number(i) +
                            " begins at byte " + number(offset) +
                            " of the .bin, but the one "
                            "before it ends at " +
                            number(end) + ": merge the set again with Megatron-LM's tools");
    }
    end += length * index.type.bytes;
    if (end > bin_bytes) {
      throw wrong(path, "byte " + number(offsets + 8 * i) + ": sequence " + number(i) +
                            " ends at byte " + number(end) + " of the .bin, which has " +
                            number(bin_bytes) + ": the .bin was cut; fetch it again");
    }
  }
  return end;
}

DescribedShard describe_megatron(const InputFile& file) {
  const fs::path index_path = fs::path(file.path).replace_extension(".idx");
  const MappedFile mapped(index_path);
  const auto size = static_cast<std::int64_t>(mapped.bytes().size());
  const MegatronIndex index = read_index_header(index_path, mapped.bytes());
  check_index_size(index_path, index, size);
  const TokenShard bin = shard_of(file);
  const std::int64_t end = check_sequences(index_path, index, mapped.bytes(), bin.file_bytes);
  if (end != bin.file_bytes) {
    throw wrong(file.path, "has " + number(bin.file_bytes) +
                               " bytes, but the sequences of its .idx "
                               "end at byte " +
                               number(end) + ": the two do not belong together; fetch both again");
  }
  return ids_to_the_end(file, 0, index.type.bytes, index.type.is_signed);
}

// NumPy ---------------------------------------------------------------------------------------

// The value of a key in the header, which is a Python dictionary in a fixed form.
std::string_view after_key(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t value = header.find_first_not_of(" :", at + key.size());
  return value == std::string_view::npos ? std::string_view() : header.substr(value);
}

std::optional<IdType> numpy_type(std::string_view descr) {
  if (descr.size() < 5 || descr[0] != '\'' || descr[4] != '\'') return std::nullopt;
  const char order = descr[1], kind = descr[2];
  const std::int64_t bytes = descr[3] - '0';
  const bool width = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  if ((order != '<' && order != '|') || (kind != 'u' && kind != 'i') || !width) return std::nullopt;
  return IdType{bytes, kind == 'i'};
}

// Elements of a one-dimensional shape "(123,)"; 0 for any other.
std::int64_t numpy_length(std::string_view shape) {
  std::int64_t length = 0;
  std::size_t i = 1;
  for (; i < shape.size() && shape[i] >= '0' && shape[i] <= '9' && i < 18; ++i) {
    length = 10 * length + (shape[i] - '0');
  }
  return shape.starts_with('(') && shape.substr(i, 2) == ",)" ? length : 0;
}

DescribedShard describe_numpy(const InputFile& file) {
  const MappedFile mapped(file.path);
  const auto bytes = mapped.bytes();
  const auto size = static_cast<std::int64_t>(bytes.size());
  const std::int64_t start = size > 6 && bytes[6] == 1 ? 10 : 12;
  std::int64_t end = size + 1;
  if (size > start) {
    end = start + (start == 10 ? value_at<std::uint16_t>(bytes, 8)
                               : std::int64_t{value_at<std::uint32_t>(bytes, 8)});
  }
  if (end > size) {
    throw wrong(file.path,
                "was cut at byte " + number(size) + " within its NumPy header: fetch it again");
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + start,
                                static_cast<std::size_t>(end - start));
  const auto type = numpy_type(after_key(header, "'descr'"));
  const std::int64_t length = numpy_length(after_key(header, "'shape'"));
  if (!type || length == 0) {
    throw wrong(file.path,
                "is a NumPy array of another kind than one row of little-endian integers "
                "(" +
                    std::string(header.substr(0, header.find_last_of('}') + 1)) +
                    "): save it with x.reshape(-1).astype('<u2')");
  }
  if (length > (size - end) / type->bytes || size - end != length * type->bytes) {
    throw wrong(file.path, "byte " + number(start) + ": its NumPy header says " + number(length) +
                               " ids of " + number(type->bytes) + " bytes, but " +
                               number(size - end) + " bytes follow: it was cut; fetch it again");
  }
  return ids_to_the_end(file, end, type->bytes, type->is_signed);
}

}  // namespace

DescribedShard describe_shard(const InputFile& file, std::int64_t token_bytes) {
  switch (file.kind) {
    case FileKind::kLlmC:
      return describe_llmc(file);
    case FileKind::kMegatron:
      return describe_megatron(file);
    case FileKind::kNumpy:
      return describe_numpy(file);
    default:
      return ids_to_the_end(file, 0, token_bytes, false);
  }
}

}  // namespace isoflop
