// JSON Lines, UTF-8 and plain text as they are read.
#include "data/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "core/error.h"
#include "core/hash.h"
#include "data/jsonl.h"
#include "data/utf8.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// What is read from a file with these bytes.
struct Read {
  std::string text;
  ReadText counts;
};

Read read_all(const TempFolder& folder, const std::string& bytes, FileKind kind,
              const TextRules& rules = {}) {
  const InputFile file{.path = folder.write("in", bytes), .licence = "CC0", .kind = kind};
  Read read;
  read.counts = read_text(file, rules, [&](std::string_view text) { read.text += text; });
  return read;
}

std::string wrong_jsonl(const std::string& bytes, const TextRules& rules = {}) {
  const TempFolder folder;
  return message_of<Error>([&] { read_all(folder, bytes, FileKind::kJsonl, rules); });
}

TEST(Jsonl, GivesEachDocumentsTextFollowedByTheSeparator) {
  const TempFolder folder;
  const std::string bytes =
      "{\"text\": \"one\\n\\ttwo\", \"meta\": {\"text\": \"not this\", \"n\": [1, {\"text\": "
      "2}]}}\n"
      "\n  \r\n"
      "{\"id\":7,\"text\":\"\\u00e9\\ud83d\\ude00\\\"\\/\"}\r\n"
      "{\"text\":\"\"}\n"
      "{\"text\":\"\xc3\xa9 last, without newline\"}";
  const Read read = read_all(folder, bytes, FileKind::kJsonl, {.separator = "\n\n"});
  const std::string expected =
      "one\n\ttwo\n\n\xc3\xa9\xf0\x9f\x98\x80\"/\n\n\xc3\xa9 last, without newline\n\n";
  EXPECT_EQ(read.text, expected);
  EXPECT_EQ(read.counts.text_bytes, static_cast<std::int64_t>(expected.size()));
  EXPECT_EQ(read.counts.documents, 3);
  EXPECT_EQ(read.counts.empty_documents, 1);
  EXPECT_EQ(read.counts.first_empty_line, 5);
  EXPECT_EQ(read.counts.source.bytes, static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(read.counts.source.sha256, sha256(bytes));
  EXPECT_EQ(read.counts.source.licence, "CC0");
}

TEST(Jsonl, LinesLongerThanAnyBufferAndOtherKeys) {
  const TempFolder folder;
  const std::string text(3'000'000, 'x');
  const Read read = read_all(folder, "{\"content\":\"" + text + "\"}\n{\"content\":\"y\"}\n",
                             FileKind::kJsonl, {.key = "content"});
  EXPECT_EQ(read.text, text + "\ny\n");
}

TEST(Jsonl, WhatIsWrongIsSaidWithLineAndByte) {
  const std::string good = "{\"text\":\"a\"}\n";  // 13 bytes
  EXPECT_THAT(wrong_jsonl(good + good + "{\"text\" \"b\"}\n"),
              ::testing::AllOf(HasSubstr("line 3, byte 3"), HasSubstr("is not JSON")));
  EXPECT_THAT(wrong_jsonl(good + "{\"text\":\"cut"),
              ::testing::AllOf(HasSubstr("line 2, byte"), HasSubstr("is not JSON")));
  EXPECT_THAT(wrong_jsonl(good + "{\"text\":\"a\"} {\"text\":\"b\"}\n"),
              HasSubstr("line 2, byte 2"));
  EXPECT_THAT(wrong_jsonl(good + "plain text\n"), HasSubstr("line 2, byte 13: is not JSON"));
  EXPECT_THAT(wrong_jsonl(good + "[1]\n"), HasSubstr("line 2, byte 13: is a list"));
  EXPECT_THAT(wrong_jsonl(good + "\"text\"\n"), HasSubstr("is a string"));
  EXPECT_THAT(wrong_jsonl(good + "{\"id\":1,\"body\":\"b\"}\n"),
              HasSubstr("line 2, byte 13: has no \"text\", but id, body: name the text's key "
                        "(--text-key)"));
  EXPECT_THAT(wrong_jsonl("{\"id\":{\"text\":\"inner\"}}\n"), HasSubstr("has no \"text\""));
  EXPECT_THAT(wrong_jsonl("{}\n"), HasSubstr("has no \"text\": name"));
  for (const auto& [value, what] : {std::pair("3", "a number"),
                                    {"null", "null"},
                                    {"true", "true or false"},
                                    {"[\"a\"]", "a list"},
                                    {"{\"a\":\"b\"}", "an object"}}) {
    EXPECT_THAT(wrong_jsonl(good + "{\"text\":" + value + "}\n"),
                HasSubstr(std::string("line 2, byte 13: \"text\" is ") + what + ", not a string"));
  }
  EXPECT_THAT(wrong_jsonl(good + "{\"text\":\"a\xff\"}\n"),
              HasSubstr("line 2, byte 23: is not UTF-8"));
  EXPECT_THAT(wrong_jsonl("{\"text\":\"\\ud83d\"}\n"), HasSubstr("is not JSON"));
  EXPECT_THAT(wrong_jsonl(""), HasSubstr("is empty"));
  EXPECT_THAT(wrong_jsonl("\n\n"), HasSubstr("holds no document"));
  EXPECT_THAT(wrong_jsonl("{\"text\":\"\"}\n"), HasSubstr("holds no document"));
}

// UTF-8 by its definition: encode every code point that is a character.
bool is_utf8(const std::string& bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(bytes[i + k]); };
    const size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
    if (i + length > bytes.size()) return false;
    std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0xFF >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      if ((byte(k) & 0xC0) != 0x80) return false;
      code = code << 6 | (byte(k) & 0x3F);
    }
    const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (length > 1 && (byte(0) < 0xC0 || byte(0) > 0xF7)) return false;
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += length;
  }
  return true;
}

std::optional<std::int64_t> first_bad_byte(const std::string& bytes, size_t piece) {
  Utf8Checker checker;
  for (size_t i = 0; i < bytes.size(); i += piece) {
    if (const auto bad = checker.feed(std::string_view(bytes).substr(i, piece))) return bad;
  }
  return checker.finish();
}

TEST(Utf8, AgreesWithTheDefinitionOnRandomBytesHoweverTheyAreCut) {
  std::mt19937 random(5);
  // Bytes around the borders of the table.
  const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
                                 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
  int good = 0;
  for (int i = 0; i < 60000; ++i) {
    std::string bytes;
    const size_t length = 1 + random() % 5;
    while (bytes.size() < length) bytes += static_cast<char>(edges[random() % sizeof edges]);
    const auto bad = first_bad_byte(bytes, 1 + random() % 3);
    ASSERT_EQ(!bad.has_value(), is_utf8(bytes)) << ::testing::PrintToString(bytes);
    // Up to there all is well, and nothing that begins there is a character.
    if (bad) {
      EXPECT_TRUE(is_utf8(bytes.substr(0, static_cast<size_t>(*bad))));
    }
    good += !bad;
  }
  EXPECT_GT(good, 1000);
}

TEST(PlainText, MustBeUtf8OnlyWhereItIsAskedFor) {
  const TempFolder folder;
  std::string text(1'500'000, 'a');
  text[1'048'575] = '\xc3';  // a character across two buffers
  text[1'048'576] = '\xa9';
  EXPECT_EQ(read_all(folder, text, FileKind::kPlainText, {.utf8 = true}).text, text);
  text[1'048'576] = 'a';
  EXPECT_EQ(read_all(folder, text, FileKind::kPlainText).text, text);
  EXPECT_THAT(
      message_of<Error>([&] { read_all(folder, text, FileKind::kPlainText, {.utf8 = true}); }),
      ::testing::AllOf(HasSubstr("/in: byte 1048575 is not UTF-8"), HasSubstr("iconv")));
  EXPECT_THAT(
      message_of<Error>([&] { read_all(folder, "caf\xc3", FileKind::kPlainText, {.utf8 = true}); }),
      HasSubstr("byte 3"));
}

}  // namespace
}  // namespace isoflop
