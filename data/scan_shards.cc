#include "data/scan_shards.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "data/staging.h"

namespace isoflop {
namespace {

constexpr std::int64_t kIdsAtOnce = 1 << 18;

// Ids of type T as they lie in a file.
template <class T>
struct Ids {
  const char* bytes;
  std::int64_t count;

  T operator[](std::int64_t i) const {
    T id;
    std::memcpy(&id, bytes + i * static_cast<std::int64_t>(sizeof id), sizeof id);
    return id;
  }
};

// The position of the first id that is not in [0, vocab), or `count`; raises `largest`.
template <class T>
std::int64_t first_bad(Ids<T> ids, std::int64_t vocab, std::int64_t& largest) {
  std::int64_t high = 0, low = 0;
  for (std::int64_t i = 0; i < ids.count; ++i) {
    // 64 unsigned bits beyond the signed range turn negative, which is out of range as well.
    const auto id = static_cast<std::int64_t>(ids[i]);
    high = std::max(high, id);
    low = std::min(low, id);
  }
  largest = std::max(largest, high);
  if (low >= 0 && high < vocab) return ids.count;
  std::int64_t at = 0;
  while (static_cast<std::int64_t>(ids[at]) >= 0 && static_cast<std::int64_t>(ids[at]) < vocab)
    ++at;
  return at;
}

template <class From, class To>
void widen(Ids<From> ids, std::vector<char>& out) {
  out.resize(static_cast<std::size_t>(ids.count) * sizeof(To));
  for (std::int64_t i = 0; i < ids.count; ++i) {
    const To id = static_cast<To>(ids[i]);
    std::memcpy(out.data() + static_cast<std::size_t>(i) * sizeof id, &id, sizeof id);
  }
}

class Scanner {
 public:
  Scanner(std::int64_t vocab, std::int64_t token_bytes,
          const std::function<void(std::int64_t)>& progress)
      : vocab_(vocab > 0 ? vocab : std::int64_t{1} << 31), known_(vocab > 0), progress_(progress) {
    scanned_.token_bytes = token_bytes;
  }

  void add(const DescribedShard& described) {
    const std::int64_t width = described.shard.token_bytes;
    if (described.is_signed) {
      if (width == 1) scan<std::int8_t>(described.shard);
      if (width == 2) scan<std::int16_t>(described.shard);
      if (width == 4) scan<std::int32_t>(described.shard);
      if (width == 8) scan<std::int64_t>(described.shard);
    } else {
      if (width == 1) scan<std::uint8_t>(described.shard);
      if (width == 2) scan<std::uint16_t>(described.shard);
      if (width == 4) scan<std::uint32_t>(described.shard);
      if (width == 8) scan<std::uint64_t>(described.shard);
    }
    scanned_.tokens += described.shard.tokens;
  }

  ScannedShards finish() {
    scanned_.sha256 = digest_.hex();
    return scanned_;
  }

 private:
  template <class T>
  void scan(const TokenShard& shard) {
    constexpr auto kWidth = static_cast<std::int64_t>(sizeof(T));
    File file = File::reading(shard.path);
    file.skip_to(shard.offset);
    std::vector<char> buffer(static_cast<std::size_t>(kIdsAtOnce * kWidth));
    for (std::int64_t done = 0; done < shard.tokens;) {
      const std::int64_t count = std::min(kIdsAtOnce, shard.tokens - done);
      const auto bytes = std::span(buffer).first(static_cast<std::size_t>(count * kWidth));
      if (file.read(bytes) < bytes.size()) {
        throw failure("prepare: " + shard.path + ": became shorter while it was read: try again");
      }
      const Ids<T> ids{buffer.data(), count};
      const std::int64_t bad = first_bad(ids, vocab_, scanned_.largest_id);
      if (bad < count) refuse(shard, done + bad, static_cast<std::int64_t>(ids[bad]));
      hash(ids);
      done += count;
      if (progress_) progress_(count * kWidth);
    }
  }

  template <class T>
  void hash(Ids<T> ids) {
    const auto width = static_cast<std::int64_t>(sizeof(T));
    if (width == scanned_.token_bytes) {
      digest_.update({ids.bytes, static_cast<std::size_t>(ids.count * width)});
      return;
    }
    if (scanned_.token_bytes == 2) widen<T, std::uint16_t>(ids, wide_);
    if (scanned_.token_bytes == 4) widen<T, std::uint32_t>(ids, wide_);
    digest_.update({wide_.data(), wide_.size()});
  }

  [[noreturn]] void refuse(const TokenShard& shard, std::int64_t at, std::int64_t id) const {
    const std::string where = "prepare: " + shard.path + ": byte " +
                              std::to_string(shard.offset + at * shard.token_bytes) + ": id " +
                              std::to_string(id);
    if (id < 0) {
      throw usage_error(where +
                        " is negative: the ids have another type, or mark what is not text");
    }
    throw usage_error(where + " is not below the vocabulary, " + std::to_string(vocab_) +
                      (known_ ? ": give the right --vocab, or the width of the ids is another "
                                "(--dtype)"
                              : ": the ids have another width (--dtype)"));
  }

  std::int64_t vocab_;
  bool known_;
  const std::function<void(std::int64_t)>& progress_;
  ScannedShards scanned_;
  Sha256 digest_;
  std::vector<char> wide_;
};

}  // namespace

ScannedShards scan_shards(const std::vector<DescribedShard>& shards, std::int64_t vocab,
                          const std::function<void(std::int64_t)>& progress) {
  std::int64_t widest = 1;
  for (const DescribedShard& described : shards) {
    widest = std::max(widest, std::min<std::int64_t>(described.shard.token_bytes, 4));
  }
  Scanner scanner(vocab, widest, progress);
  for (const DescribedShard& described : shards) scanner.add(described);
  return scanner.finish();
}

}  // namespace isoflop
