#include "data/token_file.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "data/text_source.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Ids `first`, first + 1, ... of `width` bytes after a header of `offset` bytes.
TokenShard counting_shard(const TempFolder& folder, const std::string& name, std::int64_t first,
                          std::int64_t tokens, std::int64_t width, std::int64_t offset = 0) {
  std::string bytes(static_cast<size_t>(offset), 'h');
  for (std::int64_t id = first; id < first + tokens; ++id) {
    for (std::int64_t b = 0; b < width; ++b) bytes += static_cast<char>(id >> (8 * b));
  }
  struct stat status = {};
  ::stat(folder.write(name, bytes).c_str(), &status);
  return {.path = name,
          .offset = offset,
          .tokens = tokens,
          .token_bytes = width,
          .file_bytes = status.st_size,
          .modified = status.st_mtim.tv_sec};
}

CorpusManifest manifest_of(std::vector<TokenShard> shards) {
  CorpusManifest manifest{.vocab = 1 << 20, .shards = std::move(shards)};
  for (const TokenShard& shard : manifest.shards) manifest.tokens += shard.tokens;
  return manifest;
}

TEST(TokenShards, ShardsOfAnyWidthAreOneRow) {
  const TempFolder folder;
  const CorpusManifest manifest = manifest_of(
      {counting_shard(folder, "u8", 0, 5, 1), counting_shard(folder, "u16", 5, 7, 2, 3),
       counting_shard(folder, "u32", 12, 1, 4, 1024), counting_shard(folder, "i64", 13, 1000, 8)});
  const TokenFile file(folder.path(), manifest);
  ASSERT_EQ(file.size(), 1013);
  for (std::int64_t first = 0; first < 16; ++first) {
    for (std::int64_t count = 0; count < 20; ++count) {
      std::vector<std::int32_t> ids(static_cast<size_t>(count));
      file.read(first, ids);
      for (std::int64_t i = 0; i < count; ++i) EXPECT_EQ(ids[static_cast<size_t>(i)], first + i);
    }
  }
  std::vector<std::int32_t> last(2);
  file.read(1011, last);
  EXPECT_THAT(last, ElementsAre(1011, 1012));
  EXPECT_THROW(file.read(1012, last), Error);
}

TEST(TokenShards, OwnTokenFilesMayHaveWideIds) {
  const TempFolder folder;
  counting_shard(folder, "tokens.bin", 65530, 10, 4);
  CorpusManifest manifest{.token_bytes = 4, .tokens = 10};
  std::vector<std::int32_t> ids(10);
  TokenFile(folder.path(), manifest).read(0, ids);
  EXPECT_EQ(ids.front(), 65530);
  EXPECT_EQ(ids.back(), 65539);
  manifest.token_bytes = 2;
  EXPECT_THAT(message_of<Error>([&] { TokenFile(folder.path(), manifest); }),
              HasSubstr("has 40 bytes, but its manifest says 20"));
}

TEST(TokenShards, AShardThatIsMissingCutOrNewIsNamed) {
  const TempFolder folder;
  const auto a = counting_shard(folder, "a.bin", 0, 50, 2),
             b = counting_shard(folder, "b.bin", 0, 9, 2);
  const auto said = [&](const CorpusManifest& manifest) {
    return message_of<Error>([&] { TokenFile(folder.path(), manifest); });
  };
  EXPECT_EQ(said(manifest_of({a, b})), "");
  fs::last_write_time(folder.path("b.bin"),
                      fs::last_write_time(folder.path("b.bin")) + std::chrono::seconds(2));
  EXPECT_THAT(said(manifest_of({a, b})), HasSubstr("b.bin: was written after"));
  fs::resize_file(folder.path("b.bin"), 16);
  EXPECT_THAT(said(manifest_of({a, b})),
              HasSubstr("b.bin: has 16 bytes, but its manifest says 18"));
  fs::remove(folder.path("b.bin"));
  EXPECT_THAT(said(manifest_of({a, b})), HasSubstr("b.bin: cannot be opened"));

  CorpusManifest wrong = manifest_of({a});
  wrong.shards[0].tokens = wrong.tokens = 51;
  EXPECT_THAT(said(wrong), HasSubstr("51 tokens from byte 0"));
  wrong = manifest_of({a});
  wrong.tokens = 49;
  EXPECT_THAT(said(wrong), HasSubstr("hold 50 tokens, but the manifest says 49"));
}

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// 100 files of 1 GB apparent size that take no room on the disk.
TEST(TokenShards, AHundredGigabytesCostNoMemory) {
  const TempFolder folder;
  constexpr std::int64_t kBytes = std::int64_t{1} << 30, kTokens = (kBytes - 1024) / 2;
  std::vector<TokenShard> shards;
  for (int i = 0; i < 100; ++i) {
    const std::string path = folder.write("s" + std::to_string(i), "");
    fs::resize_file(path, kBytes);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(kBytes - 2)
        << static_cast<char>(i) << '\1';
    struct stat status = {};
    ::stat(path.c_str(), &status);
    shards.push_back({.path = path,
                      .offset = 1024,
                      .tokens = kTokens,
                      .file_bytes = kBytes,
                      .modified = status.st_mtim.tv_sec});
  }
  CorpusManifest manifest = manifest_of(shards);
  const std::int64_t before = resident_bytes();
  const TokenFile file(folder.path(), manifest);
  // 100 mappings' bookkeeping; a mebibyte is 1/100,000 of the tokens.
  EXPECT_LT(resident_bytes() - before, 1 << 20);
  ASSERT_EQ(file.size(), 100 * kTokens);
  std::vector<std::int32_t> edge(2);
  file.read(43 * kTokens - 1, edge);
  EXPECT_THAT(edge, ElementsAre(256 + 42, 0));

  // A source adds its list of blocks, 8 bytes each.
  const TextSource source(folder.path(), manifest, {.context = 1024});
  std::vector<std::int32_t> window(1025);
  source.train_batch(0, window);
  source.heldout_window(0, window);
  const std::int64_t blocks = file.size() / manifest.block_tokens;
  EXPECT_LT(resident_bytes() - before, (8 << 20) + 3 * 8 * blocks);
}

}  // namespace
}  // namespace isoflop
