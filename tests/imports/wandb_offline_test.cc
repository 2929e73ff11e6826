#include "imports/proto_wire.h"
#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// CRC-32 bit by bit (polynomial 0x04C11DB7 reflected), as zlib's.
std::uint32_t slow_crc32(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool in = (static_cast<unsigned char>(c) >> bit & 1) != 0;
      const bool out = (crc & 1) != 0;
      crc >>= 1;
      if (in != out) crc ^= 0xedb88320;
    }
  }
  return crc ^ 0xffffffff;
}

std::string wandb_part(char type, const std::string& data) {
  const std::string checked = type + data;
  std::string out;
  append_little_endian(slow_crc32(checked), 4, out);
  append_little_endian(data.size(), 2, out);
  return out + checked;
}

// Splits records at blocks as LevelDB does.
class WandbFile {
 public:
  void add(std::uint32_t kind, const std::string& message) {
    std::string data;
    append_bytes_field(kind, message, data);
    bool first = true;
    while (first || !data.empty()) {
      const std::size_t space = 32768 - bytes.size() % 32768;
      if (space < 7) bytes.append(space, '\0');
      const std::size_t room = 32768 - bytes.size() % 32768 - 7;
      const std::string now = data.substr(0, room);
      data.erase(0, now.size());
      const char type = static_cast<char>(first ? (data.empty() ? 1 : 2) : (data.empty() ? 4 : 3));
      bytes += wandb_part(type, now);
      first = false;
    }
  }
  void add_items(std::uint32_t kind,
                 const std::vector<std::pair<std::string, std::string>>& items) {
    std::string message;
    for (const auto& [key, json] : items) {
      std::string item;
      append_bytes_field(2, key, item);
      append_bytes_field(16, json, item);
      append_bytes_field(1, item, message);
    }
    add(kind, message);
  }

  std::string bytes{":W&B\xE1\xBE\0", 7};
};

WandbFile small_wandb_file() {
  WandbFile file;
  std::string run;
  append_bytes_field(1, "abc123", run);
  append_bytes_field(8, "small-run", run);
  file.add(17, run);
  file.add_items(5, {{"model", R"({"n_params": 1500000, "type": "llama"})"}, {"seed", "5"}});
  file.add_items(
      2, {{"_step", "10"}, {"_timestamp", "1000.5"}, {"train/loss", "4.5"}, {"tokens", "1e4"}});
  file.add_items(2, {{"_step", "20"},
                     {"_timestamp", "1002.5"},
                     {"train/loss", "3.5"},
                     {"eval/loss", "3.75"},
                     {"tokens", "2e4"},
                     {"text", "\"hello\""}});
  return file;
}

std::string ended(WandbFile file, std::uint64_t code) {
  std::string exit;
  append_varint_field(1, code, exit);
  file.add(18, exit);
  return file.bytes;
}

TEST(WandbOffline, GivesTheRun) {
  const RunImport read = import_text("run-abc123.wandb", ended(small_wandb_file(), 0));
  EXPECT_EQ(read.format, "wandb-offline");
  ASSERT_EQ(read.runs.size(), 1u);
  const ImportedRun& run = read.runs[0];
  EXPECT_EQ(run.source_id, "abc123");
  EXPECT_EQ(run.observation.trial, "small-run");
  EXPECT_EQ(run.observation.params, 1.5e6);
  EXPECT_EQ(run.observation.tokens, 2e4);
  EXPECT_EQ(run.observation.loss, 3.75);
  EXPECT_EQ(run.observation.seed, 5);
  EXPECT_EQ(point_at(run, 20)->seconds, 2);
  EXPECT_EQ(point_at(run, 10)->train_loss, 4.5);
  EXPECT_THAT(run.provenance, HasSubstr("llama"));
}

TEST(WandbOffline, RecordsMayCrossBlocks) {
  WandbFile file = small_wandb_file();
  file.add_items(2, {{"_step", "30"},
                     {"junk", "\"" + std::string(100'000, 'x') + "\""},
                     {"eval/loss", "3.5"},
                     {"tokens", "3e4"}});
  // Leaves less than a record's head in the block, for the next one to go round.
  for (int i = 0; i < 1200; ++i) {
    file.add_items(2, {{"_step", std::to_string(31 + i)}, {"train/loss", "3.25"}});
  }
  const RunImport read = import_text("run.wandb", ended(file, 0));
  EXPECT_EQ(read.runs.at(0).observation.loss, 3.5);
  EXPECT_EQ(read.runs[0].points.back().step, 1230);
}

TEST(WandbOffline, ATornEndIsLeftOut) {
  const std::string whole = small_wandb_file().bytes;
  for (std::size_t cut = 1; cut < 60; ++cut) {
    const RunImport read = import_text("run.wandb", whole.substr(0, whole.size() - cut));
    EXPECT_EQ(read.runs.at(0).observation.loss, 4.5);
    EXPECT_THAT(read.notes, Contains(HasSubstr("still being written")));
  }
  EXPECT_THAT(import_text("run.wandb", whole).notes, Contains(HasSubstr("has ended")));
}

TEST(WandbOffline, DamageIsAnErrorWithItsPlace) {
  std::string damaged = small_wandb_file().bytes;
  damaged[40] = static_cast<char>(damaged[40] ^ 1);
  EXPECT_THAT(import_error("run.wandb", damaged), HasSubstr("byte "));
  EXPECT_THAT(import_error("x", "nothing", {.format = "wandb-offline"}), HasSubstr(":W&B"));
}

TEST(WandbOffline, ARunThatFailedIsDropped) {
  const RunImport read = import_text("run.wandb", ended(small_wandb_file(), 1));
  EXPECT_TRUE(read.runs.empty());
  EXPECT_THAT(read.dropped.at(0).why, HasSubstr("exit code 1"));
}

}  // namespace
}  // namespace isoflop
