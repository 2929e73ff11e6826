// Token files of other tools. The golden bytes were written by those tools' own code: llm.c's
// data_common.py, Megatron-LM's indexed_dataset.py and numpy.save, from the ids below.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "data/input_files.h"
#include "data/prepare_corpus.h"
#include "data/scan_shards.h"
#include "data/shard_formats.h"
#include "data/token_file.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The ids 7, 300, 5 | 65499 | 1, 2 in three sequences and two documents.
constexpr const char* kMegatronIdx16 =
    "4d4d4944494458000001000000000000000803000000000000000300000000000000030000000100000002000000"
    "000000000000000006000000000000000800000000000000000000000000000002000000000000000300000000000"
    "000";
constexpr const char* kMegatronIdx32 =
    "4d4d4944494458000001000000000000000403000000000000000400000000000000030000000100000002000000"
    "00000000000000000c00000000000000100000000000000000000000000000000100000000000000020000000000"
    "00000300000000000000";
constexpr const char* kIds16 = "07002c010500dbff01000200";
constexpr const char* kIds32 = "070000002c01000005000000dbff00000100000002000000";
constexpr const char* kLlmcHead16 = "88d83401010000000600000000000000";
constexpr const char* kLlmcHead32 = "a1d93401070000000600000000000000";

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string llmc_file(const char* head, const char* ids) {
  std::string bytes = from_hex(head);
  bytes.resize(1024, '\0');
  return bytes + from_hex(ids);
}

std::string numpy_file(const std::string& dictionary, const std::string& data) {
  std::string header = dictionary;
  header.resize(117, ' ');
  return std::string("\x93NUMPY\x01\x00v\x00", 10) + header + "\n" + data;
}

const std::string kNumpySix = "{'descr': '<u2', 'fortran_order': False, 'shape': (6,), }";

std::vector<InputFile> collected(const std::string& path, std::int64_t token_bytes = 0) {
  std::vector<std::string> notes;
  return collect_files({{path, "CC0"}}, TextFormat::kByName, token_bytes, notes);
}

std::vector<std::int32_t> ids_of(const TokenShard& shard) {
  CorpusManifest manifest{.tokens = shard.tokens, .shards = {shard}};
  std::vector<std::int32_t> ids(static_cast<size_t>(shard.tokens));
  TokenFile("/", manifest).read(0, ids);
  return ids;
}

TEST(TokenFormats, FilesOfEachToolAreRecognisedByWhatIsInThemAndRead) {
  const TempFolder in;
  in.write("llmc16.bin", llmc_file(kLlmcHead16, kIds16));
  in.write("llmc32.bin", llmc_file(kLlmcHead32, kIds32));
  in.write("nano16.bin", from_hex(kIds16));
  in.write("nano32.bin", from_hex(kIds32));
  in.write("m16.idx", from_hex(kMegatronIdx16));
  in.write("m16.bin", from_hex(kIds16));
  in.write("m32.idx", from_hex(kMegatronIdx32));
  in.write("m32.bin", from_hex(kIds32));
  in.write("x.npy", numpy_file(kNumpySix, from_hex(kIds16)));
  struct Case {
    const char* file;
    std::int64_t given_width;
    FileKind kind;
    std::int64_t offset, width;
    bool is_signed;
  };
  for (const Case& c : {Case{"llmc16.bin", 0, FileKind::kLlmC, 1024, 2, false},
                        {"llmc32.bin", 0, FileKind::kLlmC, 1024, 4, false},
                        {"nano16.bin", 2, FileKind::kRawIds, 0, 2, false},
                        {"nano32.bin", 4, FileKind::kRawIds, 0, 4, false},
                        {"m16.bin", 0, FileKind::kMegatron, 0, 2, false},
                        {"m16.idx", 2, FileKind::kMegatron, 0, 2, false},
                        {"m32.idx", 0, FileKind::kMegatron, 0, 4, true},
                        {"x.npy", 0, FileKind::kNumpy, 128, 2, false}}) {
    const auto files = collected(in.path(c.file), c.given_width);
    ASSERT_EQ(files.size(), 1u) << c.file;
    EXPECT_EQ(files[0].kind, c.kind) << c.file;
    const DescribedShard described = describe_shard(files[0], c.given_width);
    EXPECT_EQ(described.is_signed, c.is_signed) << c.file;
    EXPECT_EQ(described.shard.offset, c.offset) << c.file;
    EXPECT_EQ(described.shard.token_bytes, c.width) << c.file;
    EXPECT_EQ(described.shard.licence, "CC0");
    EXPECT_THAT(ids_of(described.shard), ElementsAre(7, 300, 5, 65499, 1, 2)) << c.file;
  }
}

TEST(TokenFormats, EveryIntegerTypeOfMegatronAndNumpyIsRead) {
  struct Type {
    char code;
    const char* descr;
    std::int64_t bytes;
  };
  for (const Type& type : {Type{1, "|u1", 1},
                           {2, "|i1", 1},
                           {3, "<i2", 2},
                           {8, "<u2", 2},
                           {4, "<i4", 4},
                           {5, "<i8", 8},
                           {0, "<u4", 4},
                           {0, "<u8", 8}}) {
    std::string ids;
    for (const char id : {3, 1, 120})
      ids += id + std::string(static_cast<size_t>(type.bytes) - 1, 0);
    const TempFolder in;
    in.write("x.npy", numpy_file(std::string("{'descr': '") + type.descr +
                                     "', 'fortran_order': False, 'shape': (3,), }",
                                 ids));
    EXPECT_THAT(ids_of(describe_shard(collected(in.path("x.npy"))[0], 0).shard),
                ElementsAre(3, 1, 120))
        << type.descr;
    if (type.code == 0) continue;
    // One sequence of three, one document.
    std::string index = from_hex(kMegatronIdx16).substr(0, 17) + type.code +
                        from_hex("01000000000000000200000000000000") + from_hex("03000000") +
                        std::string(8, '\0') + std::string(8, '\0') + from_hex("0100000000000000");
    in.write("m.idx", index);
    in.write("m.bin", ids);
    EXPECT_THAT(ids_of(describe_shard(collected(in.path("m.bin"))[0], 0).shard),
                ElementsAre(3, 1, 120))
        << int{type.code};
    in.write("m.idx", index + std::string(1, '\0'));  // with a mode for the sequence
    EXPECT_EQ(describe_shard(collected(in.path("m.bin"))[0], 0).shard.tokens, 3);
  }
}

TEST(TokenFormats, BothFilesOfAPairAndAFolderMeanThePairOnce) {
  const TempFolder in;
  in.write("m.idx", from_hex(kMegatronIdx16));
  in.write("m.bin", from_hex(kIds16));
  std::vector<std::string> notes;
  EXPECT_EQ(
      collect_files({{in.path("m.idx")}, {in.path("m.bin")}}, TextFormat::kByName, 0, notes).size(),
      1u);
  EXPECT_EQ(collected(in.path()).size(), 1u);
}

TEST(TokenFormats, FoldersOfRawIdsGiveTheirBinFilesOnly) {
  const TempFolder in;
  in.write("train.bin", from_hex(kIds16));
  in.write("prepare.py", "import numpy");
  in.write("meta.pkl", "\x80\x04");
  std::vector<std::string> notes;
  const auto files = collect_files({{in.path()}}, TextFormat::kByName, 2, notes);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].path.filename(), "train.bin");
  EXPECT_THAT(notes, ElementsAre(HasSubstr("left out 2 files that are not named .bin or .npy")));
}

std::string with_byte(std::string bytes, size_t at, char byte) {
  bytes[at] = byte;
  return bytes;
}

struct BadShard {
  const char* what;
  std::vector<std::pair<std::string, std::string>> files;  // the first is prepared
  std::int64_t width;
  std::vector<std::string> said;
};

TEST(TokenFormats, WhatIsWrongIsSaidWithFileByteAndAWayOut) {
  const std::string llmc = llmc_file(kLlmcHead16, kIds16);
  const std::string idx = from_hex(kMegatronIdx16), ids = from_hex(kIds16);
  const std::string npy = numpy_file(kNumpySix, ids);
  const std::vector<BadShard> cases = {
      {"unknown .bin", {{"a.bin", ids}}, 0, {"a.bin", "--dtype u16"}},
      {"empty raw", {{"a.bin", ""}}, 2, {"a.bin", "is empty"}},
      {"odd raw", {{"a.bin", ids + "x"}}, 2, {"a.bin", "13 bytes", "cut at byte 13"}},
      {"wrong width", {{"a.bin", ids + ids.substr(0, 2)}}, 4, {"14 bytes", "multiple of 4"}},
      {"llm.c cut", {{"a.bin", llmc.substr(0, 1030)}}, 0, {"a.bin", "byte 8", "1036", "1030"}},
      {"llm.c header cut", {{"a.bin", llmc.substr(0, 500)}}, 0, {"cut at byte 500"}},
      {"llm.c grown", {{"a.bin", llmc + "xx"}}, 0, {"1036", "1038"}},
      {"llm.c version", {{"a.bin", with_byte(llmc, 4, 2)}}, 0, {"byte 4", "version 2"}},
      {"llm.c count", {{"a.bin", with_byte(llmc, 11, '\xff')}}, 0, {"byte 8", "-16777210 ids"}},
      {"llm.c evaluation",
       {{"a.bin", with_byte(llmc, 0, '\x8a')}},
       0,
       {"evaluation set", "20240522", "leave it out"}},
      {"idx header cut",
       {{"m.bin", ids}, {"m.idx", idx.substr(0, 20)}},
       0,
       {"m.idx", "cut at byte 20"}},
      {"idx cut", {{"m.bin", ids}, {"m.idx", idx.substr(0, 60)}}, 0, {"m.idx", "60 bytes", "94"}},
      {"idx version",
       {{"m.bin", ids}, {"m.idx", with_byte(idx, 9, 2)}},
       0,
       {"m.idx", "byte 9", "version 2"}},
      {"float", {{"m.bin", ids}, {"m.idx", with_byte(idx, 17, 7)}}, 0, {"byte 17", "type 7"}},
      {"absurd count",
       {{"m.bin", ids}, {"m.idx", with_byte(idx, 25, 0x7f)}},
       0,
       {"byte 18", "more than its own bytes"}},
      {"gap between sequences",
       {{"m.bin", ids}, {"m.idx", with_byte(idx, 54, 8)}},
       0,
       {"m.idx", "byte 54: sequence 1 begins at byte 8", "ends at 6"}},
      {"negative length",
       {{"m.bin", ids}, {"m.idx", with_byte(idx, 41, '\xff')}},
       0,
       {"byte 38: sequence 1 has length -16777215"}},
      {"bin cut",
       {{"m.bin", ids.substr(0, 10)}, {"m.idx", idx}},
       0,
       {"byte 62: sequence 2 ends at byte 12", "which has 10"}},
      {"bin grown", {{"m.bin", ids + "xx"}, {"m.idx", idx}}, 0, {"14 bytes", "end at byte 12"}},
      {"bin missing", {{"m.idx", idx}}, 0, {"m.bin", "cannot be found"}},
      {"npy cut", {{"x.npy", npy.substr(0, 130)}}, 0, {"x.npy", "6 ids of 2 bytes, but 2 bytes"}},
      {"npy header cut", {{"x.npy", npy.substr(0, 60)}}, 0, {"cut at byte 60"}},
      {"npy of floats",
       {{"x.npy", numpy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", ids)}},
       0,
       {"x.npy", "'<f4'", "astype('<u2')"}},
      {"npy of two dimensions",
       {{"x.npy", numpy_file("{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }", ids)}},
       0,
       {"(2, 3)", "reshape(-1)"}},
      {"big-endian npy",
       {{"x.npy", numpy_file("{'descr': '>u2', 'fortran_order': False, 'shape': (6,), }", ids)}},
       0,
       {"little-endian"}},
      {"gzip", {{"a.jsonl.gz", "\x1f\x8b\x08"}}, 0, {"gzip", "gunzip"}},
      {"zstd", {{"a.jsonl.zst", "\x28\xb5\x2f\xfd"}}, 0, {"zstd -d"}},
      {"parquet", {{"a.parquet", "PAR1xx"}}, 0, {"Parquet", "JSONL"}},
  };
  for (const BadShard& c : cases) {
    const TempFolder in;
    for (const auto& [name, bytes] : c.files) in.write(name, bytes);
    const std::string said = message_of<Error>([&] {
      describe_shard(collected(in.path(c.files.front().first), c.width).front(), c.width);
    });
    EXPECT_THAT(said, HasSubstr(c.files.back().first.substr(0, 1))) << c.what;
    for (const std::string& part : c.said) EXPECT_THAT(said, HasSubstr(part)) << c.what;
  }
}

// True when the file is described (and can then be mapped) or refused as it should be.
bool is_described_or_refused(const std::string& path) {
  try {
    const auto files = collected(path);
    if (!holds_ids(files.at(0).kind)) return true;  // no longer looks like a token file
    return !ids_of(describe_shard(files[0], 0).shard).empty();
  } catch (const Error& error) {
    return error.kind() == ErrorKind::kUsage;
  }
}

TEST(TokenFormats, AnyChangedByteAndAnyCutIsDescribedOrRefused) {
  const TempFolder in;
  in.write("m.bin", from_hex(kIds16));
  const std::pair<const char*, std::string> files[] = {
      {"m.idx", from_hex(kMegatronIdx16)},
      {"x.npy", numpy_file(kNumpySix, from_hex(kIds16))},
      {"l.bin", llmc_file(kLlmcHead16, kIds16).substr(0, 16)},
  };
  for (const auto& [name, bytes] : files) {
    // A new file each time: some file systems wait for the disk when one is rewritten.
    const auto write = [&in, name = name](const std::string& changed) {
      std::filesystem::remove(in.path(name));
      in.write(name, changed);
    };
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const char byte : {'\0', '\1', '\x7f', '\x80', '\xff'}) {
        write(with_byte(bytes, at, byte));
        EXPECT_TRUE(is_described_or_refused(in.path(name))) << name << " byte " << at;
      }
      write(bytes.substr(0, at));
      EXPECT_TRUE(is_described_or_refused(in.path(name))) << name << " cut at " << at;
    }
  }
}

DescribedShard raw_shard(const std::string& path, std::int64_t width, bool is_signed = false) {
  InputFile file{.path = path, .licence = "x", .kind = FileKind::kRawIds};
  DescribedShard described = describe_shard(file, width);
  described.is_signed = is_signed;
  return described;
}

TEST(ScanShards, TheHashIsThatOfTheIdsHoweverTheyAreCutAndWidened) {
  const TempFolder in;
  const auto whole = raw_shard(in.write("w", from_hex(kIds16)), 2);
  const auto first = raw_shard(in.write("1", from_hex(kIds16).substr(0, 4)), 2);
  const auto rest = raw_shard(in.write("2", from_hex(kIds16).substr(4)), 2);
  const auto wide = raw_shard(in.write("4", from_hex(kIds32)), 4);
  const auto wide_rest = raw_shard(in.write("5", from_hex(kIds32).substr(8)), 4);

  const ScannedShards scanned = scan_shards({whole}, 0);
  EXPECT_EQ(scanned.tokens, 6);
  EXPECT_EQ(scanned.largest_id, 65499);
  EXPECT_EQ(scanned.token_bytes, 2);
  EXPECT_EQ(scanned.sha256, sha256(from_hex(kIds16)));
  EXPECT_EQ(scan_shards({first, rest}, 0).sha256, scanned.sha256);
  EXPECT_EQ(scan_shards({wide}, 0).sha256, sha256(from_hex(kIds32)));
  EXPECT_EQ(scan_shards({first, wide_rest}, 0).sha256, sha256(from_hex(kIds32)));
}

TEST(ScanShards, NamesTheFirstIdThatIsBeyondTheVocabularyOrNegative) {
  const TempFolder in;
  const auto good = raw_shard(in.write("good", from_hex(kIds16)), 2);
  std::string many(3 << 20, '\0');
  many[(5 << 19) + 1] = '\x40';  // id 16384, beyond the first buffer
  many[(5 << 19) + 3] = '\x41';
  const auto far = raw_shard(in.write("far", many), 2);
  EXPECT_EQ(scan_shards({good, far}, 65500).largest_id, 65499);
  const std::string said = message_of<Error>([&] { scan_shards({far}, 16384); });
  EXPECT_THAT(said, HasSubstr("/far: byte 2621440: id 16384 is not below the vocabulary, 16384"));
  EXPECT_THAT(message_of<Error>([&] { scan_shards({good}, 65499); }),
              HasSubstr("byte 6: id 65499"));

  const auto negative = raw_shard(in.write("minus", from_hex("0100ffff")), 2, true);
  EXPECT_THAT(message_of<Error>([&] { scan_shards({negative}, 0); }),
              HasSubstr("byte 2: id -1 is negative"));
  const auto huge = raw_shard(in.write("huge", from_hex("ffffffff")), 4);
  EXPECT_THAT(message_of<Error>([&] { scan_shards({huge}, 0); }), HasSubstr("id 4294967295"));
}

// Preparing token files as a whole.
std::string many_ids(std::int64_t count, std::int64_t bytes) {
  std::string ids;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto id = static_cast<std::uint32_t>(i * 7919 % 1000);
    for (std::int64_t b = 0; b < bytes; ++b) ids += static_cast<char>(id >> (8 * b));
  }
  return ids;
}

TEST(PrepareTokens, ShardsAreListedNotCopiedAndReadAsOneRow) {
  const TempFolder in, out;
  in.write("a.bin", many_ids(20000, 2));
  in.write("b.bin", many_ids(10001, 2));
  CorpusManifest written;
  const PreparedCorpus prepared = prepare_corpus(
      {.inputs = {{in.path("a.bin"), "MIT"}, {in.path("b.bin"), "CC0"}},
       .out_dir = out.path("c"),
       .token_bytes = 2},
      [&](const CorpusManifest& manifest, const std::string&) { written = manifest; });
  const CorpusManifest& manifest = prepared.manifest;
  EXPECT_EQ(written, manifest);
  EXPECT_EQ(manifest.tokens, 30001);
  EXPECT_EQ(manifest.vocab, 1000);
  EXPECT_EQ(manifest.tokenizer, "external");
  EXPECT_FALSE(manifest.bytes_per_token().has_value());
  EXPECT_EQ(manifest.tokens_sha256, sha256(many_ids(20000, 2) + many_ids(10001, 2)));
  EXPECT_EQ(manifest.shards.size(), 2u);
  EXPECT_EQ(manifest.shards[1].licence, "CC0");
  EXPECT_THAT(prepared.notes, ElementsAre(HasSubstr("largest id + 1, 1000")));
  EXPECT_FALSE(std::filesystem::exists(out.path("c/tokens.bin")));
  std::vector<std::int32_t> across(4);
  TokenFile(out.path("c"), manifest).read(19998, across);
  EXPECT_THAT(across, ElementsAre(19998 * 7919 % 1000, 19999 * 7919 % 1000, 0, 919));
}

TEST(PrepareTokens, RefusesTextBesideThemAndATokenizer) {
  const TempFolder in, out;
  in.write("a.npy", numpy_file(kNumpySix, from_hex(kIds16)));
  in.write("b.txt", std::string(50000, 'x'));
  const auto said = [&](PrepareOptions options) {
    options.out_dir = out.path("c");
    return message_of<Error>(
        [&] { prepare_corpus(options, [](const CorpusManifest&, const std::string&) {}); });
  };
  EXPECT_THAT(said({.inputs = {{in.path()}}}),
              ::testing::AllOf(HasSubstr("a.npy holds token ids"), HasSubstr("b.txt text")));
  EXPECT_THAT(said({.inputs = {{in.path("a.npy")}}, .bpe_vocab = 300}), HasSubstr("--bpe"));
  EXPECT_THAT(said({.inputs = {{in.path("b.txt")}}, .vocab = 300}), HasSubstr("--vocab"));
  EXPECT_THAT(said({.inputs = {{in.path("a.npy")}}}), HasSubstr("6 tokens are fewer than 20"));
  EXPECT_TRUE(std::filesystem::is_empty(out.path()));
}

}  // namespace
}  // namespace isoflop
