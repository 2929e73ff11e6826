#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "imports/proto_wire.h"
#include "imports/tensorboard_events.h"
#include "io/atomic_file.h"
#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

// CRC-32C bit by bit, as the definition has it: the oracle for the table.
std::uint32_t slow_crc32c(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool in = (static_cast<unsigned char>(c) >> bit & 1) != 0;
      const bool out = (crc & 1) != 0;
      crc >>= 1;
      if (in != out) crc ^= 0x82f63b78;
    }
  }
  return crc ^ 0xffffffff;
}

std::string slow_check(const std::string& bytes) {
  const std::uint32_t crc = slow_crc32c(bytes);
  const std::uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8;
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(masked >> (8 * i));
  return out;
}

std::string slow_record(const std::string& data) {
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>(data.size() >> (8 * i));
  return length + slow_check(length) + data + slow_check(data);
}

// A scalar as TensorBoard 2 writes it: a tensor of one float.
std::string tensor_event(std::int64_t step, const std::string& tag, float number) {
  std::string content, tensor, value, summary, event;
  append_little_endian(std::bit_cast<std::uint32_t>(number), 4, content);
  append_varint_field(1, 1, tensor);
  append_bytes_field(2, "", tensor);
  append_bytes_field(4, content, tensor);
  append_bytes_field(1, tag, value);
  append_bytes_field(8, tensor, value);
  append_bytes_field(1, value, summary);
  append_double_field(1, 1000.0 + static_cast<double>(step), event);
  append_varint_field(2, static_cast<std::uint64_t>(step), event);
  append_bytes_field(5, summary, event);
  return event;
}

TensorBoardWriter small_run() {
  TensorBoardWriter writer("unused", 1000);
  writer.add_hparams({{"params", 1e6}, {"seed", 3.0}, {"model", "small"}});
  writer.add_scalars(100, 1010, {{"train/loss", 5.5}, {"tokens", 25600}});
  writer.add_scalars(200, 1020,
                     {{"train/loss", 5}, {"heldout/loss", 5.25}, {"rate", 0.5}, {"tokens", 51200}});
  return writer;
}

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("isoflop-" + std::string(info->name()) + "-" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return (folder_ / name).string();
  }

  fs::path folder_;
};

using TensorBoardFolder = FolderTest;
using LogFolder = FolderTest;

TEST(Crc32cOf, IsCastagnolis) {
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  for (const char* text : {"", "a", "brain.Event:2", "some longer text, of no special length"}) {
    EXPECT_EQ(crc32c(text), slow_crc32c(text)) << text;
  }
}

TEST(TensorBoardWriterOf, WritesTheseBytes) {
  TensorBoardWriter writer("unused", 1);
  // Event {wall_time: 1, file_version: "brain.Event:2"}
  const std::string head =
      std::string("\x09\0\0\0\0\0\0\xf0\x3f", 9) + "\x1a\x0d" + "brain.Event:2";
  EXPECT_EQ(writer.bytes(), slow_record(head));
  writer.add_scalars(300, 2, {{"loss", 0.5}});
  // Event {wall_time: 2, step: 300, summary: {value: {tag: "loss", simple_value: 0.5}}}
  const std::string scalar = std::string("\x09\0\0\0\0\0\0\0\x40", 9) + "\x10\xac\x02" +
                             "\x2a\x0d\x0a\x0b\x0a\x04loss" + std::string("\x15\0\0\0\x3f", 5);
  EXPECT_EQ(writer.bytes(), slow_record(head) + slow_record(scalar));
}

TEST(TensorBoardEventsOf, WhatIsWrittenIsReadBack) {
  const TensorBoardEvents events = read_tensorboard_events(small_run().bytes(), "x");
  EXPECT_EQ(events.version, "brain.Event:2");
  EXPECT_EQ(events.records, 4);
  EXPECT_FALSE(events.torn_at);
  EXPECT_EQ(events.hparams.at("params"), "1e+06");
  EXPECT_EQ(events.hparams.at("model"), "small");
  const auto& train = events.scalars.at("train/loss");
  ASSERT_EQ(train.size(), 2u);
  EXPECT_EQ(train[1].step, 200);
  EXPECT_EQ(train[1].value, 5);
  EXPECT_EQ(train[1].seconds, 1020);
}

TEST(TensorBoardEventsOf, ScalarsMayBeTensors) {
  const std::string bytes =
      slow_record(tensor_event(7, "loss", 2.5f)) + slow_record(tensor_event(8, "loss", 2.25f));
  const TensorBoardEvents events = read_tensorboard_events(bytes, "x");
  ASSERT_EQ(events.scalars.at("loss").size(), 2u);
  EXPECT_EQ(events.scalars.at("loss")[1].value, 2.25);
}

TEST(TensorBoardEventsOf, EveryTornEndIsLeftOut) {
  const std::string whole = small_run().bytes();
  const std::size_t last = [&] {
    TensorBoardWriter writer("unused", 1000);
    writer.add_hparams({{"params", 1e6}, {"seed", 3.0}, {"model", "small"}});
    writer.add_scalars(100, 1010, {{"train/loss", 5.5}, {"tokens", 25600}});
    return writer.bytes().size();
  }();
  for (std::size_t size = last + 1; size < whole.size(); ++size) {
    const TensorBoardEvents events = read_tensorboard_events(whole.substr(0, size), "x");
    EXPECT_EQ(events.records, 3) << size;
    EXPECT_EQ(events.torn_at, last) << size;
  }
  EXPECT_FALSE(read_tensorboard_events(whole.substr(0, last), "x").torn_at);
}

TEST(TensorBoardEventsOf, EveryFlippedBitIsSeen) {
  const std::string whole = small_run().bytes();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    try {
      read_tensorboard_events(damaged, "events");
      ADD_FAILURE() << "byte " << at;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("events: byte "));
    }
  }
}

TEST(TensorBoardEventsOf, AClaimedLengthTakesNoMemory) {
  std::string length;
  append_little_endian(std::uint64_t{1} << 62, 8, length);
  const TensorBoardEvents events =
      read_tensorboard_events(length + slow_check(length) + "tiny but long enough", "x");
  EXPECT_EQ(events.torn_at, 0u);
}

TEST(TensorBoardEventsOf, ARecordThatIsNoEventIsAnError) {
  for (const std::string& data :
       {std::string("\x2a\xff\x01", 3), std::string("\x0b"),
        std::string("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")}) {
    EXPECT_THROW(read_tensorboard_events(slow_record(data), "x"), Error);
  }
}

// Right checks around wrong bytes: whatever stands in a record, it is read or refused.
TEST(TensorBoardEventsOf, AnyBytesInARecordAreReadOrRefused) {
  TensorBoardWriter empty("unused", 1000), writer("unused", 1000);
  writer.add_hparams({{"params", 1e6}, {"model", "small"}});
  const std::string record = writer.bytes().substr(empty.bytes().size());
  const std::string event = record.substr(12, record.size() - 16);
  int refused = 0;
  for (std::size_t at = 0; at < event.size(); ++at) {
    for (const char flip : {'\x01', '\x7f', '\x80'}) {
      std::string changed = event;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      try {
        EXPECT_EQ(read_tensorboard_events(slow_record(changed), "x").records, 1);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(TensorBoardFile, GivesARun) {
  const RunImport read = import_text("logs/run3/events.out.tfevents.1.host", small_run().bytes());
  EXPECT_EQ(read.format, "tensorboard");
  ASSERT_EQ(read.runs.size(), 1u);
  const ImportedRun& run = read.runs[0];
  EXPECT_EQ(run.source_id, "run3");
  EXPECT_EQ(run.observation.params, 1e6);
  EXPECT_EQ(run.observation.tokens, 51200);
  EXPECT_EQ(run.observation.loss, 5.25);
  EXPECT_EQ(run.observation.seed, 3);
  EXPECT_EQ(point_at(run, 200)->rate, 0.5);
  EXPECT_EQ(point_at(run, 200)->seconds, 10);
  EXPECT_THAT(run.provenance, HasSubstr("\"model\":\"small\""));
  EXPECT_TRUE(read.notes.empty());
}

TEST(TensorBoardFile, TagsMayBeNamed) {
  TensorBoardWriter writer("unused", 0);
  writer.add_scalars(10, 1, {{"my score", 3.5}, {"val/loss", 9}, {"seen", 500}, {"size", 1e6}});
  ImportOptions options;
  options.map = parse_column_map("loss=my score,tokens=seen,params=size");
  const RunImport read = import_text("e", writer.bytes(), options);
  EXPECT_EQ(read.runs.at(0).observation.loss, 3.5);
  EXPECT_EQ(read.runs[0].observation.tokens, 500);
  options.map.loss = "my scor";
  EXPECT_THAT(import_error("e", writer.bytes(), options), HasSubstr("did you mean"));
}

TEST(TensorBoardFile, ADamagedOneIsAnErrorWithItsPlace) {
  std::string bytes = small_run().bytes();
  bytes[60] = static_cast<char>(bytes[60] ^ 1);
  EXPECT_THAT(import_error("e", bytes), HasSubstr("byte "));
}

TEST_F(TensorBoardFolder, SubfoldersAreRunsAndLaterFilesWin) {
  TensorBoardWriter first("unused", 0), second("unused", 0);
  first.add_hparams({{"params", 2e6}});
  first.add_scalars(10, 1, {{"val/loss", 4}, {"tokens", 1000}});
  first.add_scalars(20, 2, {{"val/loss", 3.5}, {"tokens", 2000}});
  second.add_scalars(20, 3, {{"val/loss", 3.25}, {"tokens", 2000}});
  write("a/events.out.tfevents.1", first.bytes());
  write("a/events.out.tfevents.2", second.bytes());
  write("b/deep/events.out.tfevents.1",
        small_run().bytes().substr(0, small_run().bytes().size() - 3));
  write("b/notes.txt", "not of TensorBoard");
  ImportOptions options;
  const RunImport read = import_path(folder_.string(), options);
  EXPECT_EQ(read.format, "tensorboard");
  ASSERT_EQ(read.runs.size(), 2u);
  EXPECT_EQ(read.runs[0].source_id, "a");
  EXPECT_EQ(read.runs[0].observation.loss, 3.25);
  EXPECT_EQ(read.runs[1].source_id, "b/deep");
  EXPECT_EQ(read.runs[1].observation.loss, 5.5);
  EXPECT_EQ(read.runs[1].observation.row, 1);
  EXPECT_THAT(read.notes, Contains(HasSubstr("still being written")));
  EXPECT_EQ(read.sha256.size(), 64u);
}

TEST_F(TensorBoardFolder, SavingAgainReplacesTheFile) {
  const std::string path = (folder_ / "events.out.tfevents.1").string();
  for (int i = 0; i < 2; ++i) {
    TensorBoardWriter writer(path, 1);
    writer.add_scalars(1, 1, {{"loss", 2}});
    writer.save();
    EXPECT_EQ(read_whole_file(path), writer.bytes());
  }
}

// TensorBoard's own reader; scripts/setup --tests puts it into .venv.
TEST_F(TensorBoardFolder, TensorBoardItselfReadsWhatIsWritten) {
  const std::string own = ISOFLOP_SOURCE_DIR "/.venv/bin/python";
  const std::string python = std::filesystem::exists(own) ? "'" + own + "'" : "python3";
  if (std::system((python + " -c 'import tensorboard' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP()
        << "TensorBoard's Python package is not installed: scripts/setup --tests installs it";
  }
  write("events.out.tfevents.1", small_run().bytes());
  write("read.py",
        "import sys\n"
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
        "a = EventAccumulator(sys.argv[1]); a.Reload()\n"
        "for tag in sorted(a.Tags()['scalars']):\n"
        "  print(tag, [(e.wall_time, e.step, e.value) for e in a.Scalars(tag)])\n");
  const std::string out = (folder_ / "out.txt").string();
  ASSERT_EQ(std::system((python + " " + (folder_ / "read.py").string() + " " + folder_.string() +
                         " > " + out + " 2>/dev/null")
                            .c_str()),
            0);
  EXPECT_EQ(read_whole_file(out),
            "heldout/loss [(1020.0, 200, 5.25)]\n"
            "rate [(1020.0, 200, 0.5)]\n"
            "tokens [(1010.0, 100, 25600.0), (1020.0, 200, 51200.0)]\n"
            "train/loss [(1010.0, 100, 5.5), (1020.0, 200, 5.0)]\n");
}

TEST_F(LogFolder, EveryLogBelowItIsARun) {
  write("small/main.log", "s:0 tel:9.0000\ns:100 tel:5.0000\n");
  write("large/main.log", "s:0 tel:9.0000\ns:100 tel:4.0000\n");
  write("large/weights.bin", std::string(1000, '\1'));
  write("readme.txt", "two runs");
  const RunImport read =
      import_path(folder_.string(), {.params = 1e6, .batch_tokens = 1000, .label = "mine"});
  EXPECT_EQ(read.format, "llm.c");
  ASSERT_EQ(read.runs.size(), 2u);
  EXPECT_EQ(read.runs[0].source_id, "large");
  EXPECT_EQ(read.runs[0].observation.trial, "large");  // a label is for one run
  EXPECT_EQ(read.runs[1].source_id, "small");
  EXPECT_EQ(read.runs[1].observation.loss, 5);
  EXPECT_EQ(read.runs[1].observation.row, 1);
}

TEST_F(LogFolder, OfSeveralStatesOfARunTheLastCounts) {
  const auto state = [](int step, double loss) {
    const std::string at = std::to_string(step);
    return "{\"global_step\": " + at + ", \"log_history\": [{\"step\": " + at +
           ", \"eval_loss\": " + std::to_string(loss) + "}]}";
  };
  write("run/checkpoint-1000/trainer_state.json", state(1000, 3));
  write("run/checkpoint-500/trainer_state.json", state(500, 4));
  const RunImport read = import_path(folder_.string(), {.params = 1e6, .batch_tokens = 10});
  ASSERT_EQ(read.runs.size(), 1u);
  EXPECT_EQ(read.runs[0].source_id, "run");
  EXPECT_EQ(read.runs[0].observation.loss, 3);
  EXPECT_THAT(read.dropped.at(0).why, HasSubstr("earlier state"));
}

TEST_F(LogFolder, WithoutALogIsAnError) {
  write("readme.txt", "nothing");
  EXPECT_THROW(import_path(folder_.string()), Error);
}

TEST_F(LogFolder, LogsOfTwoFormatsAreNotMixed) {
  write("a/main.log", "s:0 tel:9.0000\ns:100 tel:5.0000\n");
  write("b/out.log",
        "step 100: train loss 4.0000, val loss 4.1000\niter 100: loss 4.0000, time 1.00ms\n");
  const ImportOptions options{.params = 1e6, .batch_tokens = 1000};
  EXPECT_THROW(import_path(folder_.string(), options), Error);
  ImportOptions one = options;
  one.format = "nanogpt";
  EXPECT_EQ(import_path(folder_.string(), one).runs.size(), 1u);
}

}  // namespace
}  // namespace isoflop
